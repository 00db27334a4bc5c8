"""What the OCPP side writes into the audit trail: one tag per act, read by the pages as well."""

from enum import StrEnum


class FleetAct(StrEnum):
    """Acts on stations and walks; the value is what stands in the trail."""

    STATION_ADDED = "station:added"
    STATION_REMOVED = "station:removed"
    STATION_SEEN = "station:seen-on-profile"
    STATION_REFUSED = "station:refused"
    STATION_BOOTED = "station:booted"
    STATION_CLOSED = "station:connection-closed"
    FLOOR_RAISED = "station:lower-profile-barred"
    FLOOR_PERMITTED = "station:lower-profile-permitted"
    QUIET_ON = "station:made-quiet"
    QUIET_OFF = "station:talked-to-again"
    SETTINGS_ASKED = "station:settings-asked"
    BOOTSTRAP_ALLOWED = "station:bootstrap-allowed"
    BOOTSTRAP_ENDED = "station:bootstrap-ended"
    RECOVERY_OPENED = "station:recovery-opened"
    RECOVERY_ENDED = "station:recovery-ended"
    LANE_ENTERED = "station:let-in-pending"
    LANE_HINDERED = "station:renewal-hindered"
    WORKS_WHEN_ACCEPTED = "station:accepted-for-certificate-work"
    UNKNOWN_FORGOTTEN = "station:unknown-forgotten"
    PASSWORD_OFFERED = "station:password-offered"  # noqa: S105 -- the name of an act
    PASSWORD_CHANGED = "station:password-changed"  # noqa: S105 -- the name of an act
    PASSWORD_SET = "station:password-set"  # noqa: S105 -- the name of an act
    PASSWORD_KEPT = "station:password-kept"  # noqa: S105 -- the name of an act
    CERTIFICATE_ASKED = "station:certificate-asked"
    CERTIFICATE_ASK_REFUSED = "station:certificate-ask-refused"
    CERTIFICATE_SENT = "station:certificate-sent"
    CERTIFICATE_TAKEN = "station:certificate-accepted"
    CERTIFICATE_TURNED_DOWN = "station:certificate-rejected"
    CERTIFICATE_SEEN = "station:certificate-seen"
    ENROLLED = "station:enrolled"
    ENROLMENT_REFUSED = "station:enrolment-refused"
    SECURITY_EVENT = "station:security-event"
    CHARGING_HANDED_OVER = "charging:handed-over"
    ID_TOKEN_PUT = "id-token:put"  # noqa: S105 -- the name of an act
    ID_TOKEN_REMOVED = "id-token:removed"  # noqa: S105 -- the name of an act
    LOG_RECEIVED = "station:log-received"
    LOG_READ = "station:log-read"
    COMMAND_ORDERED = "command:ordered"
    COMMAND_ANSWERED = "command:answered"
    ROOTS_LISTED = "station:roots-listed"
    ROOT_UNKNOWN = "station:unknown-root"
    ROOT_ORDERED = "station:root-ordered"
    ROOT_SETTLED = "station:root-settled"
    ROOT_RECORDED = "root:recorded"
    ROOT_FORGOTTEN = "root:forgotten"
    QUIRK_PUT = "quirk:put"
    QUIRK_REMOVED = "quirk:removed"
    QUIRK_DISMISSED = "quirk:dismissed"
    WALK_STARTED = "walk:started"
    WALK_STEP = "walk:step"
    WALK_DONE = "walk:done"
    WALK_HELD = "walk:held"
    WALK_RESUMED = "walk:resumed"
    WALK_CANCELLED = "walk:cancelled"

"""A station's story in lines, from its audit records and the connections that were let in."""

from collections.abc import Iterable, Mapping

from csms_bridge.acts import FleetAct
from csms_bridge.station import AdmissionRecord, TimelineEntry
from pki.audit import AuditRecord, PkiAct

_OF_CAMPAIGNS: Mapping[str, str] = {
    FleetAct.STATION_PLACED: "placed: site {site}",
    FleetAct.SITE_PUT: "site changed",
    FleetAct.SITE_REMOVED: "site removed",
    FleetAct.CAMPAIGN_CREATED: "campaign made: {kind}",
    FleetAct.CAMPAIGN_STARTED: "campaign started with {stations} stations",
    FleetAct.CAMPAIGN_WAVE: "campaign: wave {wave} begun",
    FleetAct.CAMPAIGN_PAUSED: "campaign paused",
    FleetAct.CAMPAIGN_RESUMED: "campaign goes on",
    FleetAct.CAMPAIGN_ABORTED: "campaign aborted",
    FleetAct.CAMPAIGN_GAVE_UP: "campaign gave this station up",
    FleetAct.CAMPAIGN_ENDED: "campaign ended",
    FleetAct.MIGRATION_EXPECTED: "expected to come back on another version of OCPP",
    FleetAct.MIGRATION_PREPARED: "prepared for another version of OCPP",
    FleetAct.MIGRATION_ARRIVED: "came back on another version of OCPP",
    FleetAct.MIGRATION_ENDED: "the change of its OCPP version is over",
}
_OF_TRUST: Mapping[str, str] = {
    FleetAct.ROOT_PLAN_STARTED: "roll-over of a root begun",
    FleetAct.ROOT_PLAN_INTENDED: "roll-over of a root: {intent} is to be done",
    FleetAct.ROOT_PLAN_MOVED: "roll-over of a root: a step is done",
    FleetAct.ROOT_PLAN_HINDERED: "roll-over of a root hindered",
    FleetAct.ROOT_PLAN_PAUSED: "roll-over of a root paused",
    FleetAct.ROOT_PLAN_RESUMED: "roll-over of a root goes on",
    FleetAct.ROOT_PLAN_ENDED: "roll-over of a root ended",
    FleetAct.ROOT_PLAN_GATED: "roll-over of a root: other gates",
    FleetAct.ROOT_PLAN_EXCLUDED: "left out of the roll-over of a root",
    FleetAct.ROOT_PLAN_INCLUDED: "counts for the roll-over of a root again",
}
_OF_RENEWALS: Mapping[str, str] = {
    FleetAct.REQUESTS_SLOWED: "its certificate requests are slowed",
    FleetAct.REQUESTS_PAUSED: "its certificate requests are paused",
    FleetAct.REQUESTS_RELEASED: "its certificate requests are taken in again",
    FleetAct.RENEWALS_PAUSED: "renewals by themselves are paused",
    FleetAct.RENEWALS_RESUMED: "renewals by themselves go on",
}
_OF_FIRMWARE: Mapping[str, str] = {
    FleetAct.EMERGENCY_ASKED: "way back to {version} asked for",
    FleetAct.EMERGENCY_APPROVED: "way back to {version} agreed to by {person}",
    FleetAct.EMERGENCY_WITHDRAWN: "way back to {version} closed",
    FleetAct.IMAGE_KEPT: "image of {version} kept",
    FleetAct.IMAGE_REMOVED: "image of {version} removed",
    FleetAct.FIRMWARE_ORDERED: "firmware {version} to be installed",
    FleetAct.FIRMWARE_MOVED: "firmware {version}: {state}",
    FleetAct.FIRMWARE_ENDED: "firmware {version}: {state} {cause}",
}
_OF_QUIRKS: Mapping[str, str] = {
    FleetAct.QUIRK_PUT: "row of the quirk book written",
    FleetAct.QUIRK_REMOVED: "row of the quirk book removed",
    FleetAct.QUIRK_DISMISSED: "what was learned is not to become a row",
}
_PLAIN: Mapping[str, str] = {
    FleetAct.STATION_ADDED: "registered",
    FleetAct.STATION_REMOVED: "removed",
    FleetAct.STATION_SEEN: "seen on profile {profile}",
    FleetAct.STATION_REFUSED: "refused",
    FleetAct.STATION_BOOTED: "booted: {vendor} {model} {firmware}",
    FleetAct.STATION_CLOSED: "connection closed by us",
    FleetAct.FLOOR_RAISED: "profiles below {profile} refused from here on",
    FleetAct.FLOOR_PERMITTED: "profile {profile} permitted again",
    FleetAct.QUIET_ON: "made quiet: it is sent nothing unasked",
    FleetAct.QUIET_OFF: "no longer quiet",
    FleetAct.SETTINGS_ASKED: "its settings are to be read",
    FleetAct.BOOTSTRAP_ALLOWED: "may begin with a certificate of {vendor}",
    FleetAct.BOOTSTRAP_ENDED: "may not begin with its maker's certificate any more",
    FleetAct.RECOVERY_ASKED: "a way back was asked for: {loss}, by {proof}",
    FleetAct.RECOVERY_APPROVED: "its way back was approved by {person}, {missing} more wanted",
    FleetAct.RECOVERY_REFUSED: "its way back was not approved",
    FleetAct.RECOVERY_OPENED: "way back open until {until}: {loss}, by {proof}",
    FleetAct.RECOVERY_ENDED: "way back closed",
    FleetAct.BOARD_SWAPPED: "its board is another one: serial number {new} in place of {old}",
    FleetAct.LANE_ENTERED: "let in as Pending, {lane}",
    FleetAct.LANE_HINDERED: "its new certificate is hindered",
    FleetAct.WORKS_WHEN_ACCEPTED: "told Accepted, since it does no certificate work while Pending",
    FleetAct.PASSWORD_OFFERED: "new password made",
    FleetAct.PASSWORD_CHANGED: "password changed; the old one is refused",
    FleetAct.PASSWORD_SET: "password set by an operator",
    FleetAct.PASSWORD_KEPT: "new password not taken; the old one stays",
    FleetAct.PASSWORD_WITHDRAWN: "offered password withdrawn; the old one stays",
    FleetAct.CERTIFICATE_ASKED: "asked for a certificate",
    FleetAct.CERTIFICATE_ASK_REFUSED: "certificate request refused",
    FleetAct.CERTIFICATE_SENT: "certificate {serial} sent",
    FleetAct.CERTIFICATE_TAKEN: "certificate {serial} accepted by the station",
    FleetAct.CERTIFICATE_TURNED_DOWN: "certificate {serial} rejected by the station",
    FleetAct.CERTIFICATE_SEEN: "certificate {serial} seen in use",
    FleetAct.ENROLLED: "certificate {serial} fetched over EST",
    FleetAct.ENROLMENT_REFUSED: "certificate request over EST refused",
    PkiAct.ENROLMENT_CODE_MADE: "enrolment code made",
    PkiAct.ENROLMENT_CODE_USED: "enrolment code used for certificate {serial}",
    PkiAct.ENROLMENT_CODE_WITHDRAWN: "enrolment code withdrawn",
    FleetAct.SECURITY_EVENT: "security event {type} {tech_info}",
    FleetAct.LOG_RECEIVED: "uploaded its log {log}: {type}, {size} bytes",
    FleetAct.LOG_READ: "log {log} downloaded",
    FleetAct.COMMAND_ORDERED: "command {action} ordered",
    FleetAct.COMMAND_ANSWERED: "command {action} {state}",
    FleetAct.ROOTS_LISTED: "lists {count} certificates: {came} new, {gone} gone",
    FleetAct.ROOT_UNKNOWN: "lists a certificate that nobody knows: {kind} {serial}",
    FleetAct.ROOT_ORDERED: "to {deed} the {kinds} root {name}",
    FleetAct.ROOT_SETTLED: "to {deed} the {kinds} root {name}: {state}",
    FleetAct.ROOT_RECORDED: "root recorded",
    FleetAct.ROOT_FORGOTTEN: "root recorded no more",
    FleetAct.UNKNOWN_FORGOTTEN: "forgotten as an unknown station",
    FleetAct.CHARGING_HANDED_OVER: "messages about charging handed over",
    FleetAct.ID_TOKEN_PUT: "token listed",
    FleetAct.ID_TOKEN_REMOVED: "token listed no more",
    FleetAct.WALK_STARTED: "walk {walk} started: {from} → {to}",
    FleetAct.WALK_REPLANNED: "walk {walk}: its plan is made anew by what the station says it is",
    FleetAct.WALK_STEP: "{step}: {state} {note}",
    FleetAct.WALK_DONE: "walk {walk} done",
    FleetAct.WALK_HELD: "walk {walk} on hold",
    FleetAct.WALK_RESUMED: "walk {walk} goes on",
    FleetAct.WALK_CANCELLED: "walk {walk} cancelled",
    FleetAct.WALK_CANCELLING: "walk {walk} is to be cancelled",
    FleetAct.WALK_RETRIED: "walk {walk} tries its step again",
    FleetAct.WALK_SKIPPED: "walk {walk} is to skip a step",
    **_OF_CAMPAIGNS,
    **_OF_TRUST,
    **_OF_FIRMWARE,
    **_OF_QUIRKS,
    **_OF_RENEWALS,
}


def timeline_of(records: Iterable[AuditRecord], admissions: Iterable[AdmissionRecord]) -> list[TimelineEntry]:
    """Newest first. Refused connections of a known station stand in the audit trail already."""
    told = [_line(record) for record in records]
    knocks = [
        TimelineEntry(one.at, "admitted", f"connected from {one.address}: {one.reason}", "station")
        for one in admissions
        if one.admitted
    ]
    return sorted([*told, *knocks], key=lambda entry: entry.at, reverse=True)


def _line(record: AuditRecord) -> TimelineEntry:
    text = _words(record)
    if record.reason and record.reason not in text:
        text = f"{text} — {record.reason}"
    return TimelineEntry(record.at, record.act, text, record.by)


def _words(record: AuditRecord) -> str:
    pattern = _PLAIN.get(record.act)
    if pattern is None:
        return record.act
    return " ".join(pattern.format_map(_Details(record.details)).split())


class _Details(dict[str, object]):
    """Details with an empty text for what an older record does not have."""

    def __missing__(self, name: str) -> str:
        return ""

"""Who a station is and what was observed of it; no OCPP version in sight."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from csms_bridge.errors import StationRefused
from csms_bridge.event_severity import EventSeverity
from csms_bridge.security_vocabulary import ClockFit
from csms_bridge.standing import Lane
from pki.secret_text import Secret


class SecurityProfile(IntEnum):
    """OCPP's own numbers (OCA white paper "Improved security for OCPP 1.6-J" ed. 3, table 2; 2.0.1 A00)."""

    NONE = 0
    BASIC = 1
    TLS_BASIC = 2
    MUTUAL_TLS = 3


class OcppVersion(StrEnum):
    """The versions we speak, spelt as people do."""

    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"


# The characters of `identifierString` (2.0.1 Part 2 §2.1) at its length; 1.6 leaves both open.
IDENTITY = re.compile(r"[A-Za-z0-9*\-_=:+|@. ]{1,48}")
# The subject's CN carries the serial number, and ub-common-name is 64 (RFC 5280 Appendix A).
SERIAL_NUMBER = re.compile(r"[\x20-\x7e]{1,64}")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 64
LONGEST_SITE, LONGEST_TAG, MOST_TAGS = 100, 100, 50


def check_password(password: Secret | None) -> None:
    """Raise StationRefused for a password that no station can have; None, for one to be made, is fine."""
    if password is not None and not SHORTEST_PASSWORD <= len(password.reveal) <= LONGEST_PASSWORD:
        raise StationRefused("password", f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} bytes are allowed")


def check_place(site: str, tags: Sequence[str]) -> None:
    """Raise StationRefused for a site or tags that cannot be kept."""
    if len(site) > LONGEST_SITE or not site.isprintable() or site != site.strip():
        raise StationRefused("site", f"at most {LONGEST_SITE} printable characters are allowed")
    if len(tags) > MOST_TAGS:
        raise StationRefused("tags", f"at most {MOST_TAGS} tags are kept")
    for tag in tags:
        if not tag.strip() or len(tag) > LONGEST_TAG or not tag.isprintable() or ";" in tag:
            raise StationRefused("tags", f"{tag!r}: 1 to {LONGEST_TAG} printable characters, without semicolons")


@dataclass(frozen=True, slots=True)
class NewStation:
    """What is said of a station when it is registered. Raises StationRefused when it cannot be right."""

    id: str
    serial: str
    ocpp_version: OcppVersion | None = None
    profile: SecurityProfile = SecurityProfile.BASIC
    password: Secret | None = None
    site: str = ""
    tags: tuple[str, ...] = ()
    quiet: bool = False
    bootstrap: str = ""
    """The maker whose certificate alone lets it in until it has one of ours; empty: nobody's."""

    def __post_init__(self) -> None:
        if self.id == "unknown":
            raise StationRefused("id", "the list of unknown stations has this name")
        if not IDENTITY.fullmatch(self.id) or self.id in {".", ".."}:
            raise StationRefused("id", "1 to 48 of A-Z a-z 0-9 * - _ = : + | @ . and blank are allowed")
        if not SERIAL_NUMBER.fullmatch(self.serial) or self.serial != self.serial.strip():
            raise StationRefused("serial", "1 to 64 printable ASCII characters are allowed")
        if self.profile is SecurityProfile.NONE and self.ocpp_version not in (None, OcppVersion.V16):
            raise StationRefused("profile", "profile 0 exists in OCPP 1.6 only")
        check_password(self.password)
        check_place(self.site, self.tags)


@dataclass(frozen=True, slots=True)
class Station:
    """A registered station. `profile` is what was observed last, `floor` the lowest that is still admitted.

    A `quiet` one is sent nothing unasked: whatever the service sends by itself asks for this first.
    """

    id: str
    serial: str
    ocpp_version: OcppVersion | None
    profile: SecurityProfile | None
    floor: SecurityProfile
    wanted_profile: SecurityProfile
    online: bool
    hold: str | None
    charging: bool
    last_seen: datetime | None
    connected_at: datetime | None
    vendor: str
    model: str
    firmware: str
    site: str
    tags: tuple[str, ...]
    quiet: bool
    updated_at: datetime
    bootstrap: str = ""
    lane: Lane | None = None
    """Why it was let in as Pending only at its last connection; None when it was let in for good."""
    recovery_until: datetime | None = None
    recovery_reason: str = ""


@dataclass(frozen=True, slots=True)
class KnownPassword:
    """The hash of a Basic password of a station; `id` names it in walks and sightings."""

    id: str
    hash: str


@dataclass(frozen=True, slots=True)
class AddedStation:
    """A station just registered; `password` is set when we generated it, and is shown this once."""

    station: Station
    password: Secret | None = field(default=None)


@dataclass(frozen=True, slots=True)
class AdmissionRecord:
    """One decision about one connection."""

    at: datetime
    address: str
    tls: bool
    admitted: bool
    profile: SecurityProfile | None
    reason: str


@dataclass(frozen=True, slots=True)
class Posture:
    """What was observed of a station at its last connection, beside what is configured and wanted."""

    station: Station
    transport: str | None
    tls_version: str | None
    cipher: str | None
    certificate_serial: str | None
    address: str | None
    proof: str | None
    boot_serial: str | None
    boot_reason: str | None
    booted_at: datetime | None
    admissions: tuple[AdmissionRecord, ...]


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """A SecurityEventNotification (A04), told `times` times; `at` and `last_at` are the station's own clock.

    `type` is the name of OCPP 2.x, `told` what the station said; `clock` tells what its time is worth.
    """

    id: int
    station: str
    type: str
    told: str
    severity: EventSeverity
    at: datetime
    last_at: datetime
    received_at: datetime
    last_received_at: datetime
    times: int
    clock: ClockFit
    tech_info: str


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One OCPP message with its secrets taken out."""

    id: int
    station: str
    at: datetime
    direction: str
    kind: str
    action: str
    payload: object
    error: str


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of a station's story, from the audit trail, its admissions and its security events."""

    at: datetime
    what: str
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class Overview:
    """The fleet in numbers; `by_profile` counts stations by observed profile (None: never seen)."""

    total: int
    online: int
    held: int
    walks_running: int
    by_profile: dict[int | None, int]


@dataclass(frozen=True, slots=True)
class CommandOrder:
    """A message that somebody wants sent to a station, and what came of it."""

    id: int
    station: str
    action: str
    payload: dict[str, object]
    state: str
    answer: object
    error: str
    by: str
    created_at: datetime
    errand: str = ""

"""What we ask of a station, and what its answer means; no OCPP version in sight.

The dialects spell commands as messages and read the answers back. A secret travels as `Secret`, so that a
command can be shown in a log without showing it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from csms_bridge.station import SecurityProfile
from csms_bridge.station_certificates import CertificateKind, HashData, LeafKind, ListedCertificate
from csms_bridge.variables import Reading, Setting, Variable
from pki.secret_text import Secret


class Outcome(StrEnum):
    """How a station took a command."""

    ACCEPTED = "accepted"
    REBOOT_REQUIRED = "reboot-required"
    REJECTED = "rejected"
    NOT_SUPPORTED = "not-supported"
    FAILED = "failed"
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True)
class Answer:
    """A station's answer: the outcome, its own words for it, and what it brought."""

    outcome: Outcome
    words: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    certificates: tuple[ListedCertificate, ...] = ()
    """To ListRoots."""
    readings: tuple[Reading, ...] = ()
    """To ReadSettings: one for each that was asked for and told of. To WriteSettings: each that was not taken."""


@dataclass(frozen=True, slots=True)
class InstallRoot:
    """Trust this root (M05); `certificate` is one PEM block."""

    certificate: str
    kind: CertificateKind = CertificateKind.CSMS


@dataclass(frozen=True, slots=True)
class ListRoots:
    """Which certificates of these kinds do you hold? (M03). None named: all. 1.6 takes exactly one kind a message.

    The answer brings `certificates`; its fact `roots` are their serial numbers in hex, blank-separated.
    """

    kinds: tuple[CertificateKind, ...] = (CertificateKind.CSMS,)


@dataclass(frozen=True, slots=True)
class DeleteRoot:
    """Trust the certificate no longer that you listed with this hash data (M04)."""

    hash_data: HashData


@dataclass(frozen=True, slots=True)
class TriggerCertificateRequest:
    """Make a key and send a SignCertificate (A02)."""


@dataclass(frozen=True, slots=True)
class DeliverCertificate:
    """Your new certificate: PEM, leaf first (A02). 2.1 repeats the request's id (A02.FR.25)."""

    chain: str
    request_id: int | None = None
    kind: LeafKind = LeafKind.STATION


class Message(StrEnum):
    """What a station can be asked to send now (F06; white paper ed. 3 §5.2)."""

    BOOT = "boot"
    HEARTBEAT = "heartbeat"
    STATUS = "status"
    METER_VALUES = "meter-values"
    TRANSACTION = "transaction"
    LOG_STATUS = "log-status"
    DIAGNOSTICS_STATUS = "diagnostics-status"
    FIRMWARE_STATUS = "firmware-status"
    PUBLISH_STATUS = "publish-status"
    CERTIFICATE_REQUEST = "certificate-request"
    V2G_REQUEST = "v2g-request"
    V2G20_REQUEST = "v2g20-request"
    COMBINED_REQUEST = "combined-request"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Send this message now. `plain` is for 1.6 without the security extension: its base version's TriggerMessage.

    `custom` is the name of a message of the maker's own, for Message.CUSTOM (2.1).
    """

    message: Message
    connector: int | None = None
    evse: int | None = None
    custom: str = ""
    plain: bool = False


@dataclass(frozen=True, slots=True)
class NameOperator:
    """The organisation for the CSR's O (A02.FR.13); `country` only for stations that have none and need it."""

    organisation: str
    country: str | None = None


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Use this Basic password from now on (A01). `as_text`: 1.6 without the hexadecimal form."""

    password: Secret
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class RaiseProfile:
    """Change the security profile in place (1.6 A05)."""

    profile: SecurityProfile


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What are these settings? None named: all of them, which 1.6 alone can be asked. Brings `readings`."""

    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """Set these. 1.6 takes one a message. The worst entry decides the outcome; `readings` are those not taken."""

    settings: tuple[Setting, ...]


class ReportBase(StrEnum):
    """How much of its device model a station is to report (2.x B07)."""

    CONFIGURATION = "ConfigurationInventory"
    FULL = "FullInventory"
    SUMMARY = "SummaryInventory"


@dataclass(frozen=True, slots=True)
class AskReport:
    """Report your settings (2.x B07); they follow as ReportTold with this id."""

    request_id: int
    base: ReportBase = ReportBase.FULL


@dataclass(frozen=True, slots=True)
class AskReportOf:
    """Report these settings, limits and all (2.x B08); a variable without a name stands for its whole component."""

    request_id: int
    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class ListSlots:
    """Report which connection slots you have; the list follows as an event.

    By GetReport for the one variable (2.x B08), or by a `whole` ConfigurationInventory (B07), which every 2.x
    station knows.
    """

    request_id: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class ReadNetwork:
    """Which connection slots are there, in which order, and which is in use? (2.x B09).

    Facts of the answer: `priority` (comma-separated slots), `active` (slot, empty when not told), `country`
    ("missing" when the station has the variable and it is empty, else "settled").
    """


@dataclass(frozen=True, slots=True)
class WriteSlot:
    """Write a connection slot with SetNetworkProfile (2.x B09); `identity` and `password` are 2.1's."""

    slot: int
    url: str
    profile: SecurityProfile
    identity: str | None = None
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class WriteSlotVariables:
    """Write a connection slot through the NetworkConfiguration component (2.1 B09.FR.20-34)."""

    slot: int
    url: str
    profile: SecurityProfile


@dataclass(frozen=True, slots=True)
class PreferSlots:
    """Try these slots in this order (2.x B10)."""

    slots: tuple[int, ...]


class RestartKind(StrEnum):
    """How a station restarts."""

    IDLE = "idle"
    """When nobody is charging (2.x OnIdle; 1.6 Hard, to be sent outside transactions)."""
    NOW = "now"
    """At once, whatever goes on (2.x Immediate; 1.6 Hard)."""
    GENTLY = "gently"
    """End transactions properly first (1.6 Soft)."""
    RESUME = "resume"
    """At once, and go on with what went on (2.1 ImmediateAndResume)."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Restart, or one EVSE of yours (2.x)."""

    kind: RestartKind = RestartKind.IDLE
    evse: int | None = None


class LogKind(StrEnum):
    """Which log a station hands over (N01)."""

    DIAGNOSTICS = "DiagnosticsLog"
    SECURITY = "SecurityLog"
    DATA_COLLECTOR = "DataCollectorLog"
    """2.1 only."""


@dataclass(frozen=True, slots=True)
class FetchLog:
    """Upload a log to this address (N01); LogStatusTold follows. `url` may hold a one-time secret.

    Facts of the answer: `filename` (may be empty), `instead` ("yes" when an upload under way was given up for it).
    """

    log: LogKind
    request_id: int
    url: Secret
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: int | None = None
    retry_interval: int | None = None
    """In s."""


@dataclass(frozen=True, slots=True)
class FetchDiagnostics:
    """The same for a 1.6 station without the security extension (GetDiagnostics); the fact `filename`."""

    url: Secret
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: int | None = None
    retry_interval: int | None = None


@dataclass(frozen=True, slots=True)
class UpdateFirmware:
    """Fetch this image and install it (L01). `certificate` is PEM, `signature` base64; without them it is L02.

    The fact `instead` is "yes" when an update under way was given up for it.
    """

    request_id: int
    url: Secret
    retrieve_at: datetime
    install_at: datetime | None = None
    certificate: str | None = None
    signature: str | None = None
    retries: int | None = None
    retry_interval: int | None = None


@dataclass(frozen=True, slots=True)
class PublishFirmware:
    """Fetch this image and offer it to the stations behind you (2.x L03, a local controller). `checksum`: MD5, hex."""

    request_id: int
    url: Secret
    checksum: str
    retries: int | None = None
    retry_interval: int | None = None


@dataclass(frozen=True, slots=True)
class UnpublishFirmware:
    """Offer the image with this checksum no longer (2.x L04)."""

    checksum: str


Command = (
    InstallRoot
    | ListRoots
    | DeleteRoot
    | TriggerCertificateRequest
    | DeliverCertificate
    | Trigger
    | NameOperator
    | SetPassword
    | RaiseProfile
    | ReadSettings
    | WriteSettings
    | AskReport
    | AskReportOf
    | ListSlots
    | ReadNetwork
    | WriteSlot
    | WriteSlotVariables
    | PreferSlots
    | Restart
    | FetchLog
    | FetchDiagnostics
    | UpdateFirmware
    | PublishFirmware
    | UnpublishFirmware
)

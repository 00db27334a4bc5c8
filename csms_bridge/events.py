"""What a station did; no OCPP version in sight. The dialects make these out of CALLs."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from csms_bridge.charging import Phase, Token
from csms_bridge.station_certificates import HashData, LeafKind, StatusRequest
from csms_bridge.variables import Reading, Variable


@dataclass(frozen=True, slots=True)
class Booted:
    """BootNotification: what the station says it is. `serials` holds every serial number it gave."""

    vendor: str
    model: str
    firmware: str
    serials: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateAsked:
    """SignCertificate: `csr` is text as sent. `root` is which root the station wants above it (2.1 A02.FR.27)."""

    csr: str
    request_id: int | None = None
    kind: LeafKind = LeafKind.STATION
    root: HashData | None = None

    @property
    def for_station(self) -> bool:
        """Whether it is for the connection to us, and not for vehicles."""
        return self.kind is LeafKind.STATION


@dataclass(frozen=True, slots=True)
class SecurityEventTold:
    """SecurityEventNotification; `at` is the station's clock, None when it could not be read."""

    type: str
    at: datetime | None
    tech_info: str


@dataclass(frozen=True, slots=True)
class ChargingTold:
    """A message about charging: StartTransaction, StopTransaction, MeterValues, TransactionEvent.

    `transaction` is the station's name for it in 2.x. In 1.6 it is our number in decimal; of a start, which has none
    yet, the connector. Empty when the message names none.
    """

    phase: Phase
    transaction: str
    evse: int | None = None
    connector: int | None = None
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """The state of a connector in the version's words. `evse` is 0 in 1.6; connector 0 there is the whole station."""

    evse: int
    connector: int
    status: str
    error: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConnectorsTold:
    """StatusNotification, or a NotifyEvent about connectors (2.1 G01)."""

    connectors: tuple[ConnectorStatus, ...]


@dataclass(frozen=True, slots=True)
class ReportTold:
    """NotifyReport: settings that a report was asked for; `more` parts of the report follow unless it is false."""

    request_id: int
    part: int
    more: bool
    readings: tuple[Reading, ...]

    def values_of(self, variable: Variable) -> str:
        """The values that a variable may have, comma-separated; empty when this part does not tell."""
        told = (reading.characteristics for reading in self.readings if reading.variable == variable)
        return next((one.values for one in told if one is not None), "")


@dataclass(frozen=True, slots=True)
class LogStatusTold:
    """How far a log's upload is. `status` is the station's word (2.x UploadLogStatusEnumType)."""

    status: str
    request_id: int | None
    words: str = ""

    @property
    def succeeded(self) -> bool | None:
        """Whether the upload ended, and how; None while it goes on, when there is none, and for unknown words."""
        return True if self.status == "Uploaded" else False if self.status in _UPLOAD_FAILED else None


_UPLOAD_FAILED = ("BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure", "AcceptedCanceled")


class FirmwareStatus(StrEnum):
    """How far an update is: the fourteen words of all versions (1.6 Signed…, 2.x)."""

    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADING = "Downloading"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOAD_PAUSED = "DownloadPaused"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLING = "Installing"
    INSTALLED = "Installed"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INVALID_SIGNATURE = "InvalidSignature"
    SIGNATURE_VERIFIED = "SignatureVerified"


@dataclass(frozen=True, slots=True)
class FirmwareStatusTold:
    """How far an update is. `status` is None for a word that is none of the fourteen: `words` then begins with it.

    Firmware made before the white paper's second edition still says InvalidCertificate, RevokedCertificate and
    CertificateVerified. 1.6 without the security extension tells no `request_id`.
    """

    status: FirmwareStatus | None
    request_id: int | None
    words: str = ""

    @property
    def succeeded(self) -> bool | None:
        """Whether the update ended, and how; None while it goes on."""
        if self.status is FirmwareStatus.INSTALLED:
            return True
        return False if self.status in _UPDATE_FAILED else None


_UPDATE_FAILED = (
    FirmwareStatus.DOWNLOAD_FAILED,
    FirmwareStatus.INSTALLATION_FAILED,
    FirmwareStatus.INSTALL_VERIFICATION_FAILED,
    FirmwareStatus.INVALID_SIGNATURE,
)


@dataclass(frozen=True, slots=True)
class PublishStatusTold:
    """How far a local controller is with an image that it is to publish (2.x L03); its addresses when it has."""

    status: str
    request_id: int | None
    urls: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class CertificateStatusAsked:
    """GetCertificateStatus: fetch the OCSP response for a certificate (2.x M06)."""

    request: StatusRequest


@dataclass(frozen=True, slots=True)
class CertificateChainStatusAsked:
    """GetCertificateChainStatus: the status of each of these certificates (2.1 M07)."""

    requests: tuple[StatusRequest, ...]


@dataclass(frozen=True, slots=True)
class EvCertificateAsked:
    """Get15118EVCertificate: a contract certificate for a vehicle (2.x M01, M02). `exi` is base64, passed through."""

    schema_version: str
    update: bool
    exi: str
    chains: int | None = None
    """How many contract certificates the vehicle has room for (2.1)."""
    emaids: tuple[str, ...] = ()
    """In which order they are wanted (2.1)."""


@dataclass(frozen=True, slots=True)
class AuthorizeAsked:
    """Authorize: may this token charge? With Plug & Charge (2.x C07) the contract certificate, or its hash data.

    `certificate` is a PEM chain, leaf first, or empty.
    """

    token: str
    token_type: str
    certificate: str = ""
    statuses: tuple[StatusRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Anything else a station says that we only acknowledge."""

    action: str


Event = (
    Booted
    | CertificateAsked
    | SecurityEventTold
    | ChargingTold
    | ConnectorsTold
    | ReportTold
    | LogStatusTold
    | FirmwareStatusTold
    | PublishStatusTold
    | CertificateStatusAsked
    | CertificateChainStatusAsked
    | EvCertificateAsked
    | AuthorizeAsked
    | Told
)

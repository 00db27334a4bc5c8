"""What a station holds, as values: an entry of its list, and whose certificate it is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from csms_bridge.hash_data import Deviation
from csms_bridge.station_certificates import CertificateKind, HashData


class KnownAs(StrEnum):
    """Whose a certificate is."""

    AUTHORITY = "authority"
    """One of our own authorities, by name."""
    CROSS = "cross"
    """The key of an authority of ours, certified by another one."""
    ANCHOR = "anchor"
    """A maker's root, trusted for a first contact."""
    RECORDED = "recorded"
    """Somebody else's root that an operator has recorded."""
    STATION = "station"
    """The station's own certificate, which has no business among its roots."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """Whose it is: `name` as we call it (of a cross-certificate the authority, `by` who certified it)."""

    known_as: KnownAs
    name: str
    by: str = ""
    deviations: tuple[Deviation, ...] = ()

    @property
    def words(self) -> str:
        """For a sentence."""
        return f"{self.name} as certified by {self.by}" if self.by else self.name


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate that the station listed. `kind` is None for one that we have no name for.

    `hash_data` is in the station's own spelling. `gone_at` is when it was found to be listed no more.
    """

    id: int
    station: str
    kind: CertificateKind | None
    hash_data: HashData
    children: tuple[HashData, ...]
    recognised: Recognised | None
    first_seen: datetime
    last_seen: datetime
    gone_at: datetime | None = None


class ListingState(StrEnum):
    """What came of asking a station for its certificates of a kind."""

    DUE = "due"
    """It has not been asked yet, and will be."""
    LISTED = "listed"
    SILENT = "silent"
    """It said Accepted and listed nothing, as some do that hold certificates (station-quirks 7)."""
    UNABLE = "unable"
    """It does not know the message."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Listing:
    """When it was last asked for, when it was last listed, and what was said."""

    kind: CertificateKind
    state: ListingState
    sentence: str
    asked_at: datetime | None
    listed_at: datetime | None


class Deed(StrEnum):
    """What is done about a station's roots."""

    LIST = "list"
    INSTALL = "install"
    DELETE = "delete"


class ActState(StrEnum):
    """How far it is."""

    QUEUED = "queued"
    """The station is away; it is asked when it is back."""
    SENT = "sent"
    DONE = "done"
    REJECTED = "rejected"
    FAILED = "failed"
    NOT_FOUND = "not-found"
    REFUSED = "refused"
    """The station answered with an error, or does not know the message."""
    UNKNOWN = "unknown"
    """No answer came: what the station did shows when it lists its certificates."""
    UNSENT = "unsent"
    """It was withdrawn before it went out."""


OPEN = (ActState.QUEUED, ActState.SENT)
REFUSALS = (ActState.REJECTED, ActState.FAILED, ActState.NOT_FOUND, ActState.REFUSED)
SAID = (ActState.DONE, *REFUSALS)
"""The station has said what it did."""


@dataclass(frozen=True, slots=True)
class RootAct:
    """One thing that was done, and what came of it. `kinds` empty: all. `sha256` is the certificate's."""

    id: int
    station: str
    deed: Deed
    kinds: tuple[CertificateKind, ...]
    name: str
    sha256: str
    signed_by: str
    entry: int | None
    command: int | None
    state: ActState
    sentence: str
    reason: str
    by: str
    at: datetime
    settled_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether an answer may still come."""
        return self.state in OPEN

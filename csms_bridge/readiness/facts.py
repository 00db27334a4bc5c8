"""What is known of a station before it is walked. Every None is an unknown, and is said to be one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from csms_bridge.posture.book import ReadingState
from csms_bridge.posture.differences import Known
from csms_bridge.station_roots.entries import ListingState
from csms_bridge.walks.steps import WalkState
from pki.keys import KeyFamily


@dataclass(frozen=True, slots=True)
class LastWalk:
    """The newest walk of a station."""

    id: str
    goal: int
    state: WalkState
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was refused last: by the station, or (a request) by our authority."""

    words: str
    at: datetime
    by_station: bool = True


@dataclass(frozen=True, slots=True)
class Roots:
    """Its store of CSMS roots. `ours` are those of our roots that it lists or has accepted since.

    `listing` is what came of asking for the list (None: it was never asked), `count` how many certificates of any
    kind it lists, `foreign` whether a CSMS root of somebody else is among them.
    """

    ours: frozenset[str] = frozenset()
    listing: ListingState | None = None
    words: str = ""
    listed_at: datetime | None = None
    count: int = 0
    foreign: bool = False
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Ours:
    """Our own side, the same for all stations but for their chains.

    `servers`: the roots above our server's certificates, by the kind of key. `chains`: characters of the chain that
    CertificateSigned would carry, by the kind of the station's key; a kind that nobody issues for is not there.
    `root_from` and `root_until`: when every root of `servers` is valid.
    """

    servers: Mapping[KeyFamily, frozenset[str]]
    chains: Mapping[KeyFamily, int]
    root_from: datetime
    root_until: datetime


@dataclass(frozen=True, slots=True)
class Lesson:
    """What stations of its kind showed, as the quirk book would have it, and how often. Nobody has decided on it."""

    key: str
    value: object
    times: int


@dataclass(frozen=True, slots=True)
class Complaint:
    """A security event about a certificate or its TLS."""

    type: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """One station.

    `known` is what its posture is compared by, `reading` the last reading of its settings; `read_as_it_is`: it has
    the firmware and the version now that it had then. `slots` are those that it says it has, `longest_password` is in
    characters, `tells_priority` and `sets_password` are None where its settings do not tell. `key` is the kind of
    the key that it was certified for last.
    """

    known: Known
    reading: ReadingState
    ours: Ours
    read_as_it_is: bool = True
    told: int = 0
    walk: LastWalk | None = None
    expected_version: str | None = None
    roots: Roots = field(default_factory=Roots)
    slots: tuple[int, ...] | None = None
    tells_priority: bool | None = None
    longest_password: int | None = None
    sets_password: bool | None = None
    key: KeyFamily | None = None
    request_refused: Refusal | None = None
    lessons: tuple[Lesson, ...] = ()
    complaint: Complaint | None = None
    firmware_revoked: bool = False

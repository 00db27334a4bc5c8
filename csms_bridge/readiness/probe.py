"""Asking a station before it is judged: its settings and its list of roots, and nothing that changes anything."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from csms_bridge.posture.book import Outcome, ReadingState
from csms_bridge.posture.postures import Postures
from csms_bridge.station import Station
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.station_roots.entries import ActState, Deed, Listing, ListingState, RootAct


class ProbeState(StrEnum):
    """How far one of the two questions is."""

    NEVER = "never"
    """Nobody has asked."""
    WAITING = "waiting"
    """It is asked as soon as it is there and has nothing else to do."""
    ASKED = "asked"
    DONE = "done"
    PART = "part"
    """Something is missing; `words` say what."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Question:
    """One of the two. `at`: since when, or when it was answered."""

    state: ProbeState
    words: str = ""
    at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether an answer may still come."""
        return self.state in (ProbeState.WAITING, ProbeState.ASKED)


@dataclass(frozen=True, slots=True)
class Probe:
    """How far the reading of one station is."""

    settings: Question
    roots: Question

    @property
    def is_open(self) -> bool:
        """Whether something more may come to be known."""
        return self.settings.is_open or self.roots.is_open


class Probing:
    """Has stations asked. What is sent is GetConfiguration or GetVariables and GetReport or GetBaseReport, and
    GetInstalledCertificateIds: nothing that a station keeps."""

    def __init__(self, postures: Postures, roots: StationRoots) -> None:
        self._postures = postures
        self._roots = roots

    def ask(self, station: Station, by: str) -> None:
        """Have it read now, or as soon as it is back. Raises UnknownStation."""
        self._postures.ask(station.id, True, by)
        if station.ocpp_version is not None:  # else nobody knows how to ask for its roots
            self._roots.list_now(station.id, (CertificateKind.CSMS,), by)

    def of(self, station: str) -> Probe:
        """How far it is. Raises UnknownStation."""
        reading = self._postures.of(station).reading
        view = self._roots.view(station)
        listing = next((one for one in view.listings if one.kind is CertificateKind.CSMS), None)
        waits = next((act for act in view.acts if act.deed is Deed.LIST and act.is_open), None)
        return Probe(_settings(reading), _listing(listing, waits))


def _settings(reading: ReadingState) -> Question:
    if reading.asked_at is not None:
        return Question(ProbeState.WAITING, "", reading.asked_at)
    if reading.is_under_way:
        return Question(ProbeState.ASKED, "", reading.began_at)
    if reading.outcome is None:
        return Question(ProbeState.NEVER)
    state = {Outcome.WHOLE: ProbeState.DONE, Outcome.PART: ProbeState.PART, Outcome.FAILED: ProbeState.FAILED}
    return Question(state[reading.outcome], reading.words, reading.ended_at)


def _listing(listing: Listing | None, waits: RootAct | None) -> Question:
    if waits is not None:
        return Question(ProbeState.WAITING if waits.state is ActState.QUEUED else ProbeState.ASKED, "", waits.at)
    if listing is None or listing.state is ListingState.DUE:
        return Question(ProbeState.NEVER)
    state = _LISTED.get(listing.state, ProbeState.FAILED)
    return Question(state, listing.sentence, listing.listed_at or listing.asked_at)


_LISTED = {
    ListingState.LISTED: ProbeState.DONE,
    ListingState.SILENT: ProbeState.PART,
    ListingState.UNABLE: ProbeState.PART,
}

"""The door to readiness: one station, judged at this moment; the fleet, as it was assessed last."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from csms_bridge.errors import StationRefused, UnknownStation
from csms_bridge.posture.desk import PostureDesk
from csms_bridge.posture.sides import SideReader
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.readiness.assessment import GOALS, Assessment, assess
from csms_bridge.readiness.book import FleetReadiness, Listed, ReadinessBook, Wanted, cursor_of
from csms_bridge.readiness.codes import Order
from csms_bridge.readiness.probe import Probe, Probing
from csms_bridge.readiness.rounds import Rounds
from csms_bridge.readiness.sources import Sources
from csms_bridge.settings import BridgeSettings
from csms_bridge.station import SecurityProfile, Station
from csms_bridge.station_roots.door import StationRoots
from pki.authority import Authority
from pki.clock import Clock
from pki.store import Store

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class StationReadiness:
    """One station: who it is, how ready, and how far the reading is that finds out more."""

    station: Station
    assessment: Assessment
    probe: Probe
    at: datetime


class Readiness:
    """What pages, routes, commands and rounds call."""

    def __init__(
        self, store: Store, authority: Authority, posture: PostureDesk, roots: StationRoots, quirks: StationQuirks,
        settings: BridgeSettings, clock: Clock, *, organisation: str,
    ) -> None:  # fmt: skip
        shelf = posture.shelf
        sides = SideReader(store, shelf.book, shelf.model, authority)
        self._sources = Sources(store, sides, shelf.model, quirks, authority, settings, organisation)
        self._book = ReadinessBook(store)
        self._probing = Probing(posture.postures, roots)
        self._clock = clock
        self._rounds = Rounds(self._book, self.assess_again, lambda: quirks.book().rows, settings.readiness_age, clock)

    # --- one station

    def of(self, station: str, goal: SecurityProfile | None = None) -> StationReadiness:
        """Judged by what is known now, towards profile 3 unless another goal is named.

        Raises UnknownStation, and StationRefused for a goal that no walk leads to.
        """
        now = self._clock()
        probe = self._probing.of(station)  # before the facts: what is told to be read is among them
        found = self._sources.of([station], now).get(station)
        if found is None:
            raise UnknownStation(station)
        facts, book = found
        aim = SecurityProfile.MUTUAL_TLS if goal is None else _checked(goal)
        return StationReadiness(facts.known.station, assess(facts, book, aim, now), probe, now)

    def ask(self, station: str, by: str, goal: SecurityProfile | None = None) -> StationReadiness:
        """Have it read first, now or when it is back; `of` tells how far that is. Raises UnknownStation."""
        self._probing.ask(self.of(station, goal).station, by)
        return self.of(station, goal)

    # --- the fleet

    def counts(self, wanted: Wanted) -> FleetReadiness:
        """The fleet in numbers. Raises StationRefused."""
        _checked(wanted.goal)
        return self._book.counts(wanted)

    def page(
        self, wanted: Wanted, *, order: Order = Order.STATION, after: str | None = None, limit: int = 100
    ) -> list[Listed]:
        """Stations as they were assessed last. Raises StationRefused."""
        _checked(wanted.goal)
        return self._book.page(wanted, order, after, limit)

    def every(self, wanted: Wanted, order: Order = Order.STATION) -> Iterator[Listed]:
        """All of them, page by page."""
        after: str | None = None
        while found := self._book.page(wanted, order, after, _AT_ONCE):
            yield from found
            after = cursor_of(order, found[-1])

    # --- keeping it true

    def assess_again(self, stations: Collection[str]) -> None:
        """Assess these now, towards every goal, and write it down."""
        now = self._clock()
        found = self._sources.of(stations, now)
        self._book.note([assess(facts, book, goal, now) for facts, book in found.values() for goal in GOALS], now)

    def round(self) -> int:
        """To be called every few seconds; how many stations were assessed."""
        return self._rounds.round()


def _checked(goal: SecurityProfile) -> SecurityProfile:
    if goal not in GOALS:
        raise StationRefused("to", f"a walk leads to profile 2 or 3, not to {goal:d}")
    return goal

"""What is seen of many stations at the same time moves their walks together: one reading, one transaction (lots.py).

A fleet that is walked by a campaign moves thousands of times in a minute, and nearly every tick moves nothing.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from csms_bridge.charging_book import ChargingBook
from csms_bridge.lots import Lots
from csms_bridge.settings import BridgeSettings
from csms_bridge.walks import machine
from csms_bridge.walks.ledger import Ledger, Move, Moved
from csms_bridge.walks.resting import Resting
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.steps import Do, Pace, Progress, Seen, Tick, WeWereAway
from pki.clock import Clock

AT_ONCE = 100
"""Stations in one transaction: the write lock is free again after some ten milliseconds."""

SHUT_LOOK = timedelta(minutes=1)
"""How often it is looked whether a site has opened."""

ShutAmong = Callable[[Collection[str]], set[str]]
"""Those of these stations whose walks mind a maintenance window that is over."""


def pace_of(settings: BridgeSettings) -> Pace:
    """The walks' patience, from the settings."""
    silence = settings.call_timeout * 3
    return Pace(settings.walk_settle, settings.walk_grace, silence=silence, asleep=settings.walk_asleep)


@dataclass(frozen=True, slots=True)
class _Seen:
    station: str
    all: tuple[Seen, ...]


class WalkMoves:
    """Walks as the sessions of a process move them."""

    def __init__(
        self, ledger: Ledger, charging: ChargingBook, shut_among: ShutAmong, pace: Pace, clock: Clock
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._shut_among = shut_among
        self._charging = charging
        self._pace = pace
        self._clock = clock
        self._resting = Resting(pace)
        self._lots: Lots[_Seen, Moved] = Lots(self._carry, AT_ONCE)

    async def ask(self, station: str, *seen: Seen) -> Moved:
        """Tell the station's walk what was seen, in this order; nothing: only look. None when it has no walk.

        A Tick for a station that charges is one for a station that is not ready.
        """
        return await self._lots.ask(_Seen(station, seen))

    def due(self, connected: set[str]) -> tuple[list[str], list[str]]:
        """Stations with a running walk that time may move now: those that are connected here, and the others."""
        due = self._resting.due(self._ledger.running(), connected, self._clock())
        return [one for one in due if one in connected], [one for one in due if one not in connected]

    def let_time_pass(self, stations: Sequence[str]) -> None:
        """A tick for the walks of stations that are not connected: they may be late."""
        self._tell(stations, Tick(ready=False))

    def tell_we_were_away(self) -> None:
        """At start: stations may have knocked in vain since the last process ended."""
        self._tell(list(self._ledger.running()), WeWereAway())

    def _tell(self, stations: Sequence[str], seen: Seen) -> None:
        for start in range(0, len(stations), AT_ONCE):
            self._carry([_Seen(station, (seen,)) for station in stations[start : start + AT_ONCE]])

    def _carry(self, lot: Sequence[_Seen]) -> list[Moved]:
        ready = {one.station for one in lot if Tick(ready=True) in one.all}
        busy = self._charging.busy_among(ready) if ready else set()
        shut = self._shut_among(ready - busy) if ready - busy else set()
        told = [self._told(one.station, seen, busy, shut) for one in lot for seen in one.all or (None,)]
        results = iter(self._ledger.apply_each(told))
        moved = [_together([next(results) for _ in one.all or (None,)]) for one in lot]
        for one in moved:
            if one is not None:
                until = self._clock() + SHUT_LOOK if one[0].station in shut else None
                self._resting.lay_down(one[0], until)
        return moved

    def _told(self, station: str, seen: Seen | None, busy: Collection[str], shut: Collection[str]) -> Move:
        told = seen
        if isinstance(seen, Tick):
            told = Tick(seen.ready and station not in busy, station in shut)

        def change(under_way: WalkUnderWay, now: datetime) -> tuple[Progress, Sequence[Do]]:
            if told is None:
                return under_way.at, ()
            return machine.advance(under_way.walk, under_way.at, told, now, self._pace)

        return Move(station, change, is_news=not isinstance(seen, Tick | None))


def _together(moved: Sequence[Moved]) -> Moved:
    """Where the walk stands after the last of them, and what came out of all; one may have ended it."""
    found = [one for one in moved if one is not None]
    return (found[-1][0], [act for _, acts in found for act in acts]) if found else None

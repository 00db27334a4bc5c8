"""Which walks time cannot move yet: what a process remembers of them, so that a tick does not read them all again.

It costs nothing when it is lost. A walk that anybody else has moved is read again, since its row is newer.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from csms_bridge.walks.machine import quiet_until, waits_for_a_window
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.steps import Pace


@dataclass(frozen=True, slots=True)
class _Rest:
    stored_at: datetime
    there: datetime
    away: datetime


class Resting:
    """Until when each walk may be left alone."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._rests: dict[str, _Rest] = {}

    def lay_down(self, walk: WalkUnderWay, shut_until: datetime | None) -> None:
        """This is how it stands, in the row that was stored last; at a closed site it is looked at then."""
        there, away = (quiet_until(walk.walk, walk.at, self._pace, ready=ready) for ready in (True, False))
        if shut_until is not None and waits_for_a_window(walk.walk, walk.at):
            there = max(there, shut_until)
        self._rests[walk.station] = _Rest(walk.stored_at, there, away)

    def due(self, running: Mapping[str, datetime], connected: Collection[str], now: datetime) -> list[str]:
        """Of these stations, with the time when their walk was stored last, those that are to be looked at."""
        self._rests = {station: rest for station, rest in self._rests.items() if station in running}
        return [station for station, stored_at in running.items() if self._is_due(station, stored_at, connected, now)]

    def _is_due(self, station: str, stored_at: datetime, connected: Collection[str], now: datetime) -> bool:
        rest = self._rests.get(station)
        if rest is None or rest.stored_at != stored_at:
            return True
        return now >= (rest.there if station in connected else rest.away)

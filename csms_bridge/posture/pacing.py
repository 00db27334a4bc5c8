"""Whose settings are read next: a few a second, in random order, so that a fleet that comes back is not read at once.

One queue per process, in memory: what is in it can be found out again. Pure: time and chance are arguments.
"""

from collections.abc import Iterable
from datetime import datetime
from random import Random


class ReadingQueue:
    """Stations that are connected here. `rate`: readings that may begin in a second."""

    def __init__(self, rate: float, chance: Random) -> None:
        self._rate = rate
        self._chance = chance
        self._unknown: set[str] = set()
        self._due: dict[str, datetime] = {}
        self._again: dict[str, datetime] = {}
        self._tokens = 0.0
        self._filled: datetime | None = None

    def __len__(self) -> int:
        return len(self._unknown) + len(self._due) + len(self._again)

    def arrived(self, station: str) -> None:
        """Something is new of it: find out when it is due."""
        self._forget([station])
        self._unknown.add(station)

    def left(self, station: str) -> None:
        """It is not connected here any more."""
        self._unknown.discard(station)
        self._forget([station])

    def unknown(self, now: datetime, limit: int) -> list[str]:
        """Some of those of whom nobody knows when they are due; they are now being looked at."""
        ripe = [station for station, at in self._again.items() if at <= now]
        self._forget(ripe)
        self._unknown.update(ripe)
        some = sorted(self._unknown)
        chosen = some if len(some) <= limit else self._chance.sample(some, limit)
        self._unknown.difference_update(chosen)
        return chosen

    def expect(self, station: str, at: datetime) -> None:
        """It is due at `at`."""
        self._due[station] = at

    def look_again(self, station: str, at: datetime) -> None:
        """It is not due and nothing will tell when it is: find out at `at`."""
        self._again[station] = at

    def take(self, now: datetime) -> list[str]:
        """Those whose reading begins now, taken from the queue; at most what the rate allows."""
        self._fill(now)
        due = sorted(station for station, at in self._due.items() if at <= now)
        count = min(int(self._tokens), len(due))
        chosen = self._chance.sample(due, count)
        self._tokens -= count
        self._forget(chosen)
        return chosen

    def _fill(self, now: datetime) -> None:
        """A second's worth at most is saved up; a rate below one saves up to one."""
        passed = (now - self._filled).total_seconds() if self._filled is not None else 0.0
        self._filled = now
        self._tokens = min(self._tokens + max(passed, 0.0) * self._rate, max(self._rate, 1.0))

    def _forget(self, stations: Iterable[str]) -> None:
        for station in stations:
            self._due.pop(station, None)
            self._again.pop(station, None)

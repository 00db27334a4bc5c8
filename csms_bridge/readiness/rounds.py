"""Keeping assessments true: what changed is looked at again, and everything now and then."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from csms_bridge.readiness.book import ReadinessBook
from pki.clock import Clock

LOT = 200
"""Stations in one transaction: the write lock is free again after some milliseconds."""
SECONDS = 2.0
"""Of one round: a fleet that was never assessed is, over some rounds."""
_OVERLAP = timedelta(minutes=1)
"""Clocks of two nodes may differ, and a change is stamped before it is committed."""

Assess = Callable[[Collection[str]], None]
"""Assesses these stations, and writes it down."""


class Rounds:
    """For each process that keeps house. `age`: how old an assessment may get, whatever is known to have changed.

    `quirks` is the quirk book as it is: another one is a reason to look at every station again.
    """

    def __init__(
        self, book: ReadinessBook, assess: Assess, quirks: Callable[[], object], age: timedelta, clock: Clock
    ) -> None:
        self._book = book
        self._assess = assess
        self._quirks = quirks
        self._age = age
        self._clock = clock
        self._looked: datetime | None = None
        self._quirks_then: object = None
        self._quirks_since = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def round(self) -> int:
        """To be called every few seconds; how many stations were assessed."""
        if not self._lock.acquire(blocking=False):
            return 0
        try:
            return self._look()
        finally:
            self._lock.release()

    def _look(self) -> int:
        began, end, done = self._clock(), time.monotonic() + SECONDS, 0
        self._look_at_quirks()
        while time.monotonic() < end:
            stations = self._stale()
            if stations:
                self._assess(stations)
                done += len(stations)
            if len(stations) < LOT:
                self._looked = began
                break
        return done

    def _stale(self) -> Sequence[str]:
        """The first time all are looked at, then those that changed since the round before."""
        since = None if self._looked is None else self._looked - _OVERLAP
        return self._book.stale(since, max(self._clock() - self._age, self._quirks_since), LOT)

    def _look_at_quirks(self) -> None:
        quirks = self._quirks()
        if self._quirks_then not in (None, quirks):
            self._quirks_since = self._clock()
        self._quirks_then = quirks

"""Whether many stations are at the door or ask for certificates just now, so that what can wait gives way to them.

After a restart a whole fleet comes back; comparing postures, reading settings and linting again are the same a minute
later. What gives way does so for a bounded time: nobody who keeps coming stops it for good.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

MANY = 20
"""Within a second."""
PATIENCE = 120.0
"""Seconds that a piece of work gives way at most."""


class Rush:
    """Counts the stations that come. Safe to use from several threads; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: deque[float] = deque(maxlen=MANY)
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    def came(self) -> None:
        """One more station has connected, or asks for a certificate."""
        with self._lock:
            self._last.append(self._clock())

    def puts_off(self, work: str) -> bool:
        """Whether this round of `work` is to be left out."""
        now = self._clock()
        with self._lock:
            if len(self._last) < MANY or now - self._last[0] > 1.0:
                self._since.pop(work, None)
                return False
            if now - self._since.setdefault(work, now) < PATIENCE:
                return True
            del self._since[work]
            return False

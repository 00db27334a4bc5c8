"""One at a time for each station, within this process."""

import threading
from weakref import WeakValueDictionary


class Turns:
    """One at a time for each station: two rounds at once would have one request signed twice."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: WeakValueDictionary[str, Turn] = WeakValueDictionary()

    def of(self, station: str) -> "Turn":
        """The station's turn, to be held with `with`."""
        with self._guard:
            return self._locks.setdefault(station, Turn())


class Turn:
    """A lock that a weak dictionary can hold."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

"""Refused credentials are counted per address and identity; who fails too often waits. Pure but for its memory."""

from collections import OrderedDict
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
LARGEST = 20_000


class Throttle:
    """At most `limit` refusals a minute for one key; the least recently used keys are forgotten.

    Keyed by address *and* identity, so that an impostor elsewhere cannot lock the real station out.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failures: OrderedDict[tuple[str, str], list[datetime]] = OrderedDict()

    def must_wait(self, address: str, identity: str, now: datetime) -> bool:
        """Whether this peer failed too often in the last minute."""
        failures = self._failures.get((address, identity))
        if failures is None:
            return False
        while failures and now - failures[0] > WINDOW:
            del failures[0]
        return len(failures) >= self._limit

    def failed(self, address: str, identity: str, now: datetime) -> None:
        """Count a refusal."""
        key = (address, identity)
        failures = self._failures.setdefault(key, [])
        failures.append(now)
        del failures[: -self._limit]
        self._failures.move_to_end(key)
        if len(self._failures) > LARGEST:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, identity: str) -> None:
        """Forget the refusals of a peer that proved itself."""
        self._failures.pop((address, identity), None)

"""How often a password may be tried: per address and user, and per address. Pure; the caller brings the time.

Counts live in memory: a restart forgives, and nothing an attacker does makes the database grow.
"""

from collections import OrderedDict, deque
from datetime import datetime, timedelta

from web.errors import TooManyTries

_WINDOW = timedelta(minutes=5)
_PER_USER = 5
_PER_ADDRESS = 30
_REMEMBERED = 10_000


class SignInThrottle:
    """Counts failures; the oldest are forgotten first when there are too many to remember."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], deque[datetime]] = OrderedDict()

    def check(self, address: str, user: str, now: datetime) -> None:
        """Raises TooManyTries with the seconds to wait."""
        for key, limit in (((address, user), _PER_USER), ((address, ""), _PER_ADDRESS)):
            recent = self._recent(key, now)
            if len(recent) >= limit:
                raise TooManyTries(max(1, int((recent[-limit] + _WINDOW - now).total_seconds())))

    def note_failure(self, address: str, user: str, now: datetime) -> None:
        """Count a wrong password."""
        for key in ((address, user), (address, "")):
            self._failures.setdefault(key, deque(maxlen=_PER_ADDRESS)).append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def note_success(self, address: str, user: str) -> None:
        """A right password clears the user's count; the address keeps its own."""
        self._failures.pop((address, user), None)

    def _recent(self, key: tuple[str, str], now: datetime) -> list[datetime]:
        return [moment for moment in self._failures.get(key, ()) if now - moment < _WINDOW]

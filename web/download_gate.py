"""How many downloads there may be: at once, from one address, and a minute; and how often an address may guess."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from csms_bridge.allowance import Allowance
from web.errors import TooManyDownloads

_REMEMBERED = 10_000
_WAIT = 10  # seconds to stay away when all places are taken


class DownloadGate:
    """Counts in memory: each process has its own, and a restart forgives. `now` is of a clock that never goes back."""

    def __init__(self, at_once: int, per_address: int, per_minute: int) -> None:
        self._at_once = at_once
        self._per_address = per_address
        self._per_minute = per_minute
        self._open: dict[str, int] = {}
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()

    def knock(self, address: str, now: float) -> None:
        """Count a request. Raises TooManyDownloads for one too many in this minute."""
        allowance = self._allowances.get(address)
        if allowance is None:
            allowance = self._allowances[address] = Allowance(self._per_minute / 60, self._per_minute, now)
        self._allowances.move_to_end(address)
        while len(self._allowances) > _REMEMBERED:
            self._allowances.popitem(last=False)
        if not allowance.try_take(now):
            raise TooManyDownloads(_WAIT)

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """A place for one download. Raises TooManyDownloads when all are taken."""
        if sum(self._open.values()) >= self._at_once or self._open.get(address, 0) >= self._per_address:
            raise TooManyDownloads(_WAIT)
        self._open[address] = self._open.get(address, 0) + 1
        try:
            yield
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

"""How many peers may be at the door: handshakes under way, in all and of one address, and connections of one address.

Pure but for its memory. Whoever holds a place before it has proved anything holds it at the cost of all others, so
places are few and end; whoever has proved itself keeps its own.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from csms_bridge.tally import Tally, Turned


@dataclass(frozen=True, slots=True)
class Places:
    """`patience`: seconds after which a handshake under way may be ended to make room for another."""

    handshakes: int
    handshakes_of_address: int
    connections_of_address: int
    patience: float


@dataclass(eq=False, slots=True)
class Guest:
    """A peer that came in; `evict` ends whatever is under way for it.

    `address` is empty for a named peer that speaks for others: it has no share of its own to use up.
    """

    address: str
    since: float
    evict: Callable[[], object] = field(default=lambda: None)


class Gate:
    """Counts who is there. All of it happens in the event loop's thread."""

    def __init__(self, places: Places, tally: Tally) -> None:
        self._places = places
        self._tally = tally
        self._waiting: dict[Guest, None] = {}  # in the order they came
        self._inside: set[Guest] = set()
        self._waiting_of: Counter[str] = Counter()
        self._all_of: Counter[str] = Counter()

    def enter(self, address: str, now: float) -> Guest | Turned:
        """A peer came; a place for its handshake, or why there is none."""
        reason = self._fault_of(address)
        if reason is None and len(self._waiting) >= self._places.handshakes and not self._make_room(now):
            reason = Turned.HANDSHAKES_FULL
        if reason is not None:
            self._tally.turned[reason] += 1
            return reason
        guest = Guest(address, now)
        self._waiting[guest] = None
        self._count(guest, 1)
        return guest

    def rename(self, guest: Guest, address: str) -> Turned | None:
        """Where it really comes from was told meanwhile; why there is no place for it, or None."""
        reason = self._fault_of(address)
        if reason is not None:
            self._tally.turned[reason] += 1
            return reason
        self._count(guest, -1)
        guest.address = address
        self._count(guest, 1)
        return None

    def admitted(self, guest: Guest) -> None:
        """Its handshake is over and it has a line."""
        if guest in self._waiting:
            self._count(guest, -1)
            del self._waiting[guest]
            self._inside.add(guest)
            self._count(guest, 1)

    def left(self, guest: Guest) -> None:
        """It is gone, at whatever stage; to say it twice does no harm."""
        if guest in self._waiting or guest in self._inside:
            self._count(guest, -1)
            self._waiting.pop(guest, None)
            self._inside.discard(guest)
            self._tell()

    def _fault_of(self, address: str) -> Turned | None:
        if not address:
            return None
        if self._waiting_of[address] >= self._places.handshakes_of_address:
            return Turned.HANDSHAKES_OF_ADDRESS
        if self._all_of[address] >= self._places.connections_of_address:
            return Turned.CONNECTIONS_OF_ADDRESS
        return None

    def _make_room(self, now: float) -> bool:
        """End the oldest handshake if it had its time: a crowd that moves is left alone, one that waits is not."""
        oldest = next(iter(self._waiting), None)
        if oldest is None or now - oldest.since < self._places.patience:
            return False
        self._tally.turned[Turned.MADE_ROOM] += 1
        self.left(oldest)
        oldest.evict()
        return True

    def _count(self, guest: Guest, step: int) -> None:
        counts = [self._all_of, self._waiting_of] if guest in self._waiting else [self._all_of]
        for count in counts if guest.address else ():
            count[guest.address] += step
            if not count[guest.address]:
                del count[guest.address]
        self._tell()

    def _tell(self) -> None:
        self._tally.open_handshakes = len(self._waiting)
        self._tally.connections = len(self._inside)

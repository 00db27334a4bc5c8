"""Which settings go into one question: as many as the station takes. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from csms_bridge.variables import Variable

ENVELOPE = 100
"""Octets of a CALL around its entries: type, message id, action, brackets."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much one question may hold: entries, and octets of the whole message.

    EVerest refuses more than 2,048 octets without saying so in its device model (reference, station-everest).
    """

    items: int = 20
    octets: int = 2000

    def told(self, items: str | None, octets: str | None) -> "Room":
        """With the station's own ItemsPerMessage and BytesPerMessage, where they ask for less."""
        return Room(_less(items, self.items), _less(octets, self.octets))


def batches(variables: Sequence[Variable], room: Room, size: Callable[[Variable], int]) -> list[tuple[Variable, ...]]:
    """Cut a list of settings into questions; `size` is what one entry takes, in octets. Each holds at least one."""
    cut: list[tuple[Variable, ...]] = []
    batch: list[Variable] = []
    used = ENVELOPE
    for variable in variables:
        octets = size(variable) + 1  # and the comma
        if batch and (len(batch) == room.items or used + octets > room.octets):
            cut.append(tuple(batch))
            batch, used = [], ENVELOPE
        batch.append(variable)
        used += octets
    return [*cut, tuple(batch)] if batch else cut


def _less(told: str | None, ours: int) -> int:
    if told is None or not told.isascii() or not told.isdigit() or len(told) > 9:
        return ours
    return min(max(int(told), 1), ours)

"""Which connection slot a walk writes (2.x B09, B10). Pure."""

from collections.abc import Mapping


def order_without(facts: Mapping[str, str]) -> tuple[int, ...]:
    """The order of slots before the walk changed it, but for the slot that it has written; never an empty one."""
    order = tuple(slot for slot in slot_numbers(facts["order"]) if slot != int(facts["slot"]))
    return order or (int(facts["used"]),)


def choose_slot(priority: str, active: str, slots: str) -> tuple[int, int]:
    """The slot to write and the slot in use (B09.FR.06).

    `priority` is NetworkConfigurationPriority like "1,2", `active` ActiveNetworkProfile or empty, `slots` the
    valuesList of the priority or empty; without it slots 1 to 3 are taken to exist. One that it has and does not
    list goes first: nothing is lost by writing it.
    """
    listed, known = slot_numbers(priority), slot_numbers(slots)
    used = next(iter(slot_numbers(active) or listed), 1)
    unlisted = [slot for slot in known if slot not in listed]
    return next(slot for slot in (*unlisted, *known, 1, 2, 3) if slot != used), used


def slot_numbers(text: str) -> list[int]:
    """The positive numbers of a comma-separated list."""
    numbers = (part.strip() for part in text.split(","))
    return [int(number) for number in numbers if number.isdecimal() and int(number) > 0]

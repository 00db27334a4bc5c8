"""Which connection slot a walk writes (2.x B09, B10). Pure."""


def choose_slot(priority: str, active: str, slots: str) -> tuple[int, int]:
    """The slot to write and the slot in use (B09.FR.06).

    `priority` is NetworkConfigurationPriority like "1,2", `active` ActiveNetworkProfile or empty, `slots` the
    valuesList of the priority or empty; without it slots 1 to 3 are taken to exist.
    """
    listed, known = slot_numbers(priority), slot_numbers(slots)
    used = next(iter(slot_numbers(active) or listed), 1)
    return next(slot for slot in (*known, 1, 2, 3) if slot != used), used


def slot_numbers(text: str) -> list[int]:
    """The positive numbers of a comma-separated list."""
    numbers = (part.strip() for part in text.split(","))
    return [int(number) for number in numbers if number.isdecimal() and int(number) > 0]

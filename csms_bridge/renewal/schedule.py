"""When a station's certificate is to be renewed, when that is late, and when it is tried again. Pure.

Stations begin by themselves in the last month only (2.0.1 A03.FR.02), so they are asked long before.
"""

from datetime import datetime, timedelta
from hashlib import sha256

DUE_AFTER = 2 / 3
JITTER = 1 / 20
"""Of the lifetime, after it is due: certificates made in one night are not renewed in one."""
LATE_AFTER = 5 / 6
"""Half of what is left when it is due has gone by. From then on neither windows nor sleep hold a station back."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(days=1), timedelta(days=7)
SHORTEST_PAUSE = timedelta(hours=1)
_SHARE_OF_THE_REST = 1 / 10


def due_at(serial: str, not_before: datetime, not_after: datetime) -> datetime:
    """When to ask for the next one: at two thirds of the lifetime and a little, always the same for one serial."""
    part = int.from_bytes(sha256(serial.encode()).digest()[:4]) / 2**32
    return not_before + (not_after - not_before) * (DUE_AFTER + JITTER * part)


def late_at(not_before: datetime, not_after: datetime) -> datetime:
    """From when on a renewal is late."""
    return not_before + (not_after - not_before) * LATE_AFTER


def next_try(tries: int, now: datetime, not_after: datetime) -> datetime:
    """When a station that was asked `tries` times (at least once) may be asked once more.

    A day later, then two, four, seven; never more than a tenth of what is left of its certificate, so that the tries
    come closer together towards its end, and an hour at least.
    """
    doubled = FIRST_PAUSE * (1 << max(0, min(tries - 1, 3)))
    rest = max(not_after - now, timedelta(0))
    pause = min(doubled, LONGEST_PAUSE, rest * _SHARE_OF_THE_REST)
    return now + max(pause, SHORTEST_PAUSE)


def may_try(next_at: datetime | None, now: datetime) -> bool:
    """Whether that time has come. One that is too far off was set by a clock that was ahead, and does not count."""
    return next_at is None or next_at <= now or next_at > now + LONGEST_PAUSE

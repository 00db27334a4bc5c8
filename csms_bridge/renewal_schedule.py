"""When a station's certificate is to be renewed, and how many stations may be asked now. Pure.

Stations begin by themselves in the last month only (2.0.1 A03.FR.02), so they are asked long before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

DUE_AFTER = 2 / 3
JITTER = 1 / 20
"""Of the lifetime, after it is due: certificates made in one night are not renewed in one."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What the authority and the stations bear."""

    per_minute: int
    in_flight: int


def due_at(serial: str, not_before: datetime, not_after: datetime) -> datetime:
    """When to ask for the next one: at two thirds of the lifetime and a little, always the same for one serial."""
    part = int.from_bytes(sha256(serial.encode()).digest()[:4]) / 2**32
    return not_before + (not_after - not_before) * (DUE_AFTER + JITTER * part)


def room(pace: Pace, asked_in_last_minute: int, in_flight: int) -> int:
    """How many more stations may be asked now."""
    return max(0, min(pace.per_minute - asked_in_last_minute, pace.in_flight - in_flight))


def may_ask_again(asked_at: datetime | None, now: datetime, pause: timedelta) -> bool:
    """Whether a station that was asked before may be asked again: it may be trying by itself (A02.FR.17-19)."""
    return asked_at is None or now - asked_at >= pause

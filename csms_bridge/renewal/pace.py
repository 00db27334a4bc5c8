"""How many stations are asked to renew now: what is set, and what the authority and the stations bear of it. Pure.

Few at first, then more with each look while all goes well; fewer at once when it does not. The pace by the minute is
the stations', each of which makes a key and connects anew; the number under way is the authority's.
"""

from dataclasses import dataclass
from datetime import timedelta

SLOW = timedelta(seconds=10)
"""A request that waits longer for its certificate says that the authority has enough to do."""
MANY_COMING = 200
"""Stations that connected within the last ten seconds: a fleet that comes back needs the authority for itself."""
ENOUGH = 20
"""Renewals that must have ended before their failures say something."""
_STEPS = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """What is set: in a minute, and under way at a time."""

    per_minute: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Signs:
    """What is seen just now.

    `waiting_for`: how long the oldest request has waited for its certificate. `coming`: stations that connected in
    the last ten seconds. `ended`, `failed`: renewals that came to an end within an hour, and those that failed.
    """

    signer_away: bool = False
    waiting_for: timedelta = timedelta(0)
    coming: int = 0
    ended: int = 0
    failed: int = 0

    @property
    def most_fail(self) -> bool:
        """Whether so many fail that something is wrong with more than one station."""
        return self.ended >= ENOUGH and 2 * self.failed >= self.ended


@dataclass(frozen=True, slots=True)
class Measure:
    """How many may be under way, and what holds them down, if anything; `alarming` when a person must look."""

    in_flight: int
    why: str = ""
    alarming: bool = False


def measured(before: int, pace: Pace, signs: Signs) -> Measure:
    """The next measure after `before`."""
    if signs.signer_away:
        return Measure(0, "the authority's signer is away")
    if signs.coming >= MANY_COMING:
        return Measure(0, "many stations are coming back")
    if signs.most_fail:
        return Measure(1, f"{signs.failed} of the last {signs.ended} renewals failed: one at a time", alarming=True)
    if signs.waiting_for > SLOW:
        seconds = signs.waiting_for.total_seconds()
        halved = min(pace.in_flight, max(1, before // 2))
        return Measure(halved, f"a certificate request has waited {seconds:.0f} s for the authority")
    step = max(1, pace.in_flight // _STEPS)
    return Measure(min(pace.in_flight, before + step))


def room(pace: Pace, measure: Measure, asked_in_last_minute: int, in_flight: int) -> int:
    """How many more stations may be asked now."""
    return max(0, min(pace.per_minute - asked_in_last_minute, measure.in_flight - in_flight))

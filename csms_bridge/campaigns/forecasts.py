"""How long a campaign will take, before it begins and while it runs. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LATELY = timedelta(minutes=15)
USUAL = timedelta(minutes=2)
"""What one station takes, for want of recent figures."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long all of them will take at least, what it rests on, and which of the two limits counts.

    `per_station` is what one took of late; `issued_per_second` is what the authority did in its best minute.
    """

    stations: int
    takes: timedelta
    per_station: timedelta
    issued_per_second: float | None
    limited_by: str


def estimate(stations: int, in_flight: int, per_station: timedelta | None, issued_per_second: float | None) -> Estimate:
    """Everybody there, at any hour: so many at a time, each as long as usual, no faster than certificates are made."""
    usual = per_station or USUAL
    by_stations = usual * -(-stations // in_flight)
    by_authority = timedelta(seconds=stations / issued_per_second) if issued_per_second else timedelta(0)
    limited_by = "the authority" if by_authority > by_stations else "the pace"
    return Estimate(stations, max(by_stations, by_authority), usual, issued_per_second, limited_by)


def time_left(open_ones: int, done_lately: int, running_for: timedelta) -> timedelta | None:
    """How long the rest takes at the rate of late; None when nothing was done of late."""
    if done_lately == 0:
        return None
    return min(running_for, LATELY) / done_lately * open_ones


def earliest(
    rank: int, sizes: tuple[int, ...], in_flight: int, per_station: timedelta, begin: datetime
) -> tuple[int, datetime]:
    """The wave of the station with this rank (from 0), and the moment before which its turn cannot come."""
    moment = begin
    for wave, size in enumerate(sizes, 1):
        if rank < size or wave == len(sizes):
            return wave, moment + per_station * (rank // in_flight)
        rank -= size
        moment += per_station * -(-size // in_flight)
    return 1, moment

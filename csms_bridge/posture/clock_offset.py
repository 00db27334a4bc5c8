"""How far a station's clock is off, from the times in its messages. Pure.

A message cannot leave before it was written, so the time in it, less the time at which it came, is never more than
the station's clock is ahead. Of the latest samples the largest is therefore the nearest to the truth; messages that
waited in the station while it was offline (security events, transactions) only pull downwards.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

_LATEST = 8
_WINDOW = timedelta(minutes=15)
_AGREE = timedelta(seconds=30)
_WITNESSES = 3


@dataclass(frozen=True, slots=True)
class Stamp:
    """The station's own time in a message. `may_wait`: a message that a station keeps while it is offline."""

    at: datetime
    may_wait: bool


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """By how much the station's clock is ahead of ours (negative: behind), when that was found."""

    offset: timedelta
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class _Sample:
    offset: timedelta
    came: datetime
    may_wait: bool


class ClockEstimate:
    """The latest samples of one station, and what they come to."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=_LATEST)

    def take(self, stamp: Stamp, now: datetime) -> ClockOffset | None:
        """A message that came at `now`; the estimate, or None while nothing can be said."""
        self._samples.append(_Sample(stamp.at - now, now, stamp.may_wait))
        fresh = [sample for sample in self._samples if now - sample.came <= _WINDOW]
        best = max(fresh, key=lambda sample: sample.offset)
        return ClockOffset(best.offset, best.came) if _is_sure(best, fresh) else None


def _is_sure(best: _Sample, samples: list[_Sample]) -> bool:
    """One old message may be all that came: a clock is only called slow by a fresh one, or by several that agree."""
    if not best.may_wait or best.offset >= -_AGREE:
        return True
    return sum(best.offset - sample.offset <= _AGREE for sample in samples) >= _WITNESSES


def is_news(known: ClockOffset | None, found: ClockOffset) -> bool:
    """Whether an estimate is worth writing down: it moved, or the last one is old."""
    if known is None or abs(found.offset - known.offset) > timedelta(seconds=5):
        return True
    return found.measured_at - known.measured_at > timedelta(minutes=30)


class ClockWatch:
    """The estimates of all stations that are connected to this process. Used in the event loop only."""

    def __init__(self) -> None:
        self._estimates: dict[str, ClockEstimate] = {}
        self._known: dict[str, ClockOffset] = {}
        self._news: dict[str, ClockOffset] = {}

    def heard(self, station: str, stamp: Stamp | None, now: datetime) -> None:
        """A station said what time it is."""
        if stamp is None:
            return
        found = self._estimates.setdefault(station, ClockEstimate()).take(stamp, now)
        if found is not None and is_news(self._known.get(station), found):
            self._known[station] = self._news[station] = found

    def left(self, station: str) -> None:
        """Its line is gone: what it said is no measure of its next connection."""
        self._estimates.pop(station, None)
        self._known.pop(station, None)

    def take_news(self) -> dict[str, ClockOffset]:
        """What is worth writing down since the last time."""
        news, self._news = self._news, {}
        return news

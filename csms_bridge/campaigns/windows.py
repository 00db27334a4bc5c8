"""Maintenance windows: when a site may be worked on, by its own wall clock. Pure.

A window is written `mon-fri 22:00-05:00`, several are parted by `;`. One whose end is not after its beginning goes on
into the next morning. No window means at any time. The wall clock decides: in the night when it is put forward the
hour that does not exist is in no window, and when it is put back the hour that comes twice is in its window twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from csms_bridge.errors import SiteRefused

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_WINDOWS = 21
_WINDOW = re.compile(r"([a-z,\-]+) +(\d\d):(\d\d) *- *(\d\d):(\d\d)")
_LOOKED_AHEAD = timedelta(days=8)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Window:
    """On these days (0 is Monday), from a local time to another; `over_midnight` into the next day."""

    days: frozenset[int]
    begins: time
    ends: time

    @property
    def over_midnight(self) -> bool:
        """Whether it goes on into the next morning; `24:00` is written 00:00."""
        return self.ends <= self.begins

    def holds(self, wall: datetime) -> bool:
        """Whether a wall clock's reading is in the window."""
        now, day = wall.time(), wall.weekday()
        if not self.over_midnight:
            return day in self.days and self.begins <= now < self.ends
        before = (day - 1) % 7
        return (day in self.days and now >= self.begins) or (before in self.days and now < self.ends)


@dataclass(frozen=True, slots=True)
class Hours:
    """The windows of a site in its time zone (IANA name). Without windows it is always open."""

    time_zone: str = "UTC"
    windows: tuple[Window, ...] = ()

    def is_open(self, now: datetime) -> bool:
        """Whether work may begin now."""
        wall = now.astimezone(ZoneInfo(self.time_zone))
        return not self.windows or any(window.holds(wall) for window in self.windows)

    def next_open(self, now: datetime) -> datetime | None:
        """The first moment from now on when it is open; None when there is none in the next eight days."""
        if self.is_open(now):
            return now
        later = sorted(moment for moment in self._openings(now) if moment > now)
        return next((moment for moment in later if self.is_open(moment)), None)

    def _openings(self, now: datetime) -> Iterator[datetime]:
        """When a window may begin: at its time, or at a full hour, when clocks are changed."""
        zone = ZoneInfo(self.time_zone)
        today = now.astimezone(zone).date()
        for day in range(int(_LOOKED_AHEAD.days) + 1):
            for window in self.windows:
                wall = datetime.combine(today + timedelta(days=day), window.begins)
                yield from (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        yield from (hour + _HOUR * number / 2 for number in range(2, int(_LOOKED_AHEAD / _HOUR) * 2))

    def open_time(self, since: datetime, until: datetime) -> timedelta:
        """For how long it was open between two moments."""
        if not self.windows:
            return until - since
        zone, total, end = ZoneInfo(self.time_zone), timedelta(0), since
        for begin, close in sorted(self._spans(since.astimezone(zone).date(), until.astimezone(zone).date())):
            begin, close = max(begin, end), min(close, until)
            total, end = total + max(close - begin, timedelta(0)), max(end, close)
        return total

    def _spans(self, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
        """The windows of these days, and what is left of those of the evening before."""
        zone = ZoneInfo(self.time_zone)
        for number in range(-1, (last - first).days + 1):
            day = first + timedelta(days=number)
            for window in self.windows:
                if day.weekday() in window.days:
                    ends = day + timedelta(days=1) if window.over_midnight else day
                    walls = datetime.combine(day, window.begins, zone), datetime.combine(ends, window.ends, zone)
                    yield walls[0].astimezone(UTC), walls[1].astimezone(UTC)

    def __iter__(self) -> Iterator[Window]:
        return iter(self.windows)


@lru_cache(maxsize=1024)
def hours_of(time_zone: str, text: str) -> Hours:
    """Read what people write. Raises SiteRefused, which names the field."""
    if time_zone not in _zones():
        raise SiteRefused("time_zone", f"{time_zone!r} is no time zone: write it like Europe/Berlin")
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if len(parts) > MOST_WINDOWS:
        raise SiteRefused("windows", f"at most {MOST_WINDOWS} windows are kept")
    return Hours(time_zone, tuple(_window(part) for part in parts))


def spell(hours: Hours) -> str:
    """The windows as people write them, always in the same way."""
    return "; ".join(
        f"{_spell_days(window.days)} {window.begins:%H:%M}-{'24:00' if _to_the_end(window) else f'{window.ends:%H:%M}'}"
        for window in hours
    )


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _window(text: str) -> Window:
    match = _WINDOW.fullmatch(text.casefold())
    if match is None:
        raise SiteRefused("windows", f"{text!r} is no window: write it like mon-fri 22:00-05:00")
    days, *clock = match.groups()
    begins, ends = _time(text, clock[0], clock[1]), _time(text, clock[2], clock[3], is_end=True)
    if begins == ends != time(0):
        raise SiteRefused("windows", f"{text!r} begins when it ends: for whole days write 00:00-24:00")
    return Window(frozenset(_days(text, days)), begins, ends)


def _time(text: str, hour: str, minute: str, *, is_end: bool = False) -> time:
    if is_end and (hour, minute) == ("24", "00"):
        return time(0)
    if int(hour) > 23 or int(minute) > 59:
        raise SiteRefused("windows", f"{text!r}: {hour}:{minute} is no time of day")
    return time(int(hour), int(minute))


def _days(text: str, days: str) -> Iterator[int]:
    for part in days.split(","):
        first, _, last = part.partition("-")
        if part == "daily":
            yield from range(7)
        elif first in DAYS and (last in DAYS or not last):
            begin, end = DAYS.index(first), DAYS.index(last or first)
            yield from (day % 7 for day in range(begin, begin + (end - begin) % 7 + 1))
        else:
            raise SiteRefused("windows", f"{text!r}: {part!r} names no days: write mon, mon-fri, sat,sun or daily")


def _spell_days(days: frozenset[int]) -> str:
    return "daily" if len(days) == len(DAYS) else ",".join(DAYS[day] for day in sorted(days))


def _to_the_end(window: Window) -> bool:
    return window.ends == time(0)

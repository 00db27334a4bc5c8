"""When a station's settings are read: at first, when it changed, when they are old, when somebody asks. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from csms_bridge.station import OcppVersion, SecurityProfile


class Why(StrEnum):
    """What a reading is for."""

    ASKED = "somebody asked"
    FIRST = "they had never been read"
    FIRMWARE = "its firmware changed"
    VERSION = "it speaks another OCPP version"
    PROFILE = "it is on another profile"
    OLD = "they are old"
    AGAIN = "the last reading failed"


@dataclass(frozen=True, slots=True)
class LastReading:
    """The last reading of a station's settings: `firmware`, `version`, `profile` are what it was then.

    `told_at` is when one last brought something, `tries` counts those since; `asked_at` is set while somebody waits
    for one.
    """

    began_at: datetime | None = None
    told_at: datetime | None = None
    tries: int = 0
    firmware: str = ""
    version: OcppVersion | None = None
    profile: SecurityProfile | None = None
    asked_at: datetime | None = None
    asked_by: str = ""
    asked_whole: bool = False


@dataclass(frozen=True, slots=True)
class Present:
    """What a station is at this moment, as far as reading goes. `free`: neither charging nor in a walk."""

    online: bool
    accepted: bool
    quiet: bool
    free: bool
    firmware: str
    version: OcppVersion
    profile: SecurityProfile


@dataclass(frozen=True, slots=True)
class Due:
    """A reading that is due at `at`. `whole`: the whole device model and not only what is compared."""

    at: datetime
    why: Why
    whole: bool


_FIRST_PAUSE = timedelta(hours=1)


def next_reading(last: LastReading, station: Present, age: timedelta, now: datetime) -> Due | None:
    """The reading that comes next, when it may; None while nothing may be sent.

    What somebody asked for goes out to a quiet station too, and while it charges.
    """
    if not station.online or not station.accepted:
        return None
    if last.asked_at is not None:
        return Due(last.asked_at, Why.ASKED, last.asked_whole)
    if station.quiet or not station.free:
        return None
    due = _unless_failed(last, station, age, now)
    if not last.tries:
        return due
    # One that failed, or never ended, is tried again after an hour, then after ever longer pauses.
    pause = min(_FIRST_PAUSE * 2 ** min(last.tries - 1, 20), age)
    return Due((last.began_at or now) + pause, Why.AGAIN, due.whole)


def _unless_failed(last: LastReading, station: Present, age: timedelta, now: datetime) -> Due:
    if last.told_at is None:
        return Due(now, Why.FIRST, whole=True)
    if last.firmware != station.firmware:
        return Due(now, Why.FIRMWARE, whole=True)
    if last.version is not station.version:
        return Due(now, Why.VERSION, whole=True)
    if last.profile is not station.profile:
        return Due(now, Why.PROFILE, whole=False)
    return Due(last.told_at + age, Why.OLD, whole=False)

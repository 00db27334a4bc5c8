"""The words of campaigns: what is done, to whom, how fast, and where a campaign and a station in it stand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from csms_bridge.errors import CampaignRefused
from csms_bridge.station import OcppVersion

MOST_IN_FLIGHT = 5000
MOST_NAMED = 10_000
"""Stations that a selection may name one by one."""


class Kind(StrEnum):
    """What is done with each station."""

    WALK = "walk"
    RENEWAL = "renewal"
    REKEY = "rekey"
    PASSWORD = "password"  # noqa: S105 -- the name of a kind
    INSTALL_ROOT = "install-root"
    REMOVE_ROOT = "remove-root"
    FIRMWARE = "firmware"


class CampaignState(StrEnum):
    """Where a campaign stands."""

    READY = "ready"
    """Made, and nothing was begun."""
    RUNNING = "running"
    PAUSED = "paused"
    """Nothing new is begun; what is under way goes on."""
    ABORTING = "aborting"
    """It ends when what is under way has ended."""
    DONE = "done"
    ABORTED = "aborted"


ACTIVE = (CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.ABORTING)
"""States in which its stations are no other campaign's."""


class TargetState(StrEnum):
    """Where one station stands in a campaign."""

    PENDING = "pending"
    """It has not been begun, or waits to be tried again."""
    RUNNING = "running"
    AWAY = "away"
    """It was begun, and is gone since; it goes on when the station is back, and nobody waits for it."""
    DONE = "done"
    FAILED = "failed"
    HELD = "held"
    LATE = "late"
    """It was begun, and has no outcome in time."""
    ABSENT = "absent"
    """It was not there until the campaign ended."""
    EXCLUDED = "excluded"
    CANCELLED = "cancelled"


OPEN = (TargetState.PENDING, TargetState.RUNNING, TargetState.AWAY)
BAD = (TargetState.FAILED, TargetState.HELD, TargetState.LATE)


class OutcomeKind(StrEnum):
    """What came of one try."""

    DONE = "done"
    FAILED = "failed"
    HELD = "held"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try, and why in plain words."""

    kind: OutcomeKind
    reason: str = ""


class AbortMode(StrEnum):
    """What becomes of what is under way when a campaign is aborted."""

    FINISH = "finish"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached: `to` by a walk, `root` (our name for it) by an installation or a removal.

    `restart`: restart a station that wants one for its new password. `only_ready`: leave out whom a walk is known to
    lead nowhere with (see csms_bridge.readiness). `release` is a signed firmware, `location` where it is on somebody
    else's server, `ocpp` the version of OCPP that it brings, where that is another one.
    """

    kind: Kind
    to: int | None = None
    root: str = ""
    restart: bool = False
    only_ready: bool = False
    release: str = ""
    location: str = ""
    ocpp: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which stations: all that fit every part. `everything` says in so many words that the whole fleet is meant."""

    vendor: str = ""
    model: str = ""
    site: str = ""
    tag: str = ""
    profile: int | None = None
    ocpp_version: OcppVersion | None = None
    firmware: str = ""
    expires_before: datetime | None = None
    stations: tuple[str, ...] = ()
    everything: bool = False

    def __post_init__(self) -> None:
        parts = (self.vendor, self.model, self.site, self.tag, self.ocpp_version, self.firmware, self.stations)
        is_narrow = any(parts) or self.profile is not None or self.expires_before is not None
        if is_narrow == self.everything:
            raise CampaignRefused("selection", "say which stations, or everything: one of the two")
        if len(self.stations) > MOST_NAMED:
            raise CampaignRefused("stations", f"at most {MOST_NAMED} stations can be named: select them by a tag")


_SIZE = re.compile(r"(\d{1,7})(%?)")


@dataclass(frozen=True, slots=True)
class Size:
    """How many stations: a number, or per cent of all."""

    number: int
    is_percent: bool = False

    def __post_init__(self) -> None:
        if self.number < 1 or (self.is_percent and self.number > 100):
            raise CampaignRefused("waves", f"{self} is no size of a wave")

    def of(self, total: int) -> int:
        """The number of stations; one at least."""
        return max(1, total * self.number // 100) if self.is_percent else self.number

    def __str__(self) -> str:
        return f"{self.number}%" if self.is_percent else str(self.number)


def size_of(text: str) -> Size:
    """`5` or `2%`. Raises CampaignRefused."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise CampaignRefused("waves", f"{text!r} is no size of a wave: write 5 or 2%")
    return Size(int(match[1]), is_percent=bool(match[2]))


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again this often, this long after."""

    times: int
    after: timedelta

    def __post_init__(self) -> None:
        if not 0 <= self.times <= 100 or not timedelta(0) <= self.after <= timedelta(days=30):
            raise CampaignRefused("retry", "at most 100 times, at most 30 days later")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast. `waves` are the first ones' sizes; after them each is `growth` times the one before.

    `errors` (per cent of a wave's stations that have failed, are held or late) is the most that is borne, `success`
    (per cent) the least with which a wave may end. `wave_within`: how long a wave may last. `target_within`: how
    long one station may take; `absent_for`: how long one that is gone is waited for; `until`: how long after the
    start those that were away are waited for. `site_share`: per cent of a site at a time.
    """

    waves: tuple[Size, ...] = (Size(5),)
    growth: int = 3
    in_flight: int = 50
    errors: int = 10
    success: int = 80
    wave_within: timedelta | None = None
    target_within: timedelta = timedelta(days=1)
    absent_for: timedelta = timedelta(hours=1)
    until: timedelta = timedelta(days=14)
    site_share: int = 50
    offline_for: timedelta = timedelta(days=30)
    retries: Mapping[OutcomeKind, Retry] = field(default_factory=dict)
    at_any_hour: bool = False

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("in_flight", self.in_flight, 1, MOST_IN_FLIGHT),
            ("growth", self.growth, 1, 100),
            ("errors", self.errors, 0, 100),
            ("success", self.success, 0, 100),
            ("site_share", self.site_share, 1, 100),
            ("waves", len(self.waves), 1, 50),
        ):
            if not least <= value <= most:
                raise CampaignRefused(name, f"{name}: {least} to {most}, not {value}")
        spans = ("target_within", "absent_for", "until", "offline_for")
        for name in (*spans, *(("wave_within",) if self.wave_within is not None else ())):
            if not timedelta(seconds=1) <= getattr(self, name) <= timedelta(days=400):
                raise CampaignRefused(name, f"{name}: one second to 400 days")
        if OutcomeKind.DONE in self.retries:
            raise CampaignRefused("retry", "what is done is not tried again")


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as people see it; `wave` counts from 1, 0 before the start. `sizes` are those of its waves."""

    id: str
    name: str
    goal: Goal
    selection: Selection
    pace: Pace
    state: CampaignState
    reason: str
    wave: int
    wave_since: datetime | None
    sizes: tuple[int, ...]
    total: int
    excluded: int
    forgiven: int
    let_pass: int
    abort: AbortMode | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    until: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """One station in a campaign. `work` names the walk, command or act that does it."""

    campaign: str
    station: str
    state: TargetState
    wave: int | None
    tries: int
    work: str
    reason: str
    due_at: datetime
    not_before: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime

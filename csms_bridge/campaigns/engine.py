"""What a campaign does next: `decide()`, pure. Counts and candidates go in, what to begin and how it goes on come out.

A wave takes in stations as they are free to be begun, until it is full. It is over when each of them has had an
outcome or is away; those that were not there are taken into a later wave, and the last wave waits for the rest. One
that is to be tried again does not hold its wave up, and counts among its errors until it is done.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from csms_bridge.campaigns.windows import Hours
from csms_bridge.campaigns.words import Campaign, CampaignState, Outcome, OutcomeKind, Pace, TargetState


@dataclass(frozen=True, slots=True)
class WaveCount:
    """The stations of one wave: all that it took in, and where they stand. `retrying` wait to be tried again."""

    taken: int = 0
    running: int = 0
    away: int = 0
    done: int = 0
    bad: int = 0
    retrying: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the stations of a campaign stand; `fresh` have never been begun. `wave` is the one at hand.

    `there`: whether one of the fresh is connected, and could be begun at some hour.
    """

    fresh: int
    retrying: int
    running: int
    away: int
    wave: WaveCount
    there: bool = True

    @property
    def open(self) -> int:
        """How many have no end yet."""
        return self.fresh + self.retrying + self.running + self.away


@dataclass(frozen=True, slots=True)
class Candidate:
    """A station that may be begun; `wave` is set for one that is tried again."""

    station: str
    site: str = ""
    online: bool = True
    charging: bool = False
    wave: int | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class SiteNow:
    """A site as it is now: its windows, how many stations it has, how many are being worked on, its own share."""

    hours: Hours
    stations: int
    running: int
    share: int = 100

    def room(self, pace: Pace) -> int:
        """How many more may be worked on; one is always allowed."""
        allowed = max(1, self.stations * min(self.share, pace.site_share) // 100)
        return max(0, allowed - self.running)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: begin these (each in this wave), begin this wave, pause or end for this reason, give up the rest."""

    starts: tuple[tuple[str, int], ...] = ()
    wave: int | None = None
    pause: str = ""
    end: bool = False
    give_up: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether everything stays as it is."""
        return self == _NOTHING


_NOTHING = Decision()


def decide(
    campaign: Campaign, counts: Counts, candidates: Sequence[Candidate], sites: Mapping[str, SiteNow], now: datetime
) -> Decision:
    """The next moves of a campaign. Stations without a site, or of one that is not in `sites`, have no site's rules."""
    if campaign.state in (CampaignState.READY, CampaignState.DONE, CampaignState.ABORTED):
        return _NOTHING
    if counts.open == 0:
        return Decision(end=True)
    if campaign.until is not None and now >= campaign.until and (counts.fresh or counts.retrying or counts.away):
        return Decision(give_up=True)
    if campaign.state is not CampaignState.RUNNING:
        return _NOTHING
    if why := objection(campaign, counts):
        return Decision(pause=why)
    if _is_over(campaign, counts, now):
        if why := shortfall(campaign, counts.wave):
            return Decision(pause=why)
        return Decision(wave=campaign.wave + 1)
    if why := overdue(campaign, counts, now):
        return Decision(pause=why)
    return Decision(starts=tuple(_starts(campaign, counts, candidates, sites, now)))


def objection(campaign: Campaign, counts: Counts) -> str:
    """Why nothing more may be begun, in plain words; empty when nothing stands against it."""
    bad, size = counts.wave.bad + counts.wave.retrying, _size(campaign, counts)
    if bad <= campaign.forgiven or bad * 100 <= campaign.pace.errors * size:
        return ""
    return (
        f"wave {campaign.wave}: {bad} of {size} stations failed, are on hold or late; "
        f"more than {campaign.pace.errors} % are not borne"
    )


def overdue(campaign: Campaign, counts: Counts, now: datetime) -> str:
    """Why a wave has lasted too long; empty when it has not. Waiting for those who are away is no fault of a wave."""
    within = campaign.pace.wave_within
    if within is None or campaign.wave_since is None or now < campaign.wave_since + within:
        return ""
    if not counts.wave.running and not counts.there:
        return ""
    return f"wave {campaign.wave} is not over within {within}"


def shortfall(campaign: Campaign, wave: WaveCount) -> str:
    """Why a wave that is over may not be followed by the next; empty when it may."""
    if campaign.let_pass == campaign.wave or wave.done * 100 >= campaign.pace.success * (wave.taken - wave.away):
        return ""
    return (
        f"wave {campaign.wave}: {wave.done} of {wave.taken} stations are done; "
        f"at least {campaign.pace.success} % must be"
    )


def after(outcome: Outcome, tries: int, pace: Pace, now: datetime) -> tuple[TargetState, datetime | None]:
    """Where a station stands after a try, its `tries`th, and from when on it may be tried again."""
    retry = pace.retries.get(outcome.kind)
    if retry is not None and tries <= retry.times:
        return TargetState.PENDING, now + retry.after
    return TargetState(outcome.kind.value), None


def is_late(started_at: datetime, hours: Hours, pace: Pace, now: datetime) -> bool:
    """Whether a station has taken too long; only the time counts in which its site was open."""
    if now < started_at + pace.target_within:
        return False
    return pace.at_any_hour or hours.open_time(started_at, now) >= pace.target_within


def late(pace: Pace) -> Outcome:
    """The outcome of one that has."""
    return Outcome(OutcomeKind.LATE, f"it came to no end within {pace.target_within}")


def wave_sizes(total: int, pace: Pace) -> tuple[int, ...]:
    """How many stations each wave takes in; the last one takes all that are left."""
    sizes: list[int] = []
    left = total
    while left > 0:
        planned = pace.waves[len(sizes)].of(total) if len(sizes) < len(pace.waves) else sizes[-1] * pace.growth
        sizes.append(min(left, planned))
        left -= sizes[-1]
    return tuple(sizes)


def _size(campaign: Campaign, counts: Counts) -> int:
    """How many stations the wave at hand has: as many as planned, in the last one all that are left."""
    if campaign.wave >= len(campaign.sizes):
        return counts.wave.taken + counts.fresh
    return campaign.sizes[campaign.wave - 1]


def _is_over(campaign: Campaign, counts: Counts, now: datetime) -> bool:
    """The last wave is over with the campaign; any other when it is full, or its rest has been away for long."""
    if campaign.wave >= len(campaign.sizes) or counts.wave.running:
        return False
    if counts.wave.taken >= _size(campaign, counts):
        return True
    waited = campaign.wave_since is not None and now >= campaign.wave_since + campaign.pace.absent_for
    return waited and not counts.there and counts.wave.taken > 0


def _starts(
    campaign: Campaign, counts: Counts, candidates: Sequence[Candidate], sites: Mapping[str, SiteNow], now: datetime
) -> Iterator[tuple[str, int]]:
    free = campaign.pace.in_flight - counts.running
    room = _size(campaign, counts) - counts.wave.taken
    taken: set[str] = set()
    here = dict(sites)
    for candidate in candidates:
        if free <= 0:
            return
        if candidate.station in taken or not may_begin(candidate, here.get(candidate.site), campaign.pace, now):
            continue
        if candidate.wave is None and room <= 0:
            continue
        room -= candidate.wave is None
        free -= 1
        taken.add(candidate.station)
        if site := here.get(candidate.site):
            here[candidate.site] = replace(site, running=site.running + 1)
        yield candidate.station, candidate.wave or campaign.wave


def may_begin(candidate: Candidate, site: SiteNow | None, pace: Pace, now: datetime) -> bool:
    """Whether a station may be begun now: it is there, charges nobody, and its site allows it."""
    if not candidate.online or candidate.charging:
        return False
    if candidate.not_before is not None and now < candidate.not_before:
        return False
    if site is None:
        return True
    return site.room(pace) > 0 and (pace.at_any_hour or site.hours.is_open(now))

"""The engine of campaigns against fleets that do whatever they like: the rules that hold whatever happens."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms_bridge.campaigns.engine import (
    Candidate,
    Counts,
    SiteNow,
    WaveCount,
    after,
    decide,
    is_late,
    late,
    wave_sizes,
)
from csms_bridge.campaigns.windows import Hours, hours_of
from csms_bridge.campaigns.words import (
    BAD,
    Campaign,
    CampaignState,
    Goal,
    Kind,
    Outcome,
    OutcomeKind,
    Pace,
    Retry,
    Selection,
    Size,
    TargetState,
)
from csms_bridge.errors import CampaignRefused

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NIGHTS = hours_of("UTC", "daily 22:00-04:00")
OPEN_STATES = (TargetState.PENDING, TargetState.RUNNING, TargetState.AWAY)


def campaign(pace: Pace, total: int, **more: object) -> Campaign:
    made = Campaign(
        id="c1", name="walk", goal=Goal(Kind.WALK, to=3), selection=Selection(everything=True), pace=pace,
        state=CampaignState.RUNNING, reason="", wave=1, wave_since=NOON, sizes=wave_sizes(total, pace), total=total,
        excluded=0, forgiven=0, let_pass=0, abort=None, created_by="user:anna", created_at=NOON, started_at=NOON,
        ended_at=None, until=NOON + pace.until, updated_at=NOON,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


@dataclass
class One:
    """A station of the model: what it does next is drawn by hypothesis."""

    name: str
    site: str
    state: TargetState = TargetState.PENDING
    wave: int | None = None
    tries: int = 0
    online: bool = True
    charging: bool = False
    started: datetime = NOON
    not_before: datetime | None = None
    last: OutcomeKind | None = None


@dataclass
class World:
    """A fleet and a campaign over it, moved step by step, every rule checked at every step."""

    stations: list[One]
    campaign: Campaign
    hours: Hours
    now: datetime = NOON
    begun_under_way: list[str] = field(default_factory=list)

    def counts(self) -> Counts:
        here = [one for one in self.stations if one.wave == self.campaign.wave]

        def number(state: TargetState, among: list[One]) -> int:
            return sum(one.state is state for one in among)

        taken = [one for one in self.stations if one.wave is not None]
        fresh = [one for one in self.stations if one.wave is None and one.state is TargetState.PENDING]
        return Counts(
            fresh=len(fresh),
            retrying=number(TargetState.PENDING, taken),
            running=number(TargetState.RUNNING, taken),
            away=number(TargetState.AWAY, taken),
            wave=WaveCount(
                taken=len(here), running=number(TargetState.RUNNING, here), away=number(TargetState.AWAY, here),
                done=number(TargetState.DONE, here), bad=sum(one.state in BAD for one in here),
                retrying=number(TargetState.PENDING, here),
            ),
            there=any(one.online for one in fresh),
        )  # fmt: skip

    def sites(self) -> dict[str, SiteNow]:
        names = {one.site for one in self.stations}
        return {
            name: SiteNow(
                self.hours,
                sum(one.site == name for one in self.stations),
                sum(one.site == name and one.state is TargetState.RUNNING for one in self.stations),
            )
            for name in names
        }

    def candidates(self) -> list[Candidate]:
        """Everybody who is pending, also those who may not be begun: the engine must see to it by itself."""
        return [
            Candidate(one.name, one.site, one.online, one.charging, one.wave, one.not_before)
            for one in self.stations
            if one.state is TargetState.PENDING
        ]

    def settle(self, outcomes: dict[str, Outcome]) -> None:
        pace = self.campaign.pace
        for one in self.stations:
            if one.state not in (TargetState.RUNNING, TargetState.AWAY):
                continue
            outcome = outcomes.get(one.name)
            if (
                outcome is None
                and one.state is TargetState.RUNNING
                and is_late(one.started, self.hours, pace, self.now)
            ):
                outcome = late(pace)
            if outcome is not None:
                one.last = outcome.kind
                one.state, one.not_before = after(outcome, one.tries, pace, self.now)
            elif not one.online:
                one.state = TargetState.AWAY
            elif one.state is TargetState.AWAY:
                one.state, one.started = TargetState.RUNNING, self.now

    def step(self) -> None:
        decision = decide(self.campaign, self.counts(), self.candidates(), self.sites(), self.now)
        before = self.counts()
        by_name = {one.name: one for one in self.stations}
        assert len({name for name, _ in decision.starts}) == len(decision.starts)
        assert not decision.starts or before.running + len(decision.starts) <= self.campaign.pace.in_flight
        for name, wave in decision.starts:
            one = by_name[name]
            assert one.state is TargetState.PENDING
            assert one.online
            assert not one.charging
            assert self.hours.is_open(self.now) or self.campaign.pace.at_any_hour
            assert one.wave in (None, wave)
            one.state, one.wave, one.tries, one.started = TargetState.RUNNING, wave, one.tries + 1, self.now
        if decision.starts:
            self._check_shares({by_name[name].site for name, _ in decision.starts})
            self._check_errors()
        if decision.wave is not None:
            assert decision.wave == self.campaign.wave + 1
            assert before.wave.running == 0
            self.campaign = replace(self.campaign, wave=decision.wave, wave_since=self.now, forgiven=0)
        if decision.pause:
            self.campaign = replace(self.campaign, state=CampaignState.PAUSED, reason=decision.pause)
        if decision.give_up:
            self._give_up()
        if decision.end:
            assert not any(one.state in OPEN_STATES for one in self.stations)
            self.campaign = replace(self.campaign, state=CampaignState.DONE)

    def _check_shares(self, sites: set[str]) -> None:
        for name in sites:
            here = [one for one in self.stations if one.site == name]
            running = sum(one.state is TargetState.RUNNING for one in here)
            assert running <= max(1, len(here) * self.campaign.pace.site_share // 100)

    def _check_errors(self) -> None:
        """Whoever begins something is within what is borne."""
        here = [one for one in self.stations if one.wave == self.campaign.wave]
        size = self.campaign.sizes[self.campaign.wave - 1]
        bad = sum(one.state in BAD for one in here)
        assert bad <= self.campaign.forgiven or bad * 100 <= self.campaign.pace.errors * max(size, len(here))

    def _give_up(self) -> None:
        for one in self.stations:
            if one.state is TargetState.PENDING and one.last is not None:
                one.state = TargetState(one.last.value)
            elif one.state in (TargetState.PENDING, TargetState.AWAY):
                one.state = TargetState.ABSENT

    def resume(self) -> None:
        count = self.counts().wave
        self.campaign = replace(
            self.campaign, state=CampaignState.RUNNING, wave_since=self.now, forgiven=count.bad + count.retrying,
            let_pass=self.campaign.wave,
        )  # fmt: skip


paces = st.builds(
    Pace,
    waves=st.lists(
        st.builds(Size, st.integers(1, 6)) | st.builds(Size, st.integers(1, 100), st.just(True)), min_size=1, max_size=3
    ).map(tuple),
    growth=st.integers(1, 4),
    in_flight=st.integers(1, 8),
    errors=st.sampled_from([0, 10, 50, 100]),
    success=st.sampled_from([0, 80, 100]),
    wave_within=st.none() | st.just(timedelta(days=2)),
    target_within=st.just(timedelta(hours=6)),
    absent_for=st.just(timedelta(hours=1)),
    until=st.just(timedelta(days=6)),
    site_share=st.sampled_from([1, 34, 50, 100]),
    retries=st.dictionaries(
        st.sampled_from([OutcomeKind.FAILED, OutcomeKind.HELD, OutcomeKind.LATE]),
        st.builds(Retry, st.integers(0, 2), st.sampled_from([timedelta(0), timedelta(hours=3)])),
    ),
    at_any_hour=st.booleans(),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    pace = draw(paces)
    names = [f"CS-{number}" for number in range(draw(st.integers(1, 14)))]
    stations = [One(name, draw(st.sampled_from(["Harbour", "Mall", "Depot"]))) for name in names]
    return World(stations, campaign(pace, len(names)), draw(st.sampled_from([Hours(), NIGHTS])))


@settings(max_examples=60)
@given(worlds(), st.data())
def test_whatever_happens_the_rules_hold_and_it_comes_to_an_end(world: World, data: st.DataObject) -> None:
    whims = st.lists(st.integers(0, 99), min_size=len(world.stations), max_size=len(world.stations))
    for _ in range(400):
        if world.campaign.state is CampaignState.DONE:
            break
        world.now += timedelta(minutes=30)
        outcomes = {}
        stormy = world.now < NOON + timedelta(days=1)  # later on everything goes its way: else examples are too long
        for one, whim in zip(world.stations, data.draw(whims) if stormy else [60] * len(world.stations), strict=True):
            one.online, one.charging = whim >= 20, 20 <= whim < 30
            if one.state is TargetState.RUNNING and whim >= 50:
                outcomes[one.name] = Outcome(OutcomeKind.DONE if whim < 80 else OutcomeKind.FAILED, "")
            if one.state is TargetState.RUNNING and 40 <= whim < 50:
                outcomes[one.name] = Outcome(OutcomeKind.HELD, "")
        world.settle(outcomes)
        if world.campaign.state is CampaignState.PAUSED:
            world.resume()
        world.step()
    assert world.campaign.state is CampaignState.DONE


@given(st.integers(0, 5000), paces)
def test_the_waves_take_everybody_once(total: int, pace: Pace) -> None:
    sizes = wave_sizes(total, pace)
    assert sum(sizes) == total
    assert all(size > 0 for size in sizes)


def counts(
    fresh: int = 0, retrying: int = 0, running: int = 0, away: int = 0, there: bool = True, **wave: int
) -> Counts:
    return Counts(fresh, retrying, running, away, WaveCount(**wave), there)


def test_the_canary_is_begun_first_and_nothing_else() -> None:
    made = campaign(Pace(waves=(Size(2),), site_share=100), 10)
    some = [Candidate(f"CS-{n}") for n in range(5)]
    assert decide(made, counts(fresh=10), some, {}, NOON).starts == (("CS-0", 1), ("CS-1", 1))
    full = Counts(8, 0, 2, 0, WaveCount(taken=2, running=2))
    assert decide(made, full, some, {}, NOON).is_nothing


def test_the_next_wave_waits_for_an_outcome_of_each() -> None:
    made = campaign(Pace(waves=(Size(2),)), 10)
    waits = Counts(8, 0, 1, 0, WaveCount(taken=2, running=1, done=1))
    over = Counts(8, 0, 0, 0, WaveCount(taken=2, done=2))
    assert decide(made, waits, [Candidate("CS-9")], {}, NOON).is_nothing
    assert decide(made, over, [Candidate("CS-9")], {}, NOON).wave == 2


def test_one_failure_of_a_small_canary_stops_it_in_plain_words() -> None:
    made = campaign(Pace(waves=(Size(5),), errors=10), 100)
    decision = decide(made, Counts(95, 0, 2, 0, WaveCount(taken=5, running=2, done=2, bad=1)), (), {}, NOON)
    assert decision.pause == "wave 1: 1 of 5 stations failed, are on hold or late; more than 10 % are not borne"


def test_what_was_let_pass_does_not_stop_it_again_but_one_more_does() -> None:
    made = campaign(Pace(waves=(Size(5),), errors=10, success=0), 100, forgiven=1, let_pass=1)
    assert not decide(made, Counts(95, 0, 2, 0, WaveCount(taken=5, running=2, done=2, bad=1)), (), {}, NOON).pause
    assert decide(made, Counts(95, 0, 1, 0, WaveCount(taken=5, running=1, done=2, bad=2)), (), {}, NOON).pause


def test_one_that_waits_to_be_tried_again_counts_as_an_error() -> None:
    made = campaign(Pace(waves=(Size(5),), errors=10), 100)
    assert decide(made, Counts(95, 1, 2, 0, WaveCount(taken=5, running=2, done=2, retrying=1)), (), {}, NOON).pause


def test_a_wave_that_ended_badly_is_not_followed_by_the_next() -> None:
    made = campaign(Pace(waves=(Size(5),), errors=100, success=80), 100)
    over = Counts(95, 0, 0, 0, WaveCount(taken=5, done=3, bad=2))
    assert decide(made, over, (), {}, NOON).pause == "wave 1: 3 of 5 stations are done; at least 80 % must be"
    assert decide(replace(made, let_pass=1), over, (), {}, NOON).wave == 2


def test_a_wave_that_takes_too_long_stops_but_not_for_those_who_are_away() -> None:
    made = campaign(Pace(waves=(Size(5),), wave_within=timedelta(hours=2)), 100)
    later = NOON + timedelta(hours=2)
    slow = Counts(95, 0, 1, 0, WaveCount(taken=5, running=1, done=4))
    assert decide(made, slow, (), {}, later).pause == "wave 1 is not over within 2:00:00"
    only_absent = Counts(98, 0, 0, 0, WaveCount(), there=False)
    assert decide(made, only_absent, (), {}, later).is_nothing


def test_those_who_are_not_there_are_carried_on_to_a_later_wave() -> None:
    made = campaign(Pace(waves=(Size(5),), absent_for=timedelta(hours=1)), 100)
    short = Counts(97, 0, 0, 0, WaveCount(taken=3, done=3), there=False)
    assert decide(made, short, (), {}, NOON + timedelta(minutes=59)).is_nothing
    assert decide(made, short, (), {}, NOON + timedelta(hours=1)).wave == 2


def test_a_canary_of_nobody_proves_nothing() -> None:
    made = campaign(Pace(waves=(Size(5),)), 100)
    nobody = Counts(100, 0, 0, 0, WaveCount(), there=False)
    assert decide(made, nobody, (), {}, NOON + timedelta(days=3)).is_nothing


def test_whoever_waits_for_its_window_keeps_its_wave_open() -> None:
    made = campaign(Pace(waves=(Size(5),)), 100)
    waits = Counts(97, 0, 0, 0, WaveCount(taken=3, done=3), there=True)
    assert decide(made, waits, (), {}, NOON + timedelta(days=3)).is_nothing


def test_in_the_end_the_absent_are_given_up_and_it_ends() -> None:
    made = campaign(Pace(until=timedelta(days=14)), 3)
    left = Counts(2, 0, 0, 1, WaveCount(taken=1, away=1), there=False)
    assert decide(made, left, (), {}, NOON + timedelta(days=14)).give_up
    assert decide(made, Counts(0, 0, 0, 0, WaveCount()), (), {}, NOON).end


def test_of_a_small_site_one_station_may_be_begun_at_a_time() -> None:
    made = campaign(Pace(waves=(Size(10),), site_share=10), 10)
    some = [Candidate("CS-1", "Mall"), Candidate("CS-2", "Mall"), Candidate("CS-3")]
    site = SiteNow(Hours(), stations=3, running=0)
    assert decide(made, counts(fresh=10), some, {"Mall": site}, NOON).starts == (("CS-1", 1), ("CS-3", 1))
    assert decide(made, counts(fresh=10), some, {"Mall": replace(site, running=1)}, NOON).starts == (("CS-3", 1),)


def test_a_site_of_its_own_small_share_is_worked_on_by_that() -> None:
    site = SiteNow(Hours(), stations=100, running=4, share=5)
    assert site.room(Pace(site_share=50)) == 1
    assert replace(site, share=100).room(Pace(site_share=10)) == 6


def test_outside_the_window_nobody_is_begun_unless_it_is_said_so() -> None:
    site = {"Mall": SiteNow(NIGHTS, stations=3, running=0)}
    some = [Candidate("CS-1", "Mall")]
    assert decide(campaign(Pace(), 3), counts(fresh=3), some, site, NOON).starts == ()
    assert decide(campaign(Pace(at_any_hour=True), 3), counts(fresh=3), some, site, NOON).starts == (("CS-1", 1),)
    assert decide(campaign(Pace(), 3), counts(fresh=3), some, site, NOON + timedelta(hours=10)).starts


def test_nobody_who_charges_is_begun() -> None:
    made = campaign(Pace(), 3)
    assert decide(made, counts(fresh=3), [Candidate("CS-1", charging=True)], {}, NOON).starts == ()


def test_while_it_is_paused_nothing_is_begun_and_when_aborted_it_ends_with_the_last() -> None:
    some = [Candidate("CS-1")]
    paused = campaign(Pace(), 3, state=CampaignState.PAUSED)
    assert decide(paused, counts(fresh=3), some, {}, NOON).is_nothing
    aborting = campaign(Pace(), 3, state=CampaignState.ABORTING)
    assert decide(aborting, counts(running=1), some, {}, NOON).is_nothing
    assert decide(aborting, counts(), some, {}, NOON).end


def test_a_station_is_late_by_the_time_in_which_its_site_was_open() -> None:
    """Else all that wait for the next night would be, and pause the campaign in the morning."""
    pace, begun = Pace(target_within=timedelta(hours=8)), NOON + timedelta(hours=12)
    assert not is_late(begun, NIGHTS, pace, begun + timedelta(hours=25))  # 4 hours, and 3 of the next night
    assert is_late(begun, NIGHTS, pace, begun + timedelta(hours=26))
    assert is_late(begun, Hours(), pace, begun + timedelta(hours=8))
    assert is_late(begun, NIGHTS, replace(pace, at_any_hour=True), begun + timedelta(hours=8))


def test_each_outcome_is_tried_again_as_often_as_its_policy_says() -> None:
    pace = Pace(retries={OutcomeKind.HELD: Retry(2, timedelta(hours=1))})
    held, failed = Outcome(OutcomeKind.HELD), Outcome(OutcomeKind.FAILED)
    assert after(held, 1, pace, NOON) == (TargetState.PENDING, NOON + timedelta(hours=1))
    assert after(held, 2, pace, NOON) == (TargetState.PENDING, NOON + timedelta(hours=1))
    assert after(held, 3, pace, NOON) == (TargetState.HELD, None)
    assert after(failed, 1, pace, NOON) == (TargetState.FAILED, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"in_flight": 0}, {"in_flight": 5001}, {"errors": 101}, {"success": -1}, {"site_share": 0}, {"waves": ()},
        {"until": timedelta(0)}, {"target_within": timedelta(days=500)}, {"growth": 0},
        {"retries": {OutcomeKind.DONE: Retry(1, timedelta(0))}},
    ],
)  # fmt: skip
def test_a_pace_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(CampaignRefused):
        Pace(**wrong)  # type: ignore[arg-type]

"""Every plan, with events late, twice and out of order, crashes, and an operator who interferes at any time.

Whatever happens: no station is stranded, no credential is withdrawn before its successor was seen, no harmful message
is sent twice without need, and when time goes by each walk ends done, held or cancelled (issue 5, *Shown by*).
"""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms_bridge.walks.steps import Connected, Disconnected, Do, Tick, Unanswered, WalkState
from tests.csms_bridge.walks.at_a_step import BASIC, MUTUAL, TLS, V16, V21, V201
from tests.csms_bridge.walks.journey import DOWN, PLANS, Journey
from tests.csms_bridge.walks.model_station import Manners

WAYS = [*PLANS, *DOWN]
ENDS = (WalkState.DONE, WalkState.HELD, WalkState.CANCELLED)
OPERATIONS = ("hold", "resume", "retry", "skip", "cancel")
MANY = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

manners = st.builds(
    Manners,
    drops=st.booleans(),
    reboots=st.booleans(),
    lowers=st.booleans(),
    falls_back=st.integers(0, 2),
    hides_roots=st.booleans(),
    keeps_slots=st.booleans(),
    tells_slots=st.booleans(),
    mute=st.sets(st.sampled_from(Do), max_size=3),
    deaf=st.sets(st.sampled_from(Do), max_size=3),
)
operations = st.lists(st.tuples(st.integers(1, 120), st.sampled_from(OPERATIONS)), max_size=6)
tellings = st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=2), min_size=1, max_size=8)


def mangled(delays):
    """Each event as late, and as often, as the next of `delays` says."""
    numbers = iter(range(10_000))

    def mangle(seen):
        if isinstance(seen, Connected | Disconnected | Unanswered | Tick):
            return (timedelta(),)  # what our own socket tells comes in order
        return [timedelta(seconds=late) for late in delays[next(numbers) % len(delays)]]

    return mangle


def journey_of(way, manners, operations, crashes, delays) -> Journey:
    journey = Journey(*way, manners, mangle=mangled(delays), stored=True)
    for second, what in operations:
        journey.later(second, lambda what=what: journey.operate(what))
    for second in crashes:
        journey.later(second, journey.crash)
    return journey.run(timedelta(hours=12))


@MANY
@given(st.sampled_from(WAYS), manners, operations, st.lists(st.integers(1, 120), max_size=2), tellings)
def test_whatever_an_operator_does_no_station_is_stranded_and_each_walk_ends(way, manners, operations, crashes, delays):
    journey = journey_of(way, manners, operations, crashes, delays)
    assert journey.at.outcome in ENDS
    if journey.at.outcome is WalkState.CANCELLED:
        assert_reachable_as_before(journey)


def assert_reachable_as_before(journey: Journey) -> None:
    """After a restart too the station finds a way in, on no lower profile than it had."""
    goal, start = journey.walk.goal, journey.walk.start
    journey.restart()
    for _ in range(20):
        journey.now += timedelta(seconds=1)
        journey._happen()
    assert journey.connected_at is not None
    assert journey.station.profile >= min(start, goal)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}-{way[1]:d}-{way[2]:d}")
def test_a_walk_cancelled_at_any_second_leaves_the_station_as_good_as_before(way):
    for second in range(1, 90, 8):
        journey = Journey(*way, stored=True)
        journey.later(second, lambda journey=journey: journey.operate("cancel"))
        journey.run(timedelta(hours=12))
        assert journey.at.outcome in (WalkState.DONE, WalkState.CANCELLED), (second, journey.at.reason)
        if journey.at.outcome is WalkState.CANCELLED:
            assert journey.at.reason == "another unit comes"
            assert_reachable_as_before(journey)


@pytest.mark.parametrize("way", DOWN, ids=lambda way: str(way[0]))
@pytest.mark.parametrize("drops", [True, False])
def test_the_way_down_leads_to_profile_2_by_permission(way, drops):
    """A05.FR.08, B09.FR.31/.32 (2.0.1 errata 2025-01)."""
    journey = Journey(*way, Manners(drops=drops)).run()
    assert (journey.at.outcome, journey.station.profile, journey.floor) == (WalkState.DONE, TLS, TLS)
    assert not journey.station.may_step_down, "the station is not left with leave to step down"
    assert journey.acts.index(Do.SET_PASSWORD) < journey.acts.index(Do.PERMIT_LOWER) < journey.acts.index(Do.RESTART)


@pytest.mark.parametrize("version", [V201, V21])
def test_a_descent_cancelled_before_it_was_seen_bars_profile_2_again(version):
    journey = Journey(version, MUTUAL, TLS)
    journey.before_act = lambda act: act is not Do.RESTART or journey.operate("cancel") is not None
    journey.run(timedelta(hours=12))
    assert (journey.at.outcome, journey.floor) == (WalkState.CANCELLED, MUTUAL)
    assert journey.station.priority[0] == 1
    assert not journey.station.may_step_down


def test_a_1_6_station_that_keeps_quiet_about_its_profile_is_held_and_not_called_cancelled():
    """It took the new profile, refuses the old one (A05.FR.01) and does not come back by itself."""
    journey = Journey(V16, BASIC, TLS, Manners(drops=False))
    journey.before_act = lambda act: act is not Do.RESTART or journey.operate("cancel") is not None
    journey.run(timedelta(hours=12))
    assert journey.at.outcome is WalkState.HELD
    assert "has not come back since" in journey.at.reason
    journey.restart()
    journey.run(timedelta(hours=1))
    assert journey.at.outcome is WalkState.CANCELLED
    assert journey.station.profile is TLS, "it came through after all"
    assert journey.floor is TLS


def test_cancelling_puts_the_old_slot_first_again():
    journey = Journey(V201, BASIC, TLS)
    journey.before_act = lambda act: act is not Do.RESTART or journey.operate("cancel") is not None
    journey.run()
    assert (journey.at.outcome, journey.station.priority, journey.station.profile) == (WalkState.CANCELLED, [1], BASIC)


@pytest.mark.parametrize("lost", [Do.OLD_SLOT_FIRST, Do.READ_NETWORK])
def test_a_lost_answer_on_the_way_back_is_asked_for_again(lost):
    journey = Journey(V201, BASIC, TLS, Manners(mute={lost}))
    journey.before_act = lambda act: act is not Do.RESTART or journey.operate("cancel") is not None
    journey.run()
    assert (journey.at.outcome, journey.station.priority) == (WalkState.CANCELLED, [1])


def test_both_passwords_are_good_while_nobody_knows_which_one_the_station_uses():
    """A01: the answer to the new password is lost, and the walk is cancelled there."""
    journey = Journey(V16, BASIC, TLS, Manners(mute={Do.SET_PASSWORD}))
    journey.run_until(Do.SET_PASSWORD)
    assert journey.good_passwords == {"old", "p1"}
    journey.operate("cancel")
    journey.run(timedelta(hours=1))
    assert journey.at.outcome is WalkState.CANCELLED
    assert journey.good_passwords == {"p1"}, "it was seen with the new one, and only then the old one went"

"""Whole journeys, from the start of a walk to its end, with every trouble on the way.

They are watched by a witness (see journey.py): no harmful step twice without need, no floor before the station
was seen, no end without, no hold without a reason; and a station that finds no way in is an error at once.
"""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms_bridge.station import SecurityProfile
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import (
    Do,
    Seen,
    WalkState,
)
from tests.csms_bridge.room import NOON
from tests.csms_bridge.walks.at_a_step import (
    BASIC,
    MESSAGES,
    MUTUAL,
    REFUSALS,
    REJECTED,
    TLS,
    V16,
    V21,
    V201,
    all_plans,
    longest_plans,
)
from tests.csms_bridge.walks.journey import PLANS, SECOND, Journey
from tests.csms_bridge.walks.model_station import Manners


def arrived(journey: Journey, goal: SecurityProfile) -> bool:
    """Whether the station is where it should be, barred from below, and its walk knows."""
    at_goal = journey.station.profile is goal and journey.floor is goal
    return journey.at.outcome is WalkState.DONE and at_goal


def with_an_operators_help(journey: Journey, resumes: int) -> Journey:
    """Resume a held walk, so many times at most."""
    for _ in range(resumes):
        if journey.at.outcome is WalkState.HELD:
            journey.resume().run()
    return journey


# --- whole journeys


@all_plans
def test_every_walk_leads_to_its_goal(way):
    assert arrived(Journey(*way, stored=True).run(), way[2])


@all_plans
@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize("reboots", [True, False])
def test_every_walk_leads_to_its_goal_with_stations_that_restart_or_must_be_restarted(way, drops, reboots):
    """Station-quirks 17: Accepted and reconnect, RebootRequired, or Accepted and nothing."""
    journey = Journey(*way, Manners(drops=drops, reboots=reboots)).run()
    assert arrived(journey, way[2])
    stays = way[0] is V16 and (reboots or not drops)
    assert (journey.station.restarts > 0) is (stays or way[0] is not V16)


@all_plans
def test_every_walk_leads_to_its_goal_with_an_rsa_station(way):
    """Its certificate comes from the other hierarchy, whose root it gets with ours, or else when it needs it."""
    journey = Journey(*way, issuer_root="root-rsa").run()
    assert arrived(journey, way[2])
    assert journey.station.holds_rsa_root is (way[1] < TLS <= way[2])
    assert journey.station.holds_issuer_root is (way[1] is TLS)


@all_plans
@pytest.mark.parametrize("issuer_root", ["root", "root-rsa"])
def test_every_walk_leads_to_its_goal_with_a_station_that_refuses_the_rsa_root_beside_ours(way, issuer_root):
    """It holds no second root, or wants none: that of its certificate is asked for again when it is needed."""
    journey = Journey(*way, Manners(refuses={Do.INSTALL_RSA_ROOT: [REJECTED]}), issuer_root=issuer_root).run()
    assert arrived(journey, way[2])
    assert (Do.INSTALL_ISSUER_ROOT in journey.acts) is (way[2] is MUTUAL and issuer_root == "root-rsa")


@all_plans
def test_every_walk_leads_to_its_goal_with_a_station_that_lists_no_root(way):
    """Station-quirks 7: the acceptance is what there is."""
    assert arrived(Journey(*way, Manners(hides_roots=True)).run(), way[2])


@pytest.mark.parametrize("version", [V201, V21])
def test_a_station_that_keeps_its_old_slot_is_walked_up_twice(version):
    """Then the slot for profile 3 is in the priority list: 2.1 takes it out first (B09.FR.20)."""
    journey = Journey(version, BASIC, MUTUAL, Manners(keeps_slots=True, tells_slots=False)).run()
    assert arrived(journey, MUTUAL)
    assert (Do.FREE_SLOT in journey.acts) is (version is V21)


@all_plans
def test_the_password_used_in_clear_is_good_for_nothing_after_a_walk_to_tls(way):
    journey = Journey(*way).run()
    if way[1] < TLS <= way[2]:
        assert journey.good_passwords == {f"p{journey.offers}"}
        assert journey.station.password == f"p{journey.offers}"


@all_plans
def test_a_reconnect_at_any_second_changes_nothing_in_the_end(way):
    """In particular not that the password is changed: seen in the first leg, one is no proof in the second."""
    length = (Journey(*way).run().now - NOON) // SECOND
    for second in range(2, length + 2, 2):
        journey = Journey(*way)
        journey.later(second, journey.leave)
        assert arrived(journey.run(), way[2])
        assert journey.station.password in (None, "old", f"p{journey.offers}")
        if way[1] < TLS <= way[2]:
            changed_on_tls = journey.acts.index(Do.SET_PASSWORD, journey.acts.index(Do.LIST_ROOTS))
            assert changed_on_tls > journey.acts.index(Do.INSTALL_ROOT)


@longest_plans
@pytest.mark.parametrize("do", MESSAGES)
def test_a_lost_answer_is_unknown_and_not_failure(way, do):
    """The station did what it was asked, and its answer got lost: nobody has to help."""
    assert arrived(Journey(*way, Manners(mute={do})).run(), way[2])


@longest_plans
@pytest.mark.parametrize("do", MESSAGES)
def test_a_lost_message_leads_to_the_goal_or_to_a_hold_that_one_resume_ends(way, do):
    journey = with_an_operators_help(Journey(*way, Manners(deaf={do})).run(), resumes=1)
    assert arrived(journey, way[2])


@all_plans
@pytest.mark.parametrize("refusal", REFUSALS)
def test_one_refusal_leads_to_the_goal_or_to_a_hold_that_one_resume_ends(way, refusal):
    for do in dict.fromkeys(step.do for step in plan(*way).steps):
        journey = with_an_operators_help(Journey(*way, Manners(refuses={do: [refusal]})).run(), resumes=1)
        assert arrived(journey, way[2])


@longest_plans
@pytest.mark.parametrize("do", [step for step in MESSAGES if step not in (Do.NAME_OPERATOR, Do.LIST_SLOTS)])
def test_a_station_that_refuses_for_ever_is_held_and_never_stranded(way, do):
    """What can be done without, or in another way, is no reason to hold."""
    journey = Journey(*way, Manners(refuses={do: [REJECTED] * 99})).run()
    done_without = {
        Do.INSTALL_RSA_ROOT,
        Do.LIST_ALL,
        Do.FREE_SLOT,
        Do.INSTALL_ISSUER_ROOT,  # not needed here
        Do.DELIVER,
        Do.DELIVER_WITH_ROOT,
        Do.WRITE_SLOT_VARIABLES,
    }
    if way[0] is V16:
        done_without |= {Do.RESTART}
    asked = do in journey.acts
    assert arrived(journey, way[2]) if do in done_without or not asked else journey.at.outcome is WalkState.HELD


@all_plans
def test_a_station_that_falls_back_is_held_reachable_and_walks_on_when_resumed(way):
    """1.6 A05.FR.08, 2.x B10.FR.07."""
    journey = Journey(*way, Manners(falls_back=1)).run()
    assert journey.at.outcome is WalkState.HELD
    assert journey.at.reason == f"it fell back: seen again on profile {way[1]:d} when {way[1] + 1} was expected"
    assert journey.station.profile is way[1]
    assert journey.floor is way[1]
    assert journey.connected_at is not None
    assert arrived(with_an_operators_help(journey, resumes=1), way[2])


# --- crashes


def crashed_at_act(way, number: int, *, sent: bool) -> Journey:
    """Our process dies when the n-th act is stored: before the message went out, or before its answer came."""
    journey = Journey(*way)
    left = itertools.count(number, -1)

    def before_act(do: Do) -> bool:
        if next(left) != 0:
            return True
        if sent:
            journey.send(do)
        journey.crash()
        return False

    journey.before_act = before_act
    return journey.run()


@all_plans
@pytest.mark.parametrize("sent", [False, True], ids=["before-sending", "after-sending"])
def test_a_crash_at_any_message_strands_nobody(way, sent):
    """Progress is stored before anything is sent, so a crash leaves a step sent whose answer is unknown.

    And nobody has to help: when a step turns out not to have been done, its leg is walked again.
    """
    acts = [do for do in Journey(*way).run().acts if do is not Do.BAR_BELOW]
    for number in range(len(acts)):
        assert arrived(crashed_at_act(way, number, sent=sent), way[2]), acts[number]


@longest_plans
def test_a_crash_at_any_second_strands_nobody(way):
    length = (Journey(*way).run().now - NOON) // SECOND
    for second in range(1, length + 1):
        journey = Journey(*way)
        journey.later(second, journey.crash)
        assert arrived(journey.run(), way[2]), second


# --- events late, twice and out of order

delays = st.sampled_from([0, 0, 0, 0, 1, 3, 20, 100])
tellings = st.lists(st.lists(delays, min_size=1, max_size=2), min_size=1, max_size=15)
manners = st.builds(Manners, drops=st.booleans(), reboots=st.booleans(), keeps_slots=st.booleans())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLANS), manners, st.sampled_from(["root", "root-rsa"]), tellings)
def test_events_late_twice_and_out_of_order_break_no_rule(way, manners, issuer_root, tellings):
    """The witness watches. At the end an operator's word, and honest events, lead to the goal."""
    turn = itertools.cycle(tellings)

    def mangle(_: Seen) -> list[timedelta]:
        return [delay * SECOND for delay in next(turn)]

    journey = Journey(*way, replace(manners), mangle=mangle, issuer_root=issuer_root).run()
    journey.be_honest()
    assert arrived(with_an_operators_help(journey, resumes=6), way[2])


@all_plans
@pytest.mark.parametrize("late", [1, 20])
def test_every_event_twice_and_late_leads_to_the_goal(way, late):
    journey = Journey(*way, mangle=lambda _: [late * SECOND, late * SECOND]).run()
    assert arrived(with_an_operators_help(journey, resumes=1), way[2])


troubles = st.fixed_dictionaries(
    {
        "deaf": st.sets(st.sampled_from(MESSAGES), max_size=3),
        "mute": st.sets(st.sampled_from(MESSAGES), max_size=3),
        "refuses": st.dictionaries(
            st.sampled_from(MESSAGES), st.lists(st.sampled_from(REFUSALS), min_size=1, max_size=3), max_size=3
        ),
        "falls_back": st.integers(0, 2),
        "drops": st.booleans(),
        "reboots": st.booleans(),
        "hides_roots": st.booleans(),
        "tells_slots": st.booleans(),
    }
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLANS), troubles, st.lists(st.integers(1, 90), max_size=2))
def test_no_mixture_of_troubles_strands_a_station_or_a_walk(way, troubles, crashes):
    """Messages lost, answers lost, refusals, fall-backs and crashes; patience leads to the goal all the same."""
    copied = {name: value.copy() if hasattr(value, "copy") else value for name, value in troubles.items()}
    copied["refuses"] = {do: list(refusals) for do, refusals in troubles["refuses"].items()}
    journey = Journey(*way, Manners(**copied))
    for second in crashes:
        journey.later(second, journey.crash)
    assert arrived(with_an_operators_help(journey.run(), resumes=15), way[2])

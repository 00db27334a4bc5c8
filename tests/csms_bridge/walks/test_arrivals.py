"""What a connection means for a walk."""

from datetime import timedelta

import pytest

from csms_bridge.walks.arrivals import MANY_RETURNS
from csms_bridge.walks.causes import Cause
from csms_bridge.walks.marking import hold
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import (
    Connected,
    Disconnected,
    Do,
    StepState,
    Until,
    WalkState,
    WeWereAway,
)
from tests.csms_bridge.walks.at_a_step import (
    ACCEPTED,
    BASIC,
    DONE,
    MUTUAL,
    NONE,
    REJECTED,
    SKIPPED,
    SLOTS_2,
    TLS,
    TO_3,
    TO_TLS,
    V16,
    V21,
    V201,
    At,
)
from tests.csms_bridge.walks.journey import FACTS, PACE


@pytest.mark.parametrize(
    ("way", "leg", "seen", "fits"),
    [
        ((V16, NONE, BASIC), BASIC, Connected(NONE), False),
        ((V16, NONE, BASIC), BASIC, Connected(BASIC, password="p1"), True),
        ((V16, NONE, BASIC), BASIC, Connected(TLS, password="p1"), True),
        (TO_TLS, TLS, Connected(BASIC), False),
        (TO_TLS, TLS, Connected(TLS), True),
        (TO_TLS, TLS, Connected(MUTUAL, "feed"), True),
        (TO_3, MUTUAL, Connected(TLS), False),
        (TO_3, MUTUAL, Connected(MUTUAL, "feed"), False),  # an old certificate proves nothing about the new one
        (TO_3, MUTUAL, Connected(MUTUAL, "5e01"), True),
        (TO_3, MUTUAL, Connected(MUTUAL, "5e02"), True),
    ],
)
def test_a_leg_ends_when_the_station_is_seen_with_what_it_was_given(way, leg, seen, fits):
    here = At(way, Do.WAIT, leg, issued="5e01 5e02").tick().see(seen)
    assert (here.state_of(Do.WAIT) is DONE) is fits
    assert (Do.BAR_BELOW in here.acts) is fits


@pytest.mark.parametrize(
    ("way", "seen", "note"),
    [
        (TO_TLS, Connected(TLS), "seen on profile 2"),
        (TO_3, Connected(MUTUAL, "5e01"), "seen on profile 3 with certificate 5e01"),
    ],
)
def test_the_step_says_how_the_station_was_seen(way, seen, note):
    here = At(way, Do.WAIT, way[2], issued="5e01").tick()
    index = here.at.index
    assert here.see(seen).at.views[index].note == note


@pytest.mark.parametrize("way", [TO_TLS, TO_3, (V201, BASIC, TLS), (V21, BASIC, TLS)])
def test_what_is_seen_is_stronger_than_any_answer(way):
    """At whichever step the walk stands: the steps before the one that waited for it are over."""
    for step in plan(*way).steps:
        if step.until is Until.SEEN:
            return
        here = At(way, step.do, way[2], issued="5e01", **SLOTS_2).see(Connected(way[2], "5e01"))
        assert here.acts == [Do.BAR_BELOW]
        assert {view.state for view in here.at.views[: here.at.index]} <= {DONE, SKIPPED}


def test_a_station_that_came_back_on_its_old_profile_has_some_time_left():
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(Connected(BASIC))
    assert here.tick(seconds=PACE.grace.total_seconds() - 1).at.outcome is WalkState.RUNNING
    here.tick(seconds=1)
    assert here.at.reason == "it fell back: seen again on profile 1 when 2 was expected"


def test_a_station_that_is_away_again_has_not_fallen_back():
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(Connected(BASIC)).tick(seconds=10).see(Disconnected())
    assert here.tick(minutes=30).at.outcome is WalkState.RUNNING
    here.see(Connected(BASIC)).tick(seconds=14)
    assert here.at.outcome is WalkState.RUNNING


@pytest.mark.parametrize("away", [(), (WeWereAway(),)], ids=["fell-back", "knocked-on-a-closed-door"])
def test_many_returns_on_the_old_profile_are_a_fall_back_though_none_stayed(away):
    """A station that drops every line before the grace is over would be waited for to no end."""
    here = At(TO_TLS, Do.WAIT, TLS).tick()
    for _ in range(MANY_RETURNS - 1):
        here.see(Connected(BASIC), Disconnected()).tick(ready=False, seconds=2)
        assert (here.do, here.at.outcome) == (Do.WAIT, WalkState.RUNNING)
    here.see(*away, Connected(BASIC)).tick(ready=False)
    if away:
        assert (here.do, here.at.outcome) == (Do.INSTALL_ROOT, WalkState.RUNNING)
    else:
        assert here.at.reason == "it fell back: seen again on profile 1 when 2 was expected"


def test_returns_before_the_last_message_are_no_fall_back():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).see(*[Connected(BASIC)] * MANY_RETURNS)
    here.tick(seconds=9).answer(ACCEPTED).see(Disconnected(), Connected(BASIC)).tick(seconds=1)
    assert (here.do, here.at.outcome) == (Do.WAIT, WalkState.RUNNING)


def after_our_absence() -> At:
    """The station was sent to TLS, found nobody there, and came back on its old profile to stay."""
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(WeWereAway(), Connected(BASIC))
    return here.tick(ready=False, seconds=PACE.grace.total_seconds())


def walk_to_the_wait(here: At) -> At:
    """The leg from its first step up to the wait, with a station that takes everything."""
    while here.do is not Do.WAIT:
        here.tick(seconds=9)
        if here.at.state is StepState.SENT:
            here.answer(ACCEPTED, roots="abc")
    return here


def test_a_station_that_fell_back_while_we_were_away_walks_the_leg_again():
    """It knocked on a closed door (1.6 A05.FR.08): that is no reason to wait for an operator."""
    here = after_our_absence()
    assert (here.at.outcome, here.at.reason) == (WalkState.RUNNING, "")
    assert {view.state for view in here.at.views} == {StepState.PENDING}
    assert here.acts == []
    assert here.tick().acts == [Do.INSTALL_ROOT]


def test_a_refusal_after_our_absence_walks_the_leg_again_too():
    """What was sent before it may have gone down with us: a certificate, say, that profile 3 needs."""
    here = At(TO_3, Do.RAISE_PROFILE, MUTUAL, issued="5e01").see(WeWereAway()).tick().answer(REJECTED)
    assert (here.do, here.at.outcome, here.at.reason) == (Do.NAME_OPERATOR, WalkState.RUNNING, "")
    assert here.at.facts == {**FACTS, "issued": "5e01"}


def test_an_operators_hold_after_our_absence_is_a_hold():
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(WeWereAway())
    here.at = hold(here.at, "maintenance", here.now, Cause.OPERATOR)
    assert here.tick(hours=2).at.outcome is WalkState.HELD


def test_a_fall_back_in_the_leg_walked_again_is_held():
    """No absence of ours explains it any more."""
    here = walk_to_the_wait(after_our_absence()).see(Connected(BASIC))
    here.tick(seconds=PACE.grace.total_seconds())
    assert here.at.reason == "it fell back: seen again on profile 1 when 2 was expected"
    assert here.acts.count(Do.RAISE_PROFILE) == 1


def test_a_leg_walked_again_is_walked_once_more_when_we_were_away_again():
    here = walk_to_the_wait(after_our_absence()).see(WeWereAway(), Connected(BASIC))
    here.tick(ready=False, seconds=PACE.grace.total_seconds())
    assert (here.do, here.at.outcome) == (Do.INSTALL_ROOT, WalkState.RUNNING)


def test_a_leg_walked_again_ends_like_any_other():
    here = walk_to_the_wait(after_our_absence()).see(Connected(TLS))
    assert (here.acts[-1], here.do) == (Do.BAR_BELOW, Do.SET_PASSWORD)


def test_our_absence_in_one_leg_is_no_excuse_in_the_next():
    here = At((V16, BASIC, MUTUAL), Do.WAIT, TLS).tick().see(WeWereAway(), Connected(TLS))
    assert here.acts == [Do.BAR_BELOW]
    assert "away" not in here.at.facts


@pytest.mark.parametrize(
    ("way", "do", "wait"),
    [(TO_TLS, Do.WAIT, timedelta(hours=1)), (TO_3, Do.TRIGGER_CSR, timedelta(minutes=5))],
)
def test_time_goes_by_for_a_station_that_is_not_there(way, do, wait):
    here = At(way, do, way[2], StepState.PENDING if do is Do.WAIT else StepState.WAITING).tick(ready=False)
    here.tick(ready=False, seconds=wait.total_seconds() - 1)
    assert (here.do, here.at.state) == (do, StepState.WAITING)
    assert here.tick(ready=False, seconds=1).at.outcome is WalkState.HELD


def test_settling_is_over_in_time_though_the_station_is_not_there():
    """Only the next message waits for it."""
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS, StepState.WAITING).tick(ready=False, seconds=9)
    assert (here.do, here.at.state) == (Do.INSTALL_RSA_ROOT, StepState.PENDING)
    assert here.acts == [Do.INSTALL_ROOT]


def test_a_station_that_stays_away_is_held_in_the_end():
    here = At(TO_TLS, Do.WAIT, TLS).tick().see(Disconnected()).tick(minutes=59)
    assert here.at.outcome is WalkState.RUNNING
    here.tick(minutes=1)
    assert "may be asleep" in here.at.reason


def test_a_password_counts_when_it_was_offered_in_this_leg():
    here = At(TO_TLS, Do.SET_PASSWORD, TLS, StepState.SENT, password="p2").see(Connected(TLS, password="p1"))
    assert here.at.outcome is WalkState.RUNNING
    assert here.see(Connected(TLS, password="p2")).at.outcome is WalkState.DONE


def test_the_password_of_an_earlier_leg_proves_nothing():
    """0 to 2: the first leg's password crossed the network in clear, and is in use until it is changed."""
    here = At((V16, NONE, TLS), Do.WAIT, BASIC, password="p1").tick().see(Connected(BASIC, password="p1"))
    assert here.at.facts.get("password") is None
    here = At((V16, NONE, TLS), Do.WAIT, TLS).tick().see(Connected(TLS, password="p1"))
    assert here.see(Connected(TLS, password="p1")).do is Do.SET_PASSWORD


def test_a_station_without_a_password_is_not_taken_for_one_with_the_new():
    here = At(TO_TLS, Do.SET_PASSWORD, TLS).see(Connected(TLS))
    assert here.at.outcome is WalkState.RUNNING

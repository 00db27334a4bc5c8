"""What an operator does to a walk: hold, resume."""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms_bridge.commands import Answer
from csms_bridge.walks.answers import SILENT_TRIES
from csms_bridge.walks.causes import Cause
from csms_bridge.walks.marking import hold
from csms_bridge.walks.operating import resume, retry
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import (
    Answered,
    Complained,
    Connected,
    Disconnected,
    Do,
    Issued,
    SlotsTold,
    StepState,
    Tick,
    Until,
    WalkState,
    WeWereAway,
)
from tests.csms_bridge.room import NOON
from tests.csms_bridge.walks.at_a_step import (
    ACCEPTED,
    BASIC,
    DONE,
    HELD,
    MUTUAL,
    REJECTED,
    SLOTS_2,
    TLS,
    TO_3,
    TO_TLS,
    V16,
    V21,
    V201,
    At,
)
from tests.csms_bridge.walks.journey import FACTS


def test_a_held_walk_does_nothing():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).answer(REJECTED)
    before = here.at
    here.tick(hours=9).answer(ACCEPTED).no_answer().see(Disconnected(), Issued("5e01", "root"), SlotsTold("1"))
    assert here.at == before
    assert here.acts == [Do.RAISE_PROFILE]


@pytest.mark.parametrize("do", [Do.INSTALL_ROOT, Do.RAISE_PROFILE, Do.WAIT])
def test_a_late_arrival_takes_a_walk_off_hold(do):
    """Wherever it was held: the leg's end was seen after all."""
    here = At(TO_TLS, do, TLS)
    here.at = hold(here.at, "no answer came", here.now, Cause.SILENT)
    here.see(Connected(TLS))
    assert (here.at.outcome, here.at.reason) == (WalkState.RUNNING, "")
    assert here.acts == [Do.BAR_BELOW]
    assert here.do is Do.SET_PASSWORD


def test_a_late_use_of_the_new_password_takes_a_walk_off_hold():
    here = At(TO_TLS, Do.SET_PASSWORD, TLS, StepState.SENT, password="p1").answer(ACCEPTED).tick(seconds=9)
    here.no_answer().tick(minutes=20)
    assert here.at.reason == "see the new password: the station has not used its new password yet"
    assert here.see(Connected(TLS, password="p1")).at.outcome is WalkState.DONE


def test_a_connection_that_is_not_the_legs_end_leaves_a_walk_on_hold():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).answer(REJECTED).see(Connected(BASIC))
    assert here.at.outcome is WalkState.HELD


def test_a_walk_that_an_operator_holds_stays_on_hold():
    here = At(TO_TLS, Do.WAIT, TLS).tick()
    here.at = hold(here.at, "maintenance", here.now, Cause.OPERATOR)
    here.see(Connected(TLS))
    assert (here.at.outcome, here.at.reason) == (WalkState.HELD, "maintenance")
    assert here.acts == []


def test_a_station_that_arrived_while_an_operator_held_its_walk_is_not_asked_again():
    """It would refuse the profile it is on (1.6 A05.FR.01)."""
    here = At(TO_TLS, Do.WAIT, TLS).tick()
    here.at = hold(here.at, "maintenance", here.now, Cause.OPERATOR)
    here.see(Connected(TLS))
    here.at = resume(here.walk, here.at, here.now)
    assert here.tick().acts == [Do.BAR_BELOW, Do.SET_PASSWORD]


def test_a_station_that_uses_its_new_password_is_sent_no_other_one_by_a_retry():
    here = At(TO_TLS, Do.SET_PASSWORD, TLS, StepState.SENT, password="p1")
    here.at = hold(here.at, "maintenance", here.now, Cause.OPERATOR)
    here.see(Connected(TLS, password="p1"))
    here.at = retry(here.walk, here.at, here.now)
    assert (here.tick().at.outcome, here.acts) == (WalkState.DONE, [Do.SET_PASSWORD])


def test_a_station_that_was_there_and_left_again_on_hold_is_asked_again():
    here = At(TO_TLS, Do.WAIT, TLS).tick()
    here.at = hold(here.at, "maintenance", here.now, Cause.OPERATOR)
    here.see(Connected(TLS), Disconnected(), Connected(BASIC))
    here.at = resume(here.walk, here.at, here.now)
    assert here.tick().acts == [Do.INSTALL_ROOT]


def test_what_came_in_an_earlier_hold_is_forgotten():
    here = At(TO_3, Do.WAIT, MUTUAL, issued="5e01").tick()
    here.at = hold(here.at, "maintenance", here.now, Cause.OPERATOR)
    here.see(Connected(MUTUAL, "5e01"))
    here.at = hold(replace(here.at, outcome=WalkState.RUNNING), "again", here.now, Cause.OPERATOR)
    here.at = resume(here.walk, here.at, here.now)
    assert here.do is Do.NAME_OPERATOR


@pytest.mark.parametrize("way", [TO_TLS, (V201, BASIC, TLS), (V21, BASIC, TLS)])
def test_a_resumed_leg_is_walked_again_from_its_first_step(way):
    for step in plan(*way).steps:
        here = At(way, step.do, TLS, **SLOTS_2)
        here.at = resume(here.walk, hold(here.at, "wait", here.now, Cause.SILENT), here.now)
        assert (here.at.index, here.at.outcome, here.at.reason) == (0, WalkState.RUNNING, "")
        assert {view.state for view in here.at.views} == {StepState.PENDING}
        if step.until is Until.SEEN:
            return


def test_a_leg_whose_end_was_seen_is_resumed_behind_it():
    here = At((V16, BASIC, MUTUAL), Do.SET_PASSWORD, TLS, StepState.SENT).answer(REJECTED)
    here.at = resume(here.walk, here.at, here.now)
    assert here.tick().acts == [Do.SET_PASSWORD, Do.SET_PASSWORD]
    assert here.state_of(Do.WAIT) is DONE


def test_what_is_on_record_of_a_leg_is_not_recorded_again_when_we_were_away():
    """Done again on our side, it was taken for the bar of the next leg: its profile was refused to the station."""
    here = At((V201, BASIC, MUTUAL), Do.SET_PASSWORD, TLS, StepState.SENT, **SLOTS_2).see(WeWereAway())
    for _ in range(SILENT_TRIES):
        here.no_answer().tick(minutes=1)
    assert here.at.outcome is WalkState.RUNNING, "it was us who were not there"
    assert (here.do, here.at.state) == (Do.SET_PASSWORD, StepState.SENT)
    assert Do.BAR_BELOW not in here.acts


def test_a_resumed_walk_leaves_earlier_legs_alone():
    here = At((V16, BASIC, MUTUAL), Do.DELIVER, MUTUAL, issued="5e01", issuer_root="root")
    here.at = resume(here.walk, hold(here.at, "wait", here.now, Cause.SILENT), here.now)
    assert here.do is Do.NAME_OPERATOR
    assert {view.state for view in here.at.views[: here.at.index]} == {DONE}


def test_a_resumed_walk_has_its_patience_back_and_no_old_troubles():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT).see(Complained("x"), Disconnected()).answer(REJECTED)
    here.now += timedelta(days=1)
    here.at = resume(here.walk, here.at, here.now)
    assert (here.at.tries, here.at.moved) == (0, here.now)
    assert here.at.facts == FACTS


def test_a_hold_has_its_reason_on_the_step_too():
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS)
    here.at = hold(here.at, "maintenance", NOON, Cause.OPERATOR)
    assert (here.at.views[here.at.index].state, here.at.views[here.at.index].note) == (HELD, "maintenance")


@pytest.mark.parametrize("outcome", [WalkState.DONE, WalkState.CANCELLED])
@pytest.mark.parametrize("event", [Tick(True), Connected(TLS), Connected(BASIC), Answered(0, Answer(ACCEPTED))])
def test_what_is_over_stays_over(outcome, event):
    here = At(TO_TLS, Do.WAIT, TLS)
    here.at = over = replace(here.at, outcome=outcome)
    assert here.see(event).at == over
    assert here.acts == []

"""The engine of a walk: what is sent when, and what of what is seen counts."""

from dataclasses import replace

import pytest

from csms_bridge.commands import Answer
from csms_bridge.quirks.quirks import USUAL, Asks
from csms_bridge.walks.machine import begin, waits_for_a_window
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import (
    Answered,
    Complained,
    Connected,
    Disconnected,
    Do,
    SlotsTold,
    StepState,
    Tick,
    Unanswered,
    WalkState,
)
from tests.csms_bridge.room import NOON
from tests.csms_bridge.walks.at_a_step import ACCEPTED, BASIC, MUTUAL, REJECTED, TLS, TO_3, TO_TLS, V16, V201, At
from tests.csms_bridge.walks.journey import FACTS, PACE


def test_a_walk_begins_with_nothing_done():
    at = begin(plan(*TO_TLS), NOON, FACTS)
    assert {view.state for view in at.views} == {StepState.PENDING}
    assert (at.index, at.outcome, at.facts, at.moved) == (0, WalkState.RUNNING, FACTS, NOON)


def test_nothing_is_sent_to_a_station_that_is_not_ready():
    """Not connected, not booted, or charging."""
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS).tick(ready=False, hours=5)
    assert here.acts == []
    assert here.tick().acts == [Do.INSTALL_ROOT]


@pytest.mark.parametrize("event", [Connected(BASIC), Disconnected(), SlotsTold("1"), Complained("x")])
def test_nothing_is_sent_on_anything_but_a_tick(event):
    assert At(TO_TLS, Do.INSTALL_ROOT, TLS).see(event).acts == []


def test_one_message_at_a_time():
    assert At(TO_TLS, Do.LIST_ROOTS, TLS, root_accepted="yes").tick().tick().tick().acts == [Do.LIST_ROOTS]


@pytest.mark.parametrize("late", [Unanswered, lambda index, asked: Answered(index, Answer(REJECTED), asked)])
def test_what_is_told_late_of_an_older_message_is_no_answer_to_the_step_asked_again(late):
    """A line that died slowly ends when the station is long on a newer one, perhaps at another node."""
    here = At(TO_TLS, Do.LIST_ROOTS, TLS, root_accepted="yes").tick()
    first = here.at.moved
    here.tick(seconds=PACE.silence.total_seconds()).tick(seconds=PACE.settle.total_seconds())
    assert (here.acts, here.at.state) == ([Do.LIST_ROOTS] * 2, StepState.SENT)
    again = here.at
    assert here.see(late(again.index, first)).at == again
    assert here.see(Unanswered(again.index, again.moved)).at.state is StepState.PENDING


def test_after_an_accepting_answer_nothing_is_sent_while_it_settles():
    """Station-quirks 13: the station drops the line about a second later, and a CALL in that second is lost."""
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS, StepState.WAITING)
    here.tick(seconds=PACE.settle.total_seconds() - 0.1)
    assert here.acts == [Do.INSTALL_ROOT]
    assert here.tick(seconds=0.1).acts == [Do.INSTALL_ROOT, Do.INSTALL_RSA_ROOT]


def test_settling_is_over_at_once_when_the_station_has_been_away_and_is_back():
    here = At(TO_TLS, Do.INSTALL_ROOT, TLS, StepState.WAITING).see(Disconnected(), Connected(BASIC))
    assert here.do is Do.INSTALL_RSA_ROOT


@pytest.mark.parametrize("do", [Do.INSTALL_ROOT, Do.RAISE_PROFILE, Do.SET_PASSWORD])
def test_accepted_is_no_proof(do):
    """A05.FR.07: only a connection ends a leg."""
    here = At(TO_TLS, do, TLS, root_accepted="yes").tick().answer(ACCEPTED)
    assert here.at.outcome is WalkState.RUNNING
    assert here.state_of(do) is StepState.WAITING


@pytest.mark.parametrize("index", [0, 2, 4, 8])
def test_an_answer_to_another_step_is_nothing(index):
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, StepState.SENT)
    assert here.at.index == 3
    before = here.at
    assert here.see(Answered(index, Answer(ACCEPTED)), Unanswered(index)).at == before


@pytest.mark.parametrize("state", [StepState.PENDING, StepState.WAITING])
def test_an_answer_to_a_step_that_was_not_sent_is_nothing(state):
    here = At(TO_TLS, Do.RAISE_PROFILE, TLS, state)
    before = here.at
    assert here.answer(REJECTED).no_answer().at == before


def test_a_station_that_sleeps_is_not_late():
    """A request is waited for in the time that the station is connected."""
    here = At(TO_3, Do.TRIGGER_CSR, MUTUAL, StepState.WAITING).tick(minutes=4)
    here.see(Disconnected()).tick(ready=False, days=3).see(Connected(TLS)).tick(seconds=59)
    assert here.at.outcome is WalkState.RUNNING
    assert here.tick(seconds=1).at.outcome is WalkState.HELD


def test_a_walk_whose_station_is_away_for_a_month_is_held_until_it_comes():
    here = At(TO_3, Do.TRIGGER_CSR, MUTUAL).tick(ready=False, days=29)
    assert here.at.outcome is WalkState.RUNNING
    assert "for 30 days" in here.tick(ready=False, days=1).at.reason
    assert here.see(Connected(TLS)).tick().acts == [Do.TRIGGER_CSR]


def test_the_end_of_an_older_line_told_late_does_not_stop_the_clock_of_a_station_that_is_there():
    """Its new connection was told first (station-quirks 14): the walk would have waited for a month."""
    here = At(TO_3, Do.TRIGGER_CSR, MUTUAL, StepState.WAITING).see(Connected(TLS), Disconnected())
    here.tick(ready=True).tick(minutes=6)
    assert here.at.outcome is WalkState.HELD
    assert "sent no certificate request" in here.at.reason


# maintenance windows


SHUT = Tick(ready=True, shut=True)


@pytest.mark.parametrize("do", [Do.RAISE_PROFILE, Do.SET_PASSWORD])
def test_nothing_that_moves_the_station_is_begun_when_its_window_is_over(do):
    """It stays reachable where it is, and the old way stays good."""
    at = At((V16, BASIC, MUTUAL), do, TLS)
    assert at.see(SHUT).acts == []
    assert at.at.state is StepState.PENDING
    assert at.see(Tick(ready=True)).acts == [do]
    assert at.at.views[at.at.index].note == ""


@pytest.mark.parametrize("do", [Do.INSTALL_ROOT, Do.LIST_ROOTS])
def test_what_does_not_move_it_goes_on(do):
    assert At((V16, BASIC, MUTUAL), do, TLS).see(SHUT).acts == [do]


def test_a_switch_that_was_begun_is_carried_through():
    """Half of one is worse than a late one: 2.x goes to the new slot at its next restart, whenever that is."""
    assert At((V201, BASIC, MUTUAL), Do.RESTART, TLS).see(SHUT).acts == [Do.RESTART]


def test_a_restart_that_begins_something_waits():
    walk = plan(V16, TLS, MUTUAL, replace(USUAL, asks=Asks.AFTER_RESTART))
    index = next(i for i, step in enumerate(walk.steps) if step.do is Do.RESTART)
    at = replace(begin(walk, NOON, FACTS), index=index)
    assert waits_for_a_window(walk, at)
    assert not waits_for_a_window(replace(walk, back=index), at), "the way back of a cancelled walk waits for nothing"

"""Which connection slot a walk writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.walks.slots import choose_slot, slot_numbers
from csms_bridge.walks.steps import (
    Do,
    SlotsTold,
    StepState,
)
from tests.csms_bridge.walks.at_a_step import ACCEPTED, BASIC, MUTUAL, REFUSALS, SKIPPED, SLOTS_2, TLS, V21, V201, At
from tests.csms_bridge.walks.journey import Journey


@pytest.mark.parametrize(
    ("priority", "active", "slots", "chosen"),
    [
        ("1", "", "", (2, 1)),
        ("2", "", "", (1, 2)),
        ("1,2", "2", "", (1, 2)),  # what is in use counts, not what comes first
        ("1,2", "0", "", (2, 1)),  # 0 means: none of them
        ("5", "5", "4,5,6", (4, 5)),
        ("4", "4", "4,5,6", (5, 4)),
        ("1", "1", "1", (2, 1)),
        (" 3 , 1", "", "", (1, 3)),
        ("", "", "", (2, 1)),
        ("x", "y", "z", (2, 1)),
        ("²", "²", "², 7", (7, 1)),
    ],
)
def test_the_slot_in_use_is_never_written(priority, active, slots, chosen):
    """B09.FR.06, .05: another one of those the station has; without its list, 1 to 3."""
    assert choose_slot(priority, active, slots) == chosen


@given(st.text("0123456789, ²x"), st.text("0123456789"), st.text("0123456789, "))
def test_there_is_always_a_slot_to_write(priority, active, slots):
    slot, used = choose_slot(priority, active, slots)
    assert slot != used
    assert slot > 0
    assert used > 0


def test_slot_numbers_are_the_positive_ones():
    assert slot_numbers("2, 1,0,-3,x,,07,³") == [2, 1, 7]


@pytest.mark.parametrize(("priority", "freed"), [("1", False), ("1,2", True), ("2,1", True)])
def test_2_1_takes_a_listed_slot_out_of_use_before_writing_it(priority, freed):
    """2.1 B09.FR.20/.21."""
    here = At((V21, BASIC, TLS), Do.FREE_SLOT, TLS, **{**SLOTS_2, "priority": priority}).tick()
    assert here.acts == [Do.FREE_SLOT if freed else Do.WRITE_SLOT_VARIABLES]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_slot_that_cannot_be_taken_out_of_use_is_written_all_the_same(refusal):
    facts = {**SLOTS_2, "priority": "1,2"}
    here = At((V21, BASIC, TLS), Do.FREE_SLOT, TLS, StepState.SENT, **facts).answer(refusal).tick()
    assert here.acts == [Do.FREE_SLOT, Do.WRITE_SLOT_VARIABLES]


def test_what_the_station_told_of_its_slots_is_used():
    here = At((V201, BASIC, TLS), Do.LIST_SLOTS, TLS, StepState.SENT).answer(ACCEPTED)
    here.see(SlotsTold("4,5")).tick().answer(ACCEPTED, priority="4", active="4", country="settled")
    assert (here.at.facts["slot"], here.at.facts["used"]) == ("5", "4")


def test_the_slots_may_be_told_before_the_answer():
    """Station-quirks 22: a CALL may come before the CALLRESULT."""
    here = At((V201, BASIC, TLS), Do.LIST_SLOTS, TLS, StepState.SENT).see(SlotsTold("4,5"))
    assert here.do is Do.READ_NETWORK
    assert here.answer(ACCEPTED).at.facts["slots"] == "4,5"


def test_a_station_that_does_not_tell_its_slots_is_walked_without():
    here = At((V201, BASIC, TLS), Do.LIST_SLOTS, TLS, StepState.WAITING).tick(seconds=19)
    assert here.do is Do.LIST_SLOTS
    here.tick(seconds=1)
    assert (here.do, here.state_of(Do.LIST_SLOTS)) == (Do.READ_NETWORK, SKIPPED)


def test_each_leg_reads_the_slots_anew():
    """After the first leg another slot is in use."""
    journey = Journey(V201, BASIC, MUTUAL).run()
    assert journey.acts.count(Do.READ_NETWORK) == 2
    assert (journey.at.facts["slot"], journey.at.facts["used"]) == ("1", "2")

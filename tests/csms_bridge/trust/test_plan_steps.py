"""The planner's rule: whatever the per cents, it never goes on while a station that was not excluded would drop."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.trust.connecting import Outcome, verdict
from csms_bridge.trust.facts import Fact, Facts, RootFact
from csms_bridge.trust.plan_steps import (
    Gates,
    Go,
    PlanStep,
    Standing,
    Stay,
    change_of,
    following,
    next_act,
    preceding,
    standing,
    when_cleared,
)
from csms_bridge.trust.states import HOLDS, state_of
from pki.keys import KeyFamily
from tests.csms_bridge.room import NOON

LEAVING = ("root", "stations", "csms")
OVER_TLS = Fact.SEEN | Fact.TLS

patterns = st.builds(
    Facts,
    st.integers(0, 2**11 - 1).map(Fact),
    st.integers(0, 0xFF).map(RootFact),
    st.integers(0, 0xFF).map(RootFact),
)
fleets = st.dictionaries(patterns, st.integers(1, 50), max_size=12)
per_cents = st.floats(0, 100)
gated = st.sampled_from([PlanStep.INSTALL, PlanStep.CONFIRM, PlanStep.SWITCH, PlanStep.CONNECT])


def towards(step: PlanStep, family: KeyFamily, fleet: Mapping[Facts, int], gates: Gates) -> Go | Stay:
    after = following(step)
    assert after is not None
    return next_act(step, standing(change_of(after, "root-2", family, LEAVING, NOON), fleet), gates)


@given(gated, st.sampled_from(KeyFamily), fleets, per_cents, per_cents)
def test_it_never_moves_on_while_a_station_would_drop(
    step: PlanStep, family: KeyFamily, fleet: Mapping[Facts, int], confirmed: float, connected: float
) -> None:
    act = towards(step, family, fleet, Gates(confirmed, connected))
    after = following(step)
    assert after is not None
    change = change_of(after, "root-2", family, LEAVING, NOON)
    dropping = [
        one for one in fleet if verdict(change, one).outcome is Outcome.LOSES and Fact.EXCLUDED not in one.station
    ]
    if dropping:
        assert isinstance(act, Stay)
        assert "would lose us" in act.findings[0]


@given(gated, st.sampled_from(KeyFamily), fleets)
def test_excluding_everybody_lets_it_go_on(step: PlanStep, family: KeyFamily, fleet: Mapping[Facts, int]) -> None:
    out = {Facts(one.station | Fact.EXCLUDED, one.first, one.second): number for one, number in fleet.items()}
    assert isinstance(towards(step, family, out, Gates()), Go)


@given(fleets, st.sampled_from(KeyFamily))
def test_at_a_hundred_per_cent_every_station_that_is_concerned_has_confirmed(
    fleet: Mapping[Facts, int], family: KeyFamily
) -> None:
    if isinstance(towards(PlanStep.CONFIRM, family, fleet, Gates()), Go):
        for one in fleet:
            if OVER_TLS in one.station and not one.station & (Fact.EDGE | Fact.EXCLUDED):
                is_rsa = Fact.RSA_SERVER in one.station
                if is_rsa is (family is KeyFamily.RSA):
                    assert state_of(one.second if is_rsa else one.first) in HOLDS


@given(fleets)
def test_sums_count_every_station_once(fleet: Mapping[Facts, int]) -> None:
    found = standing(change_of(PlanStep.SWITCH, "root-2", KeyFamily.EC, LEAVING, NOON), fleet)
    assert found.concerned + found.elsewhere + found.excluded <= sum(fleet.values())
    assert found.proven <= found.confirmed <= found.concerned
    assert found.confirmed + found.unsure + found.losing >= found.concerned


@pytest.mark.parametrize(
    ("confirmed", "asked", "goes"), [(99, 100.0, False), (100, 100.0, True), (95, 95.0, True), (94, 95.0, False)]
)
def test_the_gate_of_confirmations(confirmed: int, asked: float, goes: bool) -> None:
    fleet = Standing(concerned=100, confirmed=confirmed)
    assert isinstance(next_act(PlanStep.CONFIRM, fleet, Gates(confirmed=asked)), Go) is goes


def test_the_old_goes_only_when_the_new_was_connected_under() -> None:
    fleet = Standing(concerned=10, confirmed=10, proven=9)
    stays = next_act(PlanStep.CONNECT, fleet, Gates())
    assert isinstance(stays, Stay)
    assert "9 of 10 stations have connected under the new root alone" in stays.findings[0]
    assert isinstance(next_act(PlanStep.CONNECT, fleet, Gates(connected=90)), Go)
    assert isinstance(next_act(PlanStep.SWITCH, fleet, Gates()), Go)


def test_only_removing_the_old_refuses_its_certificates() -> None:
    fleet = {Facts(OVER_TLS | Fact.MUTUAL | Fact.ISSUED_BY_LEAVING, RootFact.SEEN_ALONE): 1}
    assert isinstance(towards(PlanStep.SWITCH, KeyFamily.EC, fleet, Gates()), Go)
    assert isinstance(towards(PlanStep.CONNECT, KeyFamily.EC, fleet, Gates()), Stay)


def test_there_is_a_way_back_until_the_old_is_removed() -> None:
    assert [preceding(step) for step in PlanStep] == [
        None, None, PlanStep.INSTALL, PlanStep.CONFIRM, PlanStep.SWITCH, None, None,
    ]  # fmt: skip


def test_an_empty_fleet_stops_nothing() -> None:
    for step in (PlanStep.PLANNED, PlanStep.INSTALL, PlanStep.CONFIRM, PlanStep.SWITCH, PlanStep.CONNECT):
        assert isinstance(next_act(step, Standing(), Gates()), Go)
    assert isinstance(next_act(PlanStep.CLEAR, Standing(), Gates()), Stay)
    assert isinstance(when_cleared(0), Go)


def test_who_lists_the_old_root_stands_against_the_end() -> None:
    stays = when_cleared(3, ["CS-1", "CS-2", "CS-3"])
    assert stays == Stay(
        PlanStep.CLEAR, ("3 stations list the old root: have it deleted there, or exclude them by name",),
        ("CS-1", "CS-2", "CS-3"),
    )  # fmt: skip

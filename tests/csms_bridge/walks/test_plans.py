"""The walks as tables: what must come before what."""

import pytest

from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import Do, Lost, Needed, Until, WalkState
from tests.csms_bridge.walks.journey import PLANS, Journey
from tests.csms_bridge.walks.model_station import Manners

NONE, BASIC, TLS, MUTUAL = SecurityProfile
V16, V201, V21 = OcppVersion

all_plans = pytest.mark.parametrize(("version", "start", "goal"), PLANS)


def doings(version, start, goal):
    return [step.do for step in plan(version, start, goal).steps]


def leg_of(version, leg):
    return plan(version, SecurityProfile(leg - 1), leg).steps


def test_there_is_a_plan_for_every_way_up():
    """1.6 from 0, 1 and 2; 2.x from 1 and 2, since profile 0 does not exist there."""
    assert len(PLANS) == 6 + 3 + 3


@all_plans
def test_a_walk_is_its_legs_in_a_row(version, start, goal):
    steps = plan(version, start, goal).steps
    legs = [step for profile in SecurityProfile if start < profile <= goal for step in leg_of(version, profile)]
    assert steps == tuple(legs)


@pytest.mark.parametrize("version", OcppVersion)
@pytest.mark.parametrize(("start", "goal"), [(1, 1), (2, 1), (3, 0), (3, 3)])
def test_no_walk_leads_down_or_nowhere(version, start, goal):
    """A00.FR.005: the profile is not lowered over OCPP."""
    with pytest.raises(ValueError, match="not above"):
        plan(version, SecurityProfile(start), SecurityProfile(goal))


@pytest.mark.parametrize("version", [V201, V21])
def test_2_x_has_no_profile_0(version):
    with pytest.raises(ValueError, match=r"1\.6 only"):
        plan(version, NONE, TLS)


@all_plans
def test_every_leg_is_seen_before_the_lower_profiles_are_barred(version, start, goal):
    """A05.FR.07 (1.6 A05.FR.09): only after a successful connection with the new profile."""
    steps = plan(version, start, goal).steps
    for leg in {step.leg for step in steps}:
        untils = [step.until for step in steps if step.leg is leg]
        assert untils.count(Until.SEEN) == 1
        assert untils.index(Until.RECORDED) == untils.index(Until.SEEN) + 1


@all_plans
def test_what_waits_for_a_connection_can_be_late(version, start, goal):
    for step in plan(version, start, goal).steps:
        if step.do is Do.WAIT:
            assert step.until in (Until.SEEN, Until.PASSWORD_SEEN)
            assert step.late
            assert not step.optional


@pytest.mark.parametrize("version", OcppVersion)
def test_on_the_way_to_tls_the_root_is_installed_and_confirmed_first(version):
    """M05, M03; without the root the station could not come back (1.6 A05.FR.03, 2.x A05.FR.02)."""
    dos = doings(version, BASIC, TLS)
    switch = next(do for do in dos if do in (Do.RAISE_PROFILE, Do.WRITE_SLOT, Do.WRITE_SLOT_VARIABLES))
    assert dos.index(Do.INSTALL_ROOT) < dos.index(Do.LIST_ROOTS) < dos.index(switch)


@pytest.mark.parametrize("version", OcppVersion)
def test_on_the_way_to_profile_3_the_certificate_comes_first(version):
    """1.6 A05.FR.04, 2.x A05.FR.03; A02.FR.13: the operator is named before the request is made."""
    dos = doings(version, TLS, MUTUAL)
    switch = next(do for do in dos if do in (Do.RAISE_PROFILE, Do.WRITE_SLOT, Do.WRITE_SLOT_VARIABLES))
    order = [Do.NAME_OPERATOR, Do.TRIGGER_CSR, Do.INSTALL_ISSUER_ROOT, Do.DELIVER, switch]
    assert sorted(order, key=dos.index) == order


@pytest.mark.parametrize("version", OcppVersion)
def test_the_password_that_crossed_the_network_in_clear_is_changed_once_on_tls(version):
    steps = leg_of(version, TLS)
    seen = next(i for i, step in enumerate(steps) if step.until is Until.SEEN)
    change = next(i for i, step in enumerate(steps) if step.do is Do.SET_PASSWORD)
    assert seen < change
    assert steps[-1].until is Until.PASSWORD_SEEN


def test_1_6_gets_a_password_before_profile_1():
    """1.6 A05.FR.02: without an AuthorizationKey the station refuses."""
    assert doings(V16, NONE, BASIC)[0] is Do.SET_PASSWORD


@pytest.mark.parametrize("leg", [TLS, MUTUAL])
@pytest.mark.parametrize("version", [V201, V21])
def test_2_x_reads_its_slots_writes_one_prefers_it_and_restarts(version, leg):
    """B09.FR.06, B10: the one in use is never written, and changes act at the next restart."""
    dos = [step.do for step in leg_of(version, leg)]
    write = Do.WRITE_SLOT if version is V201 else Do.WRITE_SLOT_VARIABLES
    order = [Do.LIST_SLOTS, Do.READ_NETWORK, write, Do.PREFER_SLOT, Do.RESTART]
    assert sorted(order, key=dos.index) == order
    assert Do.RAISE_PROFILE not in dos


@pytest.mark.parametrize("version", [V201, V21])
@pytest.mark.parametrize(("tells", "asked"), [(True, 1), (False, 2)])
def test_which_slots_a_station_has_is_asked_until_it_says_so(version, tells, asked):
    """For some it takes their whole inventory to find out."""
    journey = Journey(version, BASIC, MUTUAL, Manners(tells_slots=tells))
    assert journey.run().at.outcome is WalkState.DONE
    assert sum(act in (Do.LIST_SLOTS, Do.LIST_ALL) for act in journey.acts) == asked


@pytest.mark.parametrize("leg", [TLS, MUTUAL])
def test_2_1_takes_the_slot_out_of_use_first_where_it_is_listed(leg):
    """2.1 B09.FR.20/.21; SetNetworkProfile where the station has no such variables."""
    steps = leg_of(V21, leg)
    free = next(i for i, step in enumerate(steps) if step.do is Do.FREE_SLOT)
    assert steps[free].needed is Needed.IF_SLOT_LISTED
    assert (steps[free + 1].do, steps[free + 1].otherwise) == (Do.WRITE_SLOT_VARIABLES, Do.WRITE_SLOT)


@pytest.mark.parametrize("leg", [BASIC, TLS, MUTUAL])
def test_1_6_is_restarted_only_if_it_stayed(leg):
    """White paper A05.FR.06: the station drops the line by itself; a Reset may hit a closed socket (§2.4)."""
    restarts = [step for step in leg_of(V16, leg) if step.do is Do.RESTART]
    assert restarts
    assert {step.needed for step in restarts} == {Needed.IF_STILL_THERE}


@all_plans
def test_a_restart_whose_answer_was_lost_is_not_asked_again(version, start, goal):
    restarts = [step for step in plan(version, start, goal).steps if step.do is Do.RESTART]
    assert restarts
    assert {step.lost for step in restarts} == {Lost.GO_ON}
    assert {step.tries for step in restarts} == {1}


@all_plans
def test_every_step_has_a_name_that_an_operator_can_read(version, start, goal):
    names = [step.name for step in plan(version, start, goal).steps]
    assert all(name and name[0].islower() for name in names)

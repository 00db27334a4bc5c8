"""Every plan, with events late, twice and out of order, crashes, and an operator who interferes at any time.

Whatever happens: no station is stranded, no credential is withdrawn before its successor was seen, no harmful message
is sent twice without need, and when time goes by each walk ends done, held or cancelled (issue 5, *Shown by*).
"""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from csms_bridge.quirks.quirks import Quirks
from csms_bridge.walks.steps import Do, StepState, WalkState
from tests.csms_bridge.walks.at_a_step import BASIC, MUTUAL, TLS, V16, V21, V201
from tests.csms_bridge.walks.histories import (
    ENDS,
    WAYS,
    assert_as_good_as_before,
    histories,
    is_walked,
    journey_of,
    known_as,
    manners,
    quirks,
)
from tests.csms_bridge.walks.journey import DOWN, Journey
from tests.csms_bridge.walks.model_station import Manners

MANY = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@MANY
@given(st.sampled_from(WAYS), manners, quirks, histories)
def test_whatever_happens_no_station_is_stranded_and_each_walk_ends(way, manners, quirks, history):
    """Every event late, twice and out of order; plans as the quirk book changes them, rightly or not."""
    assume(is_walked(way, quirks))
    journey = journey_of(way, known_as(manners, quirks), quirks, history)
    assert journey.at.outcome in ENDS
    if journey.at.outcome is WalkState.CANCELLED:
        assert_as_good_as_before(journey)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}-{way[1]:d}-{way[2]:d}")
def test_a_walk_cancelled_at_any_second_leaves_the_station_as_good_as_before(way):
    for second in range(1, 90, 8):
        journey = Journey(*way, stored=True)
        journey.later(second, lambda journey=journey: journey.operate("cancel"))
        journey.run(timedelta(hours=12))
        assert journey.at.outcome in (WalkState.DONE, WalkState.CANCELLED), (second, journey.at.reason)
        if journey.at.outcome is WalkState.CANCELLED:
            assert journey.at.reason == "another unit comes"
            assert_as_good_as_before(journey)


@pytest.mark.parametrize("way", DOWN, ids=lambda way: str(way[0]))
@pytest.mark.parametrize("drops", [True, False])
def test_the_way_down_leads_to_profile_2_by_permission(way, drops):
    """A05.FR.08, B09.FR.31/.32 (2.0.1 errata 2025-01)."""
    journey = Journey(*way, Manners(drops=drops)).run()
    assert (journey.at.outcome, journey.station.profile, journey.floor) == (WalkState.DONE, TLS, TLS)
    assert not journey.station.may_step_down, "the station is not left with leave to step down"
    assert journey.acts.index(Do.SET_PASSWORD) < journey.acts.index(Do.PERMIT_LOWER) < journey.acts.index(Do.RESTART)


@pytest.mark.parametrize("way", DOWN, ids=lambda way: str(way[0]))
def test_a_descent_cancelled_after_it_was_seen_stays_on_profile_2(way):
    """The end of a leg that was seen stays: to bar profile 2 then would take away what the station has proved."""
    journey = Journey(*way).run_until(Do.FORBID_DOWNGRADE)
    journey.operate("cancel")
    journey.run(timedelta(hours=1))
    assert (journey.at.outcome, journey.station.profile, journey.floor) == (WalkState.CANCELLED, TLS, TLS)
    assert not journey.station.may_step_down
    assert Do.OLD_SLOT_FIRST not in journey.acts


BY_KEY = Quirks(url_key="ConnexionUrl")


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("tells", [False, True])
def test_an_address_that_was_written_is_written_back_by_a_cancel(waits, tells):
    """Such a station dials what stands there, whatever its profile: with the new one it would have one way only."""
    told = Manners(own_address=True, address_waits=waits, tells_address=tells)
    journey = Journey(V16, BASIC, TLS, told, quirks=BY_KEY, stored=True)
    journey.before_act = lambda act: act is not Do.RESTART or journey.operate("cancel") is not None
    journey.run(timedelta(hours=12))
    assert journey.at.outcome is WalkState.CANCELLED
    assert (journey.station.by_tls, journey.station.profile) == (False, BASIC)
    assert_as_good_as_before(journey)


def test_a_station_that_tells_another_address_than_its_old_one_is_held_and_not_called_cancelled():
    journey = Journey(V16, BASIC, TLS, Manners(own_address=True), quirks=BY_KEY)
    journey.before_act = lambda act: act is not Do.RESTART or journey.operate("cancel") is not None
    journey.station.keeps_address = True
    journey.run(timedelta(hours=1))
    assert (journey.at.outcome, journey.at.views[journey.at.index].state) == (WalkState.HELD, StepState.HELD)
    assert "another address than its old one" in journey.at.reason


@pytest.mark.parametrize("waits", [False, True])
def test_a_station_that_merely_says_that_it_restarts_dials_its_new_address_all_the_same(waits):
    """open-ocpp's example: Accepted to Reset, and nothing; it dials the old address until it connects by itself."""
    manners = Manners(own_address=True, address_waits=waits, idles=True)
    journey = Journey(V16, BASIC, TLS, manners, quirks=BY_KEY).run()
    assert (journey.at.outcome, journey.station.profile) == (WalkState.DONE, TLS)
    assert journey.acts[journey.acts.index(Do.HANG_UP) - 1] is Do.RESTART
    assert (journey.acts[journey.acts.index(Do.HANG_UP) + 1] is Do.INSTALL_ROOT) is waits


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

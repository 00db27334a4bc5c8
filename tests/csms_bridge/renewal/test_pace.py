"""How many stations are asked at a time: what the authority and the stations bear."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.renewal.pace import ENOUGH, MANY_COMING, SLOW, Measure, Pace, Signs, measured, room

PACE = Pace(per_minute=60, in_flight=200)
WELL = Signs()
SLOW_NOW = Signs(waiting_for=SLOW * 2)
signs = st.builds(
    Signs, st.booleans(), st.timedeltas(timedelta(0), timedelta(hours=1)), st.integers(0, 1000), st.integers(0, 100),
    st.integers(0, 100),
)  # fmt: skip


@pytest.mark.parametrize(("lately", "in_flight", "free"), [(0, 0, 10), (7, 0, 3), (10, 0, 0), (0, 45, 5), (12, 60, 0)])
def test_no_more_are_asked_than_the_stations_and_the_authority_bear(lately, in_flight, free):
    assert room(Pace(per_minute=10, in_flight=50), Measure(50), lately, in_flight) == free


def test_it_begins_with_a_few_and_grows_while_all_goes_well():
    found = [0]
    for _ in range(15):
        found.append(measured(found[-1], PACE, WELL).in_flight)
    assert found[:4] == [0, 20, 40, 60]
    assert found[-1] == 200


def test_a_slow_authority_halves_it_and_never_stops_it():
    found = [200]
    for _ in range(10):
        found.append(measured(found[-1], PACE, SLOW_NOW).in_flight)
    assert found[:4] == [200, 100, 50, 25]
    assert found[-1] == 1


@pytest.mark.parametrize("seen", [Signs(signer_away=True), Signs(coming=MANY_COMING)])
def test_nobody_is_asked_while_the_signer_is_away_or_a_fleet_comes_back(seen):
    found = measured(200, PACE, seen)
    assert (found.in_flight, bool(found.why)) == (0, True)
    assert measured(found.in_flight, PACE, WELL).in_flight == 20, "and then it begins with a few again"


def test_one_at_a_time_and_an_alarm_when_most_fail():
    assert measured(200, PACE, Signs(ended=ENOUGH, failed=ENOUGH // 2)).alarming
    assert measured(200, PACE, Signs(ended=ENOUGH, failed=ENOUGH // 2)).in_flight == 1
    assert measured(200, PACE, Signs(ended=ENOUGH - 1, failed=ENOUGH - 1)) == Measure(200)


@given(st.integers(0, 10_000), st.integers(1, 10_000), signs)
def test_never_more_than_is_set_and_never_fewer_than_nobody(before, most, seen):
    assert 0 <= measured(before, Pace(60, most), seen).in_flight <= most


@given(st.integers(1, 10_000), st.lists(signs, max_size=20))
def test_from_whatever_went_wrong_it_comes_back(most, history):
    pace, now = Pace(60, most), 0
    for seen in history:
        now = measured(now, pace, seen).in_flight
    for _ in range(11):
        now = measured(now, pace, WELL).in_flight
    assert now >= min(most, max(1, most // 10) * 10)

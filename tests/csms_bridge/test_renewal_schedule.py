"""When a certificate is to be renewed, and how many stations are asked at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.renewal_schedule import Pace, due_at, may_ask_again, room

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=90)
DAY = timedelta(days=1)


@given(st.text("0123456789abcdef", min_size=1, max_size=40))
def test_a_certificate_is_due_at_two_thirds_of_its_life_and_a_little(serial):
    assert START + 60 * DAY <= due_at(serial, START, END) <= START + 64.5 * DAY


def test_one_serial_is_always_due_at_the_same_time_and_others_at_others():
    due = [due_at(f"{n:x}", START, END) for n in range(100)]
    assert due == [due_at(f"{n:x}", START, END) for n in range(100)]
    assert max(due) - min(due) > 3 * DAY


@pytest.mark.parametrize(("lately", "in_flight", "free"), [(0, 0, 10), (7, 0, 3), (10, 0, 0), (0, 45, 5), (12, 60, 0)])
def test_no_more_are_asked_than_the_stations_and_the_authority_bear(lately, in_flight, free):
    assert room(Pace(per_minute=10, in_flight=50), lately, in_flight) == free


def test_one_that_was_asked_today_is_left_alone():
    """It may be trying by itself (A02.FR.17-19)."""
    assert may_ask_again(None, START, DAY)
    assert not may_ask_again(START, START + DAY - timedelta(seconds=1), DAY)
    assert may_ask_again(START, START + DAY, DAY)

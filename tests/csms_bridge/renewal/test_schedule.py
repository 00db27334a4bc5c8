"""When a certificate is to be renewed, and when it is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.renewal.schedule import LONGEST_PAUSE, SHORTEST_PAUSE, due_at, late_at, may_try, next_try

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=90)
DAY = timedelta(days=1)
serials = st.text("0123456789abcdef", min_size=1, max_size=40)
lives = st.timedeltas(timedelta(hours=1), timedelta(days=366))


@given(serials, lives)
def test_a_certificate_is_due_at_two_thirds_of_its_life_and_a_little_and_late_after_that(serial, life):
    end = START + life
    due = due_at(serial, START, end)
    assert START + life * (2 / 3) <= due <= START + life * (2 / 3 + 1 / 20)
    assert due < late_at(START, end) < end


def test_one_serial_is_always_due_at_the_same_time_and_others_at_others():
    due = [due_at(f"{n:x}", START, END) for n in range(100)]
    assert due == [due_at(f"{n:x}", START, END) for n in range(100)]
    assert max(due) - min(due) > 3 * DAY


def test_a_fleet_whose_certificates_all_end_on_one_day_is_spread_out_evenly():
    """10,000 stations that were walked in one night: 4.5 days, and no hour has more than its share by a quarter."""
    hours = [int((due_at(f"{n:032x}", START, END) - START) / timedelta(hours=1)) for n in range(10_000)]
    counts = [hours.count(hour) for hour in range(min(hours) + 1, max(hours))]
    assert len(counts) >= 106
    assert max(counts) < 1.5 * 10_000 / 108
    assert min(counts) > 0.5 * 10_000 / 108


@given(st.integers(1, 50), st.timedeltas(-DAY, timedelta(days=122)))
def test_a_try_is_repeated_later_and_later_and_sooner_towards_the_end(tries, left):
    now = END - left
    pause = next_try(tries, now, END) - now
    assert SHORTEST_PAUSE <= pause <= LONGEST_PAUSE
    assert pause <= max(SHORTEST_PAUSE, left / 10 + timedelta(microseconds=1))


@pytest.mark.parametrize(("tries", "days"), [(1, 1), (2, 2), (3, 4), (4, 7), (5, 7), (40, 7)])
def test_far_from_the_end_the_pauses_double_up_to_a_week(tries, days):
    assert next_try(tries, START, START + 200 * DAY) == START + days * DAY


def test_the_tries_until_the_end_are_bounded():
    """Whatever happens, a 90 days' certificate is asked for some hundred times at most, hourly at the very end only."""
    now, tries = START + 60 * DAY, 0
    while now < END:
        tries += 1
        now = next_try(tries, now, END)
    assert 20 < tries < 100


@given(st.timedeltas(timedelta(0), LONGEST_PAUSE))
def test_one_that_is_to_wait_waits(ahead):
    assert may_try(START + ahead, START) is (ahead == timedelta(0))


def test_a_time_that_a_clock_wrote_which_was_ahead_holds_nobody_up():
    assert may_try(START + timedelta(days=4000), START)
    assert may_try(None, START)

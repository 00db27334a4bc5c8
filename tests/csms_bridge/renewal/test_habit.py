"""How a station repeats a certificate request by itself (2.0.1 A02.FR.17-19)."""

from datetime import UTC, datetime, timedelta

import pytest

from csms_bridge.posture.subjects import BASE_KEYS, VARIABLES
from csms_bridge.renewal.habit import LONGEST, REPEATS, SIGNING, WAITS, Habit, habit_of, worries

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def habit(wait, repeats):
    return Habit(timedelta(seconds=wait), repeats)


@pytest.mark.parametrize("number", [0, 1])
def test_both_are_read_as_variables_of_2_x_and_as_keys_of_1_6(number):
    assert habit_of({WAITS[number]: " 30 ", REPEATS[number]: "3"}) == habit(30, 3)


def test_both_are_read_of_every_station():
    assert set(SIGNING) <= {*BASE_KEYS, *VARIABLES}


@pytest.mark.parametrize("told", ["", None, "soon", "-1", "3.5", "9" * 12, "²"])
def test_what_is_no_number_is_not_known(told):
    assert habit_of({WAITS[0]: told, REPEATS[0]: told}) == Habit()
    assert Habit().gives_up_after() is None
    assert Habit().busy_until(NOON) == NOON


def test_each_wait_is_twice_the_one_before():
    """Seen at EVerest: +10 s, +30 s (reference, station-everest)."""
    assert [one / SECOND for one in habit(10, 2).moments()] == [10, 30]
    assert habit(10, 2).gives_up_after() == 70 * SECOND
    assert list(habit(10, 0).moments()) == []


def test_a_station_goes_on_by_itself_until_its_last_wait_is_over():
    assert habit(30, 3).busy_until(NOON) == NOON + 450 * SECOND


@pytest.mark.parametrize("absurd", [habit(99_999_999, 16), habit(1, 99_999_999), habit(86_400, 40)])
def test_nobody_is_left_alone_for_longer_than_a_day_whatever_it_says(absurd):
    assert absurd.busy_until(NOON) == NOON + LONGEST
    assert len(list(absurd.moments())) <= 16


def test_a_usual_habit_is_nothing_to_worry_about():
    assert worries(habit(30, 3), 2 * SECOND) == []
    assert worries(Habit(), 10 * MINUTE) == []


@pytest.mark.parametrize(
    ("of", "takes", "words"),
    [
        (habit(1, 3), SECOND, "asks again after 1 s already"),
        (habit(0, 3), SECOND, "asks again after 0 s already"),
        (habit(30, 0), SECOND, "never asks again by itself"),
        (habit(30, 2), 10 * MINUTE, "gives up after 4 min, and requests wait 10 min"),
        (habit(3600, 10), SECOND, "repeats one request for 85 d"),
    ],
)
def test_a_habit_that_hammers_or_gives_up_before_we_sign_is_told(of, takes, words):
    assert any(words in one for one in worries(of, takes)), worries(of, takes)

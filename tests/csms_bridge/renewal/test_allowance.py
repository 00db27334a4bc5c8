"""How many certificate requests of a station are taken in: the rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.renewal.allowance import (
    MANY_KEYS,
    Limits,
    Standing,
    asked,
    fresh,
    is_over,
    is_worth_noting,
    refilled,
    refused,
    taken,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMITS = Limits(per_hour=4, quiet=timedelta(hours=1))
MINUTE = timedelta(minutes=1)


def ask(account, times, key="k", now=NOON):
    """Ask so often at one moment; the account, and how many were taken in."""
    good = 0
    for _ in range(times):
        account, was = asked(account, LIMITS, key, now)
        good += was
    return account, good


def test_so_many_are_taken_in_at_once_and_the_next_is_refused():
    account, good = ask(fresh(LIMITS, NOON), 5)
    assert (good, account.standing, account.strikes) == (4, Standing.SLOWED, 1)


def test_a_slowed_station_gets_one_in_when_its_share_of_the_hour_is_over():
    account, _ = ask(fresh(LIMITS, NOON), 5)
    assert ask(account, 1, now=NOON + 14 * MINUTE)[1] == 0
    assert ask(account, 1, now=NOON + 15 * MINUTE)[1] == 1


def test_one_that_goes_on_all_the_same_is_paused():
    account, good = ask(fresh(LIMITS, NOON), 8)
    assert (good, account.standing) == (4, Standing.PAUSED)
    assert ask(account, 100, now=NOON + 50 * MINUTE)[1] == 0


def test_one_that_waits_as_it_is_told_is_free_again():
    account, _ = ask(fresh(LIMITS, NOON), 6)
    later = refilled(account, LIMITS, NOON + 61 * MINUTE)
    assert (later.standing, later.strikes, later.tokens) == (Standing.FREE, 0, 4)


def test_a_pause_is_over_after_a_quiet_time_only():
    account, _ = ask(fresh(LIMITS, NOON), 8)
    assert not is_over(account, LIMITS, NOON + 59 * MINUTE)
    assert is_over(account, LIMITS, NOON + 60 * MINUTE)
    assert not is_over(replace(account, at=NOON + 30 * MINUTE), LIMITS, NOON + 80 * MINUTE)


def test_that_a_paused_station_asked_again_is_noted_now_and_then():
    account, _ = ask(fresh(LIMITS, NOON), 8)
    assert not is_worth_noting(account, LIMITS, NOON + 4 * MINUTE)
    assert is_worth_noting(account, LIMITS, NOON + 5 * MINUTE)
    assert is_worth_noting(replace(account, at=NOON + timedelta(days=9)), LIMITS, NOON), "the clock was set back"


def test_rubbish_keeps_no_good_request_out_and_leaves_so_many_rows():
    account, rows = fresh(LIMITS, NOON), 0
    for _ in range(50):
        account, may = refused(account, LIMITS, NOON)
        rows += may
    assert rows == 4
    assert ask(account, 1)[1] == 1


def test_a_certificate_that_was_taken_gives_most_of_its_token_back_and_no_more():
    """Reference, station-everest: certificates of under 30 days make a station ask again after each renewal."""
    account, good = fresh(LIMITS, NOON), 0
    for _ in range(1000):
        account, was = asked(account, LIMITS, "k", NOON)
        good += was
        account = taken(account, LIMITS, NOON) if was else account
    assert good == 13
    assert account.standing is Standing.PAUSED


def test_keys_are_counted_until_one_is_good():
    account = fresh(LIMITS, NOON)
    for number in range(MANY_KEYS):
        account, _ = asked(account, LIMITS, f"key {number}", NOON + number * 15 * MINUTE)
    assert account.keys == MANY_KEYS
    assert taken(account, LIMITS, NOON + 10 * timedelta(hours=1)).keys == 0


def test_one_key_asked_for_again_and_again_is_one():
    assert ask(fresh(LIMITS, NOON), 4)[0].keys == 1


moves = st.lists(st.tuples(st.integers(-7200, 7200), st.sampled_from(["a", "b"])), max_size=60)


@given(moves)
def test_whatever_the_clock_does_no_more_than_the_time_that_went_by_allows(steps):
    """A clock that was set back fills nothing, and one that was set back and forth neither."""
    account, now, good, forward = fresh(LIMITS, NOON), NOON, 0, timedelta(0)
    for seconds, key in steps:
        now += timedelta(seconds=seconds)
        forward += max(timedelta(0), timedelta(seconds=seconds))
        account, was = asked(account, LIMITS, key, now)
        good += was
        assert 0 <= account.tokens <= LIMITS.per_hour
    assert good <= LIMITS.per_hour + forward / timedelta(hours=1) * LIMITS.per_hour


@pytest.mark.parametrize("back", [timedelta(0), timedelta(days=400)])
def test_a_clock_that_was_set_back_holds_nobody_up(back):
    account = fresh(LIMITS, NOON + back)
    account, _ = ask(account, 4, now=NOON + back)
    account = refilled(account, LIMITS, NOON)
    assert ask(account, 1, now=NOON + 15 * MINUTE)[1] == 1

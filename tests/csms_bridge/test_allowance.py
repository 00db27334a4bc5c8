"""The token bucket, at moments that are given."""

import pytest

from csms_bridge.allowance import Allowance


def test_lets_a_burst_through_and_then_a_rate() -> None:
    allowance = Allowance(rate=10, burst=3, now=0)
    assert [allowance.take(0) for _ in range(3)] == [0, 0, 0]
    assert allowance.take(0) == pytest.approx(0.1)


def test_the_wait_grows_with_the_debt() -> None:
    allowance = Allowance(rate=10, burst=1, now=0)
    waits = [allowance.take(0) for _ in range(4)]
    assert waits == pytest.approx([0, 0.1, 0.2, 0.3])


def test_who_waits_as_told_is_in_time() -> None:
    allowance, now, taken = Allowance(rate=10, burst=5, now=0), 0.0, 0
    while now < 10:
        now += allowance.take(now)
        taken += 1
    assert taken == pytest.approx(105, abs=2)


def test_saves_no_more_than_a_burst() -> None:
    allowance = Allowance(rate=10, burst=2, now=0)
    assert [allowance.try_take(1000) for _ in range(3)] == [True, True, False]


def test_a_refusal_costs_nothing() -> None:
    allowance = Allowance(rate=1, burst=1, now=0)
    assert allowance.try_take(0)
    assert not any(allowance.try_take(0.5) for _ in range(10))
    assert allowance.try_take(1)

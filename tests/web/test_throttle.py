from datetime import UTC, datetime, timedelta

import pytest

from web.errors import TooManyTries
from web.pages.throttle import SignInThrottle

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def failing(throttle: SignInThrottle, address: str, user: str, times: int) -> None:
    for _ in range(times):
        throttle.note_failure(address, user, NOW)


def test_five_failures_and_the_sixth_must_wait() -> None:
    throttle = SignInThrottle()
    failing(throttle, "10.0.0.1", "ada", 4)
    throttle.check("10.0.0.1", "ada", NOW)
    failing(throttle, "10.0.0.1", "ada", 1)
    with pytest.raises(TooManyTries) as refusal:
        throttle.check("10.0.0.1", "ada", NOW)
    assert refusal.value.wait == 300


def test_others_are_not_kept_out() -> None:
    throttle = SignInThrottle()
    failing(throttle, "10.0.0.1", "ada", 5)
    throttle.check("10.0.0.2", "ada", NOW)
    throttle.check("10.0.0.1", "bob", NOW)


def test_one_address_cannot_try_many_names() -> None:
    throttle = SignInThrottle()
    for number in range(30):
        throttle.note_failure("10.0.0.1", f"user{number}", NOW)
    with pytest.raises(TooManyTries):
        throttle.check("10.0.0.1", "another", NOW)


def test_waiting_helps() -> None:
    throttle = SignInThrottle()
    failing(throttle, "10.0.0.1", "ada", 5)
    throttle.check("10.0.0.1", "ada", NOW + timedelta(minutes=5))


def test_success_clears_the_count() -> None:
    throttle = SignInThrottle()
    failing(throttle, "10.0.0.1", "ada", 4)
    throttle.note_success("10.0.0.1", "ada")
    failing(throttle, "10.0.0.1", "ada", 4)
    throttle.check("10.0.0.1", "ada", NOW)


def test_memory_is_bounded() -> None:
    throttle = SignInThrottle()
    for number in range(12_000):
        throttle.note_failure(f"10.0.{number // 256}.{number % 256}", "ada", NOW)
    assert len(throttle._failures) <= 10_000

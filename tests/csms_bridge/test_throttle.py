"""Refused credentials are counted per address and identity."""

from datetime import timedelta

from csms_bridge import throttle
from csms_bridge.throttle import Throttle
from tests.csms_bridge.room import NOON

ADDRESS, STATION = "192.0.2.7", "CS-1"
SECOND = timedelta(seconds=1)


def failed_three_times() -> Throttle:
    patient = Throttle(3)
    for second in range(3):
        patient.failed(ADDRESS, STATION, NOON + second * SECOND)
    return patient


def test_lets_a_peer_try_below_the_limit():
    patient = Throttle(3)
    patient.failed(ADDRESS, STATION, NOON)
    patient.failed(ADDRESS, STATION, NOON)
    assert not patient.must_wait(ADDRESS, STATION, NOON)


def test_makes_a_peer_wait_at_the_limit():
    assert failed_three_times().must_wait(ADDRESS, STATION, NOON + 3 * SECOND)


def test_lets_a_peer_try_again_when_a_minute_has_passed_since_its_first_refusal():
    patient = failed_three_times()
    assert patient.must_wait(ADDRESS, STATION, NOON + 60 * SECOND)
    assert not patient.must_wait(ADDRESS, STATION, NOON + 61 * SECOND)


def test_a_peer_that_goes_on_failing_goes_on_waiting():
    patient = failed_three_times()
    for second in range(3, 60):
        patient.failed(ADDRESS, STATION, NOON + second * SECOND)
    assert patient.must_wait(ADDRESS, STATION, NOON + 100 * SECOND)


def test_an_impostor_elsewhere_does_not_lock_the_real_station_out():
    assert not failed_three_times().must_wait("192.0.2.8", STATION, NOON + 3 * SECOND)


def test_one_address_may_hold_many_stations():
    assert not failed_three_times().must_wait(ADDRESS, "CS-2", NOON + 3 * SECOND)


def test_forgets_the_refusals_of_a_peer_that_proved_itself():
    patient = failed_three_times()
    patient.succeeded(ADDRESS, STATION)
    assert not patient.must_wait(ADDRESS, STATION, NOON + 3 * SECOND)


def test_forgets_the_least_recently_used_keys_first(monkeypatch):
    """A flood of made-up identities must not fill the memory."""
    monkeypatch.setattr(throttle, "LARGEST", 2)
    patient = Throttle(1)
    for identity in ("first", "second", "first", "third"):
        patient.failed(ADDRESS, identity, NOON)
    assert [name for name in ("first", "second", "third") if patient.must_wait(ADDRESS, name, NOON)] == [
        "first",
        "third",
    ]

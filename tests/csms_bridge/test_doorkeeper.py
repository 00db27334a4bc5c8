"""Who has to wait: 429."""

from datetime import timedelta
from ipaddress import ip_network

from csms_bridge.doorkeeper import Doorkeeper
from csms_bridge.endpoint_settings import EndpointSettings
from tests.csms_bridge.room import NOON

LIMITS = EndpointSettings(
    failures_per_minute=3, failures_per_address=5, arrivals_per_minute=4, ocpp_edge_peers=(ip_network("10.0.0.0/8"),)
)


def test_who_fails_too_often_waits_a_minute() -> None:
    door = Doorkeeper(LIMITS)
    for _ in range(3):
        assert not door.must_wait("192.0.2.1", "CS-1", NOON)
        door.failed("192.0.2.1", "CS-1", NOON)
    assert door.must_wait("192.0.2.1", "CS-1", NOON)
    assert not door.must_wait("192.0.2.2", "CS-1", NOON)  # the station itself is elsewhere
    assert not door.must_wait("192.0.2.1", "CS-1", NOON + timedelta(seconds=61))


def test_who_tries_one_name_after_the_other_waits_as_well() -> None:
    door = Doorkeeper(LIMITS)
    for number in range(5):
        door.failed("192.0.2.1", f"CS-{number}", NOON)
    assert door.must_wait("192.0.2.1", "CS-99", NOON)


def test_an_edge_is_not_blamed_for_those_behind_it() -> None:
    door = Doorkeeper(LIMITS)
    for number in range(50):
        door.failed("10.0.0.1", f"CS-{number}", NOON)
    assert not door.must_wait("10.0.0.1", "CS-99", NOON)


def test_a_station_that_dials_again_and_again_waits() -> None:
    door = Doorkeeper(LIMITS)
    for _ in range(4):
        assert not door.must_wait("192.0.2.1", "CS-1", NOON)
        door.succeeded("192.0.2.1", "CS-1", NOON)
    assert door.must_wait("192.0.2.1", "CS-1", NOON)
    assert door.must_wait("192.0.2.9", "CS-1", NOON)
    assert not door.must_wait("192.0.2.1", "CS-2", NOON)


def test_an_impostor_uses_up_nobodys_arrivals() -> None:
    door = Doorkeeper(LIMITS)
    for _ in range(100):
        door.failed("192.0.2.66", "CS-1", NOON)
    assert not door.must_wait("192.0.2.1", "CS-1", NOON)

"""Where a station dials and when it gives a way up."""

from __future__ import annotations

import base64

import pytest

from csms_bridge.simulator.arrival import arrived, discard_newest, gave_up, presented
from csms_bridge.simulator.certificates import Credential, utc_now
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.keys import new_key, self_signed
from csms_bridge.simulator.memory import Memory, open_memory
from csms_bridge.simulator.routes import basic_header, plan
from csms_bridge.simulator.slots import factory_slot
from tests.csms_bridge.simulator.stations import PASSWORD, a_config


def a_credential() -> Credential:
    key = new_key("ec")
    return Credential(key, (self_signed("SN-001", key, utc_now()),))


def a_2x_memory() -> Memory:
    memory = open_memory(a_config(version="2.0.1"))
    memory.slots[2] = factory_slot("wss://localhost:8887/ocpp", 2)
    memory.priority = (2, 1)
    return memory


def test_16_dials_the_same_host_and_port_with_tls() -> None:
    config = a_config()
    memory = open_memory(config)
    memory.raising_to = 2
    routes = plan(config, memory, booting=False).routes
    assert [(route.url, route.profile) for route in routes] == [
        ("wss://localhost:8887/ocpp/CS-001", 2),
        ("ws://localhost:8887/ocpp/CS-001", 1),
    ]


def test_16_gives_the_new_profile_up_after_its_attempts() -> None:
    """WP3 A05.FR.08."""
    config = a_config()
    memory = open_memory(config)
    memory.raising_to = 2
    rota = plan(config, memory, booting=False)
    assert [rota.failed(3) for _ in range(2)] == [None, None]
    following = rota.failed(3)
    assert following is not None
    assert following.profile == 1
    gave_up(memory)
    assert len(plan(config, memory, booting=False).routes) == 1


def test_the_only_way_is_tried_without_end() -> None:
    rota = plan(a_config(), open_memory(a_config()), booting=True)
    assert [rota.failed(3) for _ in range(10)] == [None] * 10


def test_2x_follows_the_priority_after_a_boot() -> None:
    """2.x B10.FR.03."""
    routes = plan(a_config(version="2.0.1"), a_2x_memory(), booting=True).routes
    assert [route.slot for route in routes] == [2, 1]


def test_2x_returns_to_its_slot_after_a_mere_loss() -> None:
    routes = plan(a_config(version="2.0.1"), a_2x_memory(), booting=False).routes
    assert [route.slot for route in routes] == [1, 2]


def test_2x_keeps_the_last_good_way_when_the_priority_forgets_it() -> None:
    """2.x B10.FR.07."""
    memory = a_2x_memory()
    memory.priority = (2,)
    routes = plan(a_config(version="2.0.1"), memory, booting=True).routes
    assert [route.profile for route in routes] == [2, 1]


def test_arrival_on_a_higher_slot_forgets_the_lower_ones() -> None:
    """2.x A05.FR.06."""
    config, memory = a_config(version="2.0.1"), a_2x_memory()
    arrived(config, memory, plan(config, memory, booting=True).route)
    assert (memory.profile, memory.active_slot, memory.priority) == (2, 2, (2,))
    assert list(memory.slots) == [2]


def test_arrival_on_profile_3_forgets_the_old_certificate() -> None:
    config = a_config(version="1.6", profile=3, url="wss://localhost:8887/ocpp")
    memory = open_memory(config)
    new, old = a_credential(), a_credential()
    memory.credentials = (new, old)
    arrived(config, memory, plan(config, memory, booting=False).route)
    assert memory.credentials == (new,)


def test_refused_renewal_returns_to_the_old_certificate() -> None:
    """2.1 A02.FR.28."""
    memory = open_memory(a_config())
    new, old = a_credential(), a_credential()
    memory.credentials = (new, old)
    assert discard_newest(a_config(), memory) == new
    assert presented(a_config(), memory) == old
    assert discard_newest(a_config(), memory) is None


def test_expired_certificate_clings_to_the_first_one() -> None:
    config = a_config(Fault.EXPIRED_CERTIFICATE)
    memory = open_memory(config)
    memory.credentials = (a_credential(), first := a_credential())
    assert presented(config, memory) == first


def test_16_sends_the_raw_bytes_of_its_key() -> None:
    """WP3 A00.FR.204; OCPP-J 1.6 §6.2.2."""
    config = a_config(password=bytes(range(20)))
    header = basic_header(config, plan(config, open_memory(config), booting=True).route)
    assert header == "Basic " + base64.b64encode(b"CS-001:" + bytes(range(20))).decode()


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_slot_identity_and_password_win(version: str) -> None:
    config = a_config(version=version)
    memory = open_memory(config)
    named = memory.slots[1].with_value("Identity", "CS-NEW").with_value("BasicAuthPassword", "another password")
    memory.slots[1] = memory.last_good = named
    route = plan(config, memory, booting=True).route
    assert route.url == "ws://localhost:8887/ocpp/CS-NEW"
    assert basic_header(config, route) == "Basic " + base64.b64encode(b"CS-NEW:another password").decode()


@pytest.mark.parametrize("profile", [0, 3])
def test_profiles_without_basic_send_no_header(profile: int) -> None:
    config = a_config(profile=profile)
    assert basic_header(config, plan(config, open_memory(config), booting=True).route) is None


def test_a_route_does_not_show_its_password() -> None:
    config = a_config()
    assert PASSWORD.decode() not in repr(plan(config, open_memory(config), booting=True))

"""Simulated stations that are odd in the ways of the quirk book."""

import pytest

from csms_bridge.simulator.behaviour_16 import Behaviour16
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.routes import plan
from csms_bridge.simulator.settings_16 import read_authorization_key
from tests.csms_bridge.simulator.stations import DeskBody, a_config


def a_station(*faults: Fault) -> tuple[Behaviour16, DeskBody]:
    body = DeskBody(a_config(*faults))
    station = Behaviour16(body)
    station.registration = "Accepted"
    return station, body


def change(station: Behaviour16, key: str, value: str) -> object:
    return station.answer("ChangeConfiguration", {"key": key, "value": value}).payload["status"]


@pytest.mark.parametrize("key", ["ConnexionUrl", "Cst_BackendUrl"])
def test_dials_what_its_makers_key_says_from_the_next_connection_on(key: str) -> None:
    station, body = a_station(Fault.URL_KEY)
    assert change(station, key, "wss://csms.example/ocpp/") == "RebootRequired"
    assert plan(body.config, body.memory, booting=False).route.url == "wss://csms.example/ocpp/CS-001"


def test_others_do_not_know_such_a_key() -> None:
    station, body = a_station()
    assert change(station, "ConnexionUrl", "wss://csms.example/ocpp") == "NotSupported"
    assert plan(body.config, body.memory, booting=False).route.url.startswith("ws://localhost")


@pytest.mark.parametrize(
    ("fault", "taken", "refused"),
    [(Fault.SHORT_PASSWORD, "sixteen-letters!", "ab" * 20), (Fault.LONG_PASSWORD, "ab" * 40, "ab" * 20)],
)
def test_takes_passwords_of_its_own_form_only(fault: Fault, taken: str, refused: str) -> None:
    assert read_authorization_key(taken, {fault})
    assert read_authorization_key(refused, {fault}) is None


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (None, "Hard", "Accepted"),
        (Fault.SOFT_RESET_ONLY, "Hard", "Rejected"),
        (Fault.SOFT_RESET_ONLY, "Soft", "Accepted"),
    ],
)
def test_takes_the_reset_that_it_knows(fault: Fault | None, kind: str, status: str) -> None:
    station, _ = a_station(*([fault] if fault else []))
    assert station.answer("Reset", {"type": kind}).payload["status"] == status


@pytest.mark.parametrize("fault", [Fault.ASKS_BY_ITSELF, Fault.ASKS_AT_BOOT])
def test_knows_no_trigger_for_a_certificate_request(fault: Fault) -> None:
    station, _ = a_station(fault)
    asked = {"requestedMessage": "SignChargePointCertificate"}
    assert station.answer("ExtendedTriggerMessage", asked).payload["status"] == "NotImplemented"
    assert station.answer("ExtendedTriggerMessage", {"requestedMessage": "Heartbeat"}).payload["status"] == "Accepted"

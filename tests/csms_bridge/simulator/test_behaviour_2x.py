"""What a 2.0.1 or 2.1 station answers."""

from __future__ import annotations

from typing import Any

import pytest

from csms_bridge.simulator.behaviour_2x import Behaviour2x
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.root_store import CSMS_ROOT, StoredRoot
from csms_bridge.simulator.wire import CommandRefused, JsonObject
from tests.csms_bridge.simulator.stations import PASSWORD, DeskBody, a_config
from tests.csms_bridge.simulator.throwaway_authority import new_root, pem


def a_station(version: str, *faults: Fault, **changes: Any) -> tuple[Behaviour2x, DeskBody]:
    body = DeskBody(a_config(*faults, version=version, **changes))
    body.memory.roots = (StoredRoot(CSMS_ROOT, new_root().certificate),)
    station = Behaviour2x(body)
    station.registration = "Accepted"
    return station, body


def place(component: str, variable: str, instance: str | None = None) -> JsonObject:
    named = {"name": component, **({"instance": instance} if instance else {})}
    return {"component": named, "variable": {"name": variable}}


def write(station: Behaviour2x, address: JsonObject, value: str) -> tuple[str, str | None]:
    entry = {**address, "attributeValue": value}
    (result,) = station.answer("SetVariables", {"setVariableData": [entry]}).payload["setVariableResult"]
    return result["attributeStatus"], result.get("attributeStatusInfo", {}).get("reasonCode")


def read(station: Behaviour2x, address: JsonObject) -> tuple[str, str | None]:
    (result,) = station.answer("GetVariables", {"getVariableData": [address]}).payload["getVariableResult"]
    return result["attributeStatus"], result.get("attributeValue")


def fill(station: Behaviour2x, slot: int, profile: int, url: str = "wss://csms/ocpp") -> tuple[str, str | None]:
    data = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url,
        "messageTimeout": 30,
        "securityProfile": profile,
        "ocppInterface": "Wired0",
    }
    payload = {"configurationSlot": slot, "connectionData": data}
    answer = station.answer("SetNetworkProfile", payload).payload
    return answer["status"], answer.get("statusInfo", {}).get("reasonCode")


PRIORITY = place("OCPPCommCtrlr", "NetworkConfigurationPriority")
PASSWORD_PLACE = place("SecurityCtrlr", "BasicAuthPassword")


def test_priority_and_profile_can_be_read() -> None:
    station, _ = a_station("2.0.1")
    assert read(station, PRIORITY) == ("Accepted", "1")
    assert read(station, place("OCPPCommCtrlr", "ActiveNetworkProfile")) == ("Accepted", "1")
    assert read(station, place("SecurityCtrlr", "SecurityProfile")) == ("Accepted", "1")


def test_password_is_write_only() -> None:
    station, _ = a_station("2.0.1")
    assert read(station, PASSWORD_PLACE) == ("Rejected", None)


@pytest.mark.parametrize(
    ("version", "length", "status"),
    [
        ("2.0.1", 15, "Rejected"),
        ("2.0.1", 16, "Accepted"),
        ("2.0.1", 40, "Accepted"),
        ("2.0.1", 41, "Rejected"),
        ("2.1", 64, "Accepted"),
        ("2.1", 65, "Rejected"),
    ],
)
def test_password_length(version: str, length: int, status: str) -> None:
    """2.0.1 A00.FR.205; 2.1 BasicAuthPassword maxLimit."""
    station, body = a_station(version)
    assert write(station, PASSWORD_PLACE, "p" * length)[0] == status
    assert body.memory.password == (b"p" * length if status == "Accepted" else PASSWORD)


def test_station_password_replaces_those_of_the_slots() -> None:
    """2.1 errata 2025-09, B09.FR.26."""
    station, body = a_station("2.1")
    body.memory.slots[1] = body.memory.slots[1].with_value("BasicAuthPassword", "the slot's password")
    write(station, PASSWORD_PLACE, "the station's password")
    assert "BasicAuthPassword" not in body.memory.slots[1].values


@pytest.mark.parametrize("variable", ["SecurityProfile", "Identity", "CertificateEntries"])
def test_read_only_variables_are_not_written(variable: str) -> None:
    station, _ = a_station("2.0.1")
    assert write(station, place("SecurityCtrlr", variable), "2")[0] == "Rejected"


def test_unknown_places_are_told_apart() -> None:
    station, _ = a_station("2.0.1")
    assert write(station, place("NoSuchCtrlr", "X"), "1")[0] == "UnknownComponent"
    assert write(station, place("SecurityCtrlr", "X"), "1")[0] == "UnknownVariable"
    target = {**place("SecurityCtrlr", "OrganizationName"), "attributeType": "Target"}
    assert write(station, target, "1")[0] == "NotSupportedAttributeType"


def test_slot_must_be_one_of_the_listed() -> None:
    """2.x B09.FR.05."""
    station, _ = a_station("2.0.1")
    assert fill(station, 3, 2) == ("Rejected", "InvalidConfSlot")
    other, _ = a_station("2.0.1", Fault.OTHER_SLOTS)
    assert fill(other, 2, 2) == ("Rejected", "InvalidConfSlot")
    assert fill(other, 7, 2) == ("Accepted", None)


def test_slot_with_tls_needs_a_root() -> None:
    """2.x A05.FR.02."""
    station, body = a_station("2.0.1")
    body.memory.roots = ()
    assert fill(station, 2, 2) == ("Rejected", "InvalidNetworkConf")


def test_slot_below_the_present_profile_is_refused() -> None:
    """2.x B09.FR.04."""
    station, body = a_station("2.0.1")
    body.memory.profile = 2
    assert fill(station, 2, 1, "ws://csms/ocpp") == ("Rejected", "NoSecurityDowngrade")


def test_refuse_profile_refuses_every_way_up() -> None:
    station, _ = a_station("2.1", Fault.REFUSE_PROFILE)
    assert fill(station, 2, 2)[0] == "Rejected"
    assert write(station, place("NetworkConfiguration", "SecurityProfile", "2"), "2")[0] == "Rejected"


def test_201_has_no_network_variables() -> None:
    station, _ = a_station("2.0.1")
    assert read(station, place("NetworkConfiguration", "OcppCsmsUrl", "1"))[0] == "UnknownComponent"
    without, _ = a_station("2.1", Fault.NO_NETWORK_VARIABLES)
    assert read(without, place("NetworkConfiguration", "OcppCsmsUrl", "1"))[0] == "UnknownComponent"


def test_21_protects_a_slot_in_the_priority() -> None:
    """2.1 errata 2025-09, B09.FR.20."""
    station, _ = a_station("2.1")
    active = place("NetworkConfiguration", "OcppCsmsUrl", "1")
    assert write(station, active, "wss://csms/ocpp") == ("Rejected", "ActiveNetworkConf")


def test_21_checks_the_whole_slot_when_it_enters_the_priority() -> None:
    """2.1 B09.FR.33, B09.FR.34."""
    station, body = a_station("2.1")
    write(station, place("NetworkConfiguration", "OcppCsmsUrl", "2"), "wss://csms/ocpp")
    assert write(station, PRIORITY, "2,1") == ("Rejected", "InvalidNetworkConf")
    write(station, place("NetworkConfiguration", "SecurityProfile", "2"), "2")
    assert write(station, PRIORITY, "2,1") == ("Accepted", None)
    assert body.memory.priority == (2, 1)


def test_21_slot_password_cannot_be_read() -> None:
    station, _ = a_station("2.1")
    slot_password = place("NetworkConfiguration", "BasicAuthPassword", "2")
    assert write(station, slot_password, "sixteen characters")[0] == "Accepted"
    assert read(station, slot_password) == ("Rejected", None)


@pytest.mark.parametrize("action", ["InstallCertificate", "SetNetworkProfile", "Reset"])
def test_pending_station_answers_security_error(action: str) -> None:
    """2.x B02; EVerest."""
    station, _ = a_station("2.0.1")
    station.registration = "Pending"
    with pytest.raises(CommandRefused, match="SecurityError"):
        station.answer(action, {})


def test_trigger_needs_a_country_on_such_a_station() -> None:
    station, _ = a_station("2.0.1", Fault.NEEDS_COUNTRY)
    trigger = {"requestedMessage": "SignChargingStationCertificate"}
    refused = station.answer("TriggerMessage", trigger).payload
    assert (refused["status"], refused["statusInfo"]["reasonCode"]) == ("Rejected", "MissingDevModelInfo")
    write(station, place("ISO15118Ctrlr", "CountryName"), "DE")
    assert station.answer("TriggerMessage", trigger).payload == {"status": "Accepted"}


def test_lists_roots_with_their_type() -> None:
    station, _ = a_station("2.0.1")
    root = pem(new_root().certificate)
    station.answer("InstallCertificate", {"certificateType": "V2GRootCertificate", "certificate": root})
    everything = station.answer("GetInstalledCertificateIds", {}).payload["certificateHashDataChain"]
    assert [row["certificateType"] for row in everything] == ["CSMSRootCertificate", "V2GRootCertificate"]
    none = station.answer("GetInstalledCertificateIds", {"certificateType": ["MORootCertificate"]})
    assert none.payload == {"status": "NotFound"}


async def test_reset_sleeps_before_a_higher_slot_only() -> None:
    station, body = a_station("2.0.1", Fault.SLEEP, sleep=12.0)
    for _ in range(2):
        answer = station.answer("Reset", {"type": "Immediate"})
        assert answer.then
        await answer.then()
        fill(station, 2, 2)
        body.memory.priority = (2, 1)
    assert body.reboots == [("RemoteReset", None), ("RemoteReset", 12.0)]


def test_reset_of_one_evse_is_refused() -> None:
    station, _ = a_station("2.0.1")
    assert station.answer("Reset", {"type": "Immediate", "evseId": 1}).payload["status"] == "Rejected"

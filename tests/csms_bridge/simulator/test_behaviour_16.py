"""What a 1.6 station answers."""

from __future__ import annotations

from typing import Any

import pytest

from csms_bridge.simulator.behaviour_16 import Behaviour16
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.root_store import CSMS_ROOT, StoredRoot
from csms_bridge.simulator.wire import Answer, CommandRefused
from tests.csms_bridge.simulator.stations import PASSWORD, DeskBody, a_config
from tests.csms_bridge.simulator.throwaway_authority import new_root, pem


def a_station(*faults: Fault, **changes: Any) -> tuple[Behaviour16, DeskBody]:
    body = DeskBody(a_config(*faults, **changes))
    body.memory.roots = (StoredRoot(CSMS_ROOT, new_root().certificate),)
    station = Behaviour16(body)
    station.registration = "Accepted"
    return station, body


def change(station: Behaviour16, key: str, value: str) -> Answer:
    return station.answer("ChangeConfiguration", {"key": key, "value": value})


def configuration(station: Behaviour16, *keys: str) -> dict[str, Any]:
    return station.answer("GetConfiguration", {"key": list(keys)} if keys else {}).payload


@pytest.mark.parametrize("size", [16, 20])
async def test_takes_an_authorization_key_of_16_to_20_bytes(size: int) -> None:
    """WP3 A00.FR.205."""
    station, body = a_station()
    answer = change(station, "AuthorizationKey", bytes(range(size)).hex())
    assert answer.payload == {"status": "Accepted"}
    assert body.memory.password == bytes(range(size))
    assert answer.then
    await answer.then()
    assert body.redials == [None]


@pytest.mark.parametrize("value", ["00" * 15, "00" * 21, "0" * 33, "not hexadecimal at all.", ""])
def test_refuses_another_authorization_key(value: str) -> None:
    station, body = a_station()
    assert change(station, "AuthorizationKey", value).payload == {"status": "Rejected"}
    assert body.memory.password == PASSWORD


def test_refuse_password_keeps_the_old_one() -> None:
    station, body = a_station(Fault.REFUSE_PASSWORD)
    assert change(station, "AuthorizationKey", "00" * 20).payload == {"status": "Rejected"}
    assert body.memory.password == PASSWORD


def test_authorization_key_cannot_be_read() -> None:
    station, _ = a_station()
    assert configuration(station, "AuthorizationKey")["unknownKey"] == ["AuthorizationKey"]
    assert PASSWORD.hex() not in str(configuration(station))


async def test_raised_profile_takes_effect_without_a_reset() -> None:
    station, body = a_station()
    answer = change(station, "SecurityProfile", "2")
    assert answer.payload == {"status": "Accepted"}
    assert (body.memory.raising_to, body.memory.profile) == (2, 1)
    assert answer.then
    await answer.then()
    assert body.redials == [None]
    assert body.reboots == []


@pytest.mark.parametrize("value", ["0", "1", "3", "4", "two"])
def test_refuses_a_profile_that_is_lower_or_not_prepared(value: str) -> None:
    """WP3 A05.FR.01, A05.FR.04."""
    station, body = a_station()
    assert change(station, "SecurityProfile", value).payload == {"status": "Rejected"}
    assert body.memory.raising_to is None


async def test_sleep_stays_away_before_it_dials() -> None:
    station, body = a_station(Fault.SLEEP, sleep=12.0)
    answer = change(station, "SecurityProfile", "2")
    assert answer.then
    await answer.then()
    assert body.redials == [12.0]


def test_accept_and_idle_does_nothing() -> None:
    station, body = a_station(Fault.ACCEPT_AND_IDLE)
    answer = change(station, "SecurityProfile", "2")
    assert answer == Answer({"status": "Accepted"})
    assert body.memory.raising_to is None


def test_cpo_name_goes_to_the_csr_and_can_be_read() -> None:
    station, body = a_station()
    assert change(station, "CpoName", "Another CPO").payload == {"status": "Accepted"}
    assert body.memory.settings["organisation"] == "Another CPO"
    assert configuration(station, "CpoName")["configurationKey"][0]["value"] == "Another CPO"


def test_read_only_and_unknown_keys() -> None:
    station, _ = a_station()
    assert change(station, "CertificateStoreMaxLength", "99").payload == {"status": "Rejected"}
    assert change(station, "NoSuchKey", "1").payload == {"status": "NotSupported"}


def test_without_the_extension_its_messages_and_keys_are_unknown() -> None:
    station, _ = a_station(Fault.NO_SECURITY_EXTENSION)
    assert configuration(station, "SecurityProfile", "CpoName")["unknownKey"] == ["SecurityProfile", "CpoName"]
    assert change(station, "SecurityProfile", "2").payload == {"status": "NotSupported"}
    with pytest.raises(CommandRefused, match="NotImplemented"):
        station.answer("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"})


def test_plain_firmware_update_is_refused() -> None:
    """1.6 L01.FR.20."""
    station, _ = a_station()
    with pytest.raises(CommandRefused, match="NotSupported"):
        station.answer("UpdateFirmware", {"location": "http://x/y", "retrieveDate": "2026-01-01T00:00:00Z"})


def test_lists_roots_under_their_16_names() -> None:
    station, body = a_station()
    root = pem(new_root().certificate)
    install = {"certificateType": "ManufacturerRootCertificate", "certificate": root}
    assert station.answer("InstallCertificate", install).payload == {"status": "Accepted"}
    listed = station.answer("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}).payload
    assert len(listed["certificateHashData"]) == 1
    body.memory.roots = ()
    empty = station.answer("GetInstalledCertificateIds", {"certificateType": "ManufacturerRootCertificate"})
    assert empty.payload == {"status": "NotFound"}


def test_deletes_a_root_by_what_it_listed_but_never_the_last_one_under_tls() -> None:
    """WP3 M04.FR.06; 2.x M04.FR.03."""
    station, body = a_station()
    body.memory.profile = 2
    (listed,) = station.answer(
        "GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}
    ).payload["certificateHashData"]
    request = {"certificateHashData": listed}
    assert station.answer("DeleteCertificate", request).payload == {"status": "Failed"}
    body.memory.profile = 1
    assert station.answer("DeleteCertificate", request).payload == {"status": "Accepted"}
    assert station.answer("DeleteCertificate", request).payload == {"status": "NotFound"}


def test_refused_root_is_reported() -> None:
    """OCTT 1.6 TC_078."""
    station, body = a_station(Fault.REFUSE_ROOT)
    install = {"certificateType": "CentralSystemRootCertificate", "certificate": pem(new_root().certificate)}
    assert station.answer("InstallCertificate", install).payload == {"status": "Rejected"}
    assert body.reports[0][0] == "InvalidCsmsCertificate"
    assert station.event_name("InvalidCsmsCertificate") == "InvalidCentralSystemCertificate"


def test_trigger_answers() -> None:
    station, _ = a_station()
    wanted = {"requestedMessage": "SignChargePointCertificate"}
    assert station.answer("ExtendedTriggerMessage", wanted).payload == {"status": "Accepted"}
    unknown = station.answer("ExtendedTriggerMessage", {"requestedMessage": "MeterValues"})
    assert unknown.payload == {"status": "NotImplemented"}
    stubborn, _ = a_station(Fault.REJECT_TRIGGER)
    assert stubborn.answer("ExtendedTriggerMessage", wanted).payload == {"status": "Rejected"}


def test_greeting_leaves_out_a_serial_number_it_has_no_room_for() -> None:
    short, _ = a_station(serial="S" * 25)
    assert short.boot_payload("PowerUp")["chargePointSerialNumber"] == "S" * 25
    long, _ = a_station(serial="S" * 26)
    assert "chargePointSerialNumber" not in long.boot_payload("PowerUp")


async def test_reset_greets_again() -> None:
    station, body = a_station()
    answer = station.answer("Reset", {"type": "Hard"})
    assert answer.then
    await answer.then()
    assert body.reboots == [("RemoteReset", None)]

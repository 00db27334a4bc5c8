"""The extra checks 1, 5, 6, 12 and 13 of the acceptance list that concern admission, over real sockets.

Checks 2 and 3 are in test_admission_lanes.py; 1 and 4 are also in tests/conformance/test_checks.py.
"""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.end_to_end.credentials import own, showing
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import SUBPROTOCOL, Version, knock, register, trusting, wire

pytestmark = pytest.mark.end_to_end
LONG = "SN-0123456789-0123456789-0123456789"


def boot(version: Version, serial: str | None) -> dict[str, Any]:
    if version == "1.6":
        named = {} if serial is None else {"chargePointSerialNumber": serial}
        return {"chargePointVendor": "V", "chargePointModel": "M", **named}
    named = {} if serial is None else {"serialNumber": serial}
    return {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", **named}}


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_check_1_an_absent_or_cut_serial_is_no_contradiction_and_another_one_is(
    shared_service: RunningService, version: Version, tmp_path: Path
) -> None:
    """B01.FR.11/.12 (1.6 by policy): the field is optional and ends at 25 characters."""
    service, identity = shared_service, f"CHECK-1-{version}"
    body = {"id": identity, "serial": f"{LONG}-{version}", "ocpp_version": version, "profile": 3}
    await asyncio.to_thread(service.post, "stations", body)
    tls = await asyncio.to_thread(lambda: showing(service, own(service, identity), tmp_path))
    for told in (None, LONG[:25]):
        async with wire(service, identity, version, tls=tls) as line:
            answer = await line.ask("BootNotification", boot(version, told))
            assert isinstance(answer, dict)
            assert answer["status"] == "Accepted"
    async with wire(service, identity, version, tls=tls) as line:
        answer = await line.ask("BootNotification", boot(version, LONG[:24]))
        assert isinstance(answer, dict)
        assert answer["status"] == "Rejected"
        with pytest.raises(ConnectionClosed):
            await line.until(lambda _: False)
    timeline = (await asyncio.to_thread(service.get, f"stations/{identity}/timeline"))["items"]
    closed = next(entry for entry in timeline if entry["what"] == "station:connection-closed")
    assert "the serial number in the BootNotification is not the certificate's" in closed["text"]


@pytest.mark.parametrize("answered", [True, False])
async def test_check_5_the_old_password_is_refused_right_after_accepted_and_good_while_no_answer_came(
    shared_service: RunningService, answered: bool
) -> None:
    """A01.FR.03/.04."""
    service, identity = shared_service, f"CHECK-5-{answered}"
    old = await asyncio.to_thread(register, service, identity, "2.0.1")
    async with wire(service, identity, "2.0.1", password=old) as line:
        await line.ask("BootNotification", boot("2.0.1", None))
        rotating = asyncio.create_task(asyncio.to_thread(service.post, f"stations/{identity}/password/rotate", {}))
        call = await line.until(lambda one: one[0] == 2 and one[2] == "SetVariables", within=30)
        asked = call[3]["setVariableData"][0]
        new = asked["attributeValue"]
        if answered:
            result = {key: asked[key] for key in ("component", "variable")} | {"attributeStatus": "Accepted"}
            await line.send_answer(call[1], {"setVariableResult": [result]})
            await asyncio.sleep(0.5)
    await rotating
    if answered:
        assert await knock(service, identity, password=old, subprotocols=("ocpp2.0.1",)) == 401
    else:
        assert await knock(service, identity, password=old, subprotocols=("ocpp2.0.1",)) == 101
    async with wire(service, identity, "2.0.1", password=new) as line:
        await line.ask("BootNotification", boot("2.0.1", None))  # answered once the connection is on record
    assert await knock(service, identity, password=old, subprotocols=("ocpp2.0.1",)) == 401


@pytest.mark.parametrize("version", ["1.6", "2.1"])
async def test_check_6_the_old_certificate_is_good_until_the_new_one_was_used(
    shared_service: RunningService, version: Version, tmp_path: Path
) -> None:
    """A02.FR.10: a station whose new certificate does not work comes back with the old one."""
    service, identity = shared_service, f"CHECK-6-{version}"
    await asyncio.to_thread(register, service, identity, version, 3)
    old, new = [await asyncio.to_thread(lambda: showing(service, own(service, identity), tmp_path)) for _ in range(2)]
    how: dict[str, Any] = {"subprotocols": (SUBPROTOCOL[version],)}
    for tls in (old, new):
        assert await knock(service, identity, tls=old, **how) == 101
        async with wire(service, identity, version, tls=tls) as line:
            await line.ask("BootNotification", boot(version, None))  # answered once the connection is on record
    assert [await knock(service, identity, tls=tls, **how) for tls in (old, new)] == [401, 101]


async def test_check_12_from_3_to_2_by_permission_only_and_never_to_1(
    shared_service: RunningService, tmp_path: Path
) -> None:
    """A00.FR.005, A05.FR.07; 2.0.1 errata 2025-01."""
    service, identity = shared_service, "CHECK-12"
    password = await asyncio.to_thread(register, service, identity, "2.0.1")
    certificate = await asyncio.to_thread(lambda: showing(service, own(service, identity), tmp_path))
    tls = trusting(await asyncio.to_thread(service.root_pem))
    how: dict[str, Any] = {"password": password, "subprotocols": ("ocpp2.0.1",)}
    async with wire(service, identity, "2.0.1", tls=certificate) as line:
        await line.ask("BootNotification", boot("2.0.1", None))  # answered once the connection is on record
    assert [await knock(service, identity, tls=one, **how) for one in (tls, None)] == [401, 401]
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        await asyncio.to_thread(service.post, f"stations/{identity}/permit", {"profile": 0, "reason": "no"})
    await asyncio.to_thread(service.post, f"stations/{identity}/permit", {"profile": 2, "reason": "its key is lost"})
    assert [await knock(service, identity, tls=one, **how) for one in (tls, None)] == [101, 401]


def test_check_13_wrong_credentials_are_told_what_is_asked_for(shared_service: RunningService) -> None:
    """RFC 9110 §15.5.2: 401 comes with WWW-Authenticate; 404 and 400 do not. 404 and 400 are in test_admission.py."""
    register(shared_service, "CHECK-13", "1.6")
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "ocpp1.6",
    }  # fmt: skip
    base = f"http://127.0.0.1:{shared_service.ocpp_port}/ocpp"
    asked: list[tuple[str, dict[str, str]]] = [
        ("CHECK-13", {}), ("CHECK-13", {"Authorization": "Basic Q0hFQ0stMTM6d3Jvbmc="}),
        ("CHECK-13", {"Authorization": "Basic !"}), ("CHECK-13-NOT", {}),
    ]  # fmt: skip
    answers = [httpx.get(f"{base}/{name}", headers={**upgrade, **more}) for name, more in asked]
    assert [one.status_code for one in answers] == [401, 401, 400, 404]
    realm = 'Basic realm="ocpp"'
    assert [one.headers.get("WWW-Authenticate") for one in answers] == [realm, realm, None, None]

"""Each loss, over real TLS: the station is back on profile 3, and whoever comes in its name is not."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from csms_bridge.simulator.certificates import Credential
from tests.end_to_end import credentials
from tests.end_to_end.credentials import makers, showing
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import SUBPROTOCOL, Version, knock, register, station, trusting, wire
from tests.end_to_end.test_admission_lanes import boot, latest_reason, maker, shown, until  # noqa: F401 -- a fixture
from tests.pki.makers import Maker

pytestmark = pytest.mark.end_to_end


async def with_certificate(service: RunningService, identity: str, version: Version, **more: Any) -> Credential:
    """Register a station on profile 3; a certificate of ours that it had."""
    await asyncio.to_thread(register, service, identity, version, 3, **more)
    return await asyncio.to_thread(credentials.own, service, identity)


async def recover(service: RunningService, identity: str, **asked: Any) -> dict[str, Any]:
    body = {"valid_for": "1h", "reason": "found so on site", **asked}
    opened: dict[str, Any] = await asyncio.to_thread(service.post, f"stations/{identity}/recovery", body)
    return opened


async def state_of(service: RunningService, opened: dict[str, Any]) -> str:
    found = await asyncio.to_thread(service.get, f"recoveries/{opened['recovery']['id']}")
    return str(found["state"])


def is_back(one: dict[str, Any]) -> bool:
    return bool(one["online"] and one["profile"] == 3 and one["lane"] is None)


@pytest.mark.parametrize(
    ("loss", "version"), [("lost", "2.0.1"), ("reset", "1.6"), ("swapped", "2.1"), ("revoked", "2.0.1")]
)
async def test_with_the_password_that_was_made_for_it_a_station_walks_back_to_profile_3(
    shared_service: RunningService, loss: str, version: Version, tmp_path: Path
) -> None:
    """A00.FR.806: with nothing but its new certificate it is one of us again."""
    service, identity = shared_service, f"BACK-{loss}"
    more = {"serial": f"OLD-{identity}"} if loss == "swapped" else {}
    old = await with_certificate(service, identity, version, site="Depot", tags=["north"], **more)
    if loss == "revoked":
        await asyncio.to_thread(service.post, f"certificates/{old.serial}/revoke", {"reason": "keyCompromise"})
    asked = {"loss": loss, "new_serial": f"SN-{identity}" if loss == "swapped" else ""}
    opened = await recover(service, identity, **asked)
    stolen = await asyncio.to_thread(showing, service, old, tmp_path)
    assert await knock(service, identity, tls=stolen, subprotocols=(SUBPROTOCOL[version],)) == 401
    roots = (await asyncio.to_thread(service.root_pem),)
    async with station(service, identity, version, opened["password"], profile=2, roots=roots) as simulated:
        seen = await until(service, identity, is_back)
        assert simulated.client_serial not in (None, old.serial)
        await simulated.until(lambda one: one.registered, 30)
    assert (seen["serial"], seen["floor"], seen["hold"]) == (f"SN-{identity}", 3, None)
    assert (seen["site"], seen["tags"]) == ("Depot", ["north"])
    assert await state_of(service, opened) == "done"
    password = opened["password"]
    tls = trusting(roots[0])
    assert await knock(service, identity, tls=tls, password=password, subprotocols=(SUBPROTOCOL[version],)) == 401
    assert await knock(service, identity, tls=stolen, subprotocols=(SUBPROTOCOL[version],)) == 401


async def test_a_makers_certificate_counts_once_more_for_the_station_that_was_reset(
    shared_service: RunningService,
    maker: Maker,  # noqa: F811
    tmp_path: Path,
) -> None:
    """A00.FR.801-807; another device of the same maker is none of ours."""
    service, identity = shared_service, "BACK-MAKER"
    await asyncio.sleep(2.5)  # the service looks every two seconds for new anchors
    await with_certificate(service, identity, "2.0.1")
    factory = makers(maker, f"VM SN-{identity}")
    tls = await asyncio.to_thread(showing, service, factory, tmp_path)
    assert await knock(service, identity, tls=tls, subprotocols=("ocpp2.0.1",)) == 401
    opened = await recover(service, identity, loss="reset", maker="Volt Motors")
    assert opened["password"] is None
    stranger = await asyncio.to_thread(showing, service, makers(maker, "VM SN-OTHER"), tmp_path)
    assert await knock(service, identity, tls=stranger, subprotocols=("ocpp2.0.1",)) == 401
    roots = (await asyncio.to_thread(service.root_pem),)
    how: dict[str, Any] = {"profile": 3, "roots": roots, "credential": factory}
    async with station(service, identity, "2.0.1", None, **how):
        await until(service, identity, is_back)
    assert await state_of(service, opened) == "done"
    assert await knock(service, identity, tls=tls, subprotocols=("ocpp2.0.1",)) == 401
    alarms = await asyncio.to_thread(service.get, "alarms")
    assert any(one["kind"] == "proof-of-another" and one["thing"] == identity for one in alarms["items"])


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_in_the_password_lane_a_station_is_told_accepted_and_nothing_but_its_walk_passes(
    shared_service: RunningService, version: Version
) -> None:
    service, identity = shared_service, f"HELD-{version}"
    await with_certificate(service, identity, version)
    opened = await recover(service, identity, loss="lost")
    tls = trusting(await asyncio.to_thread(service.root_pem))
    assert await knock(service, identity, password=opened["password"], subprotocols=(SUBPROTOCOL[version],)) == 401
    async with wire(service, identity, version, password=opened["password"], tls=tls) as line:
        assert await line.ask("Heartbeat", {}) == "SecurityError"
        assert (await boot(line, version))["status"] == "Accepted"
        for action, payload in (("Heartbeat", {}), ("Authorize", {"idTag": "X"} if version == "1.6" else ID_TOKEN)):
            assert await line.ask(action, payload) == "SecurityError"
        order = {"action": "ClearCache", "payload": {}}
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            await asyncio.to_thread(service.post, f"stations/{identity}/commands", order)
        seen = await shown(service, identity)
        assert (seen["lane"], seen["profile"], seen["floor"]) == ("password", None, 3)
        await asyncio.to_thread(service.post, f"stations/{identity}/recovery/end", {"reason": "enough"})
        with pytest.raises(ConnectionClosed):
            await line.until(lambda _: False)
    with pytest.raises(InvalidStatus, match="401"):
        async with wire(service, identity, version, password=opened["password"], tls=tls):
            pass


ID_TOKEN = {"idToken": {"idToken": "X", "type": "Central"}}


async def test_another_board_with_the_right_password_is_rejected(shared_service: RunningService) -> None:
    """B01.FR.11/.12: whatever it says it is must be what is registered now."""
    service, identity = shared_service, "WRONG-BOARD"
    await with_certificate(service, identity, "2.0.1")
    opened = await recover(service, identity, loss="swapped", new_serial="SN-NEW-BOARD")
    tls = trusting(await asyncio.to_thread(service.root_pem))
    async with wire(service, identity, "2.0.1", password=opened["password"], tls=tls) as line:
        told = {"model": "M", "vendorName": "V", "serialNumber": "SN-SOMETHING-ELSE"}
        answer = await line.ask("BootNotification", {"reason": "PowerUp", "chargingStation": told})
        assert isinstance(answer, dict)
        assert answer["status"] == "Rejected"
        with pytest.raises(ConnectionClosed):
            await line.until(lambda _: False)


async def test_two_who_come_by_one_password_from_two_places_are_kept_apart(shared_service: RunningService) -> None:
    """Who is in the lane stays; the other is turned away, and a person hears of both addresses."""
    service, identity = shared_service, "TWICE-1"
    await with_certificate(service, identity, "2.0.1")
    opened = await recover(service, identity, loss="lost")
    tls = trusting(await asyncio.to_thread(service.root_pem))
    how: dict[str, Any] = {"password": opened["password"], "tls": tls}
    async with wire(service, identity, "2.0.1", **how) as first:
        assert (await boot(first, "2.0.1"))["status"] == "Accepted"
        async with wire(service, identity, "2.0.1", source="127.0.0.2", **how) as second:
            with pytest.raises(ConnectionClosed, match="already connected"):
                await second.until(lambda _: False)
        assert (await boot(first, "2.0.1"))["status"] == "Accepted"
        posture = await asyncio.to_thread(service.get, f"stations/{identity}/posture")
        assert posture["address"] == "127.0.0.1"
        alarms = (await asyncio.to_thread(service.get, "alarms"))["items"]
        (alarm,) = [one for one in alarms if one["kind"] == "recovery-contested" and one["thing"] == identity]
        assert (alarm["severity"], "127.0.0.2" in alarm["sentence"]) == ("critical", True)
    await asyncio.to_thread(service.post, f"stations/{identity}/recovery/end", {"reason": "looked at it"})
    alarms = (await asyncio.to_thread(service.get, "alarms"))["items"]
    assert not [one for one in alarms if one["kind"] == "recovery-contested" and one["thing"] == identity]


async def test_a_copy_of_the_expired_certificate_never_displaces_the_station_that_is_back(
    shared_service: RunningService, tmp_path: Path
) -> None:
    service, identity = shared_service, "COPY-1"
    await asyncio.to_thread(register, service, identity, "2.0.1", 3)
    credential = await asyncio.to_thread(credentials.expired, service, identity)
    await recover(service, identity)
    copy = await asyncio.to_thread(showing, service, credential, tmp_path)
    roots = (await asyncio.to_thread(service.root_pem),)
    how: dict[str, Any] = {"profile": 3, "roots": roots, "credential": credential}
    async with station(service, identity, "2.0.1", None, **how) as simulated:
        before = await until(service, identity, is_back)
        assert await knock(service, identity, tls=copy, subprotocols=("ocpp2.0.1",)) == 401
        assert (await latest_reason(service, identity)).endswith("is expired")
        assert simulated.registered or await simulated.until(lambda one: one.registered, 30) is None
        assert (await shown(service, identity))["connected_at"] == before["connected_at"]


async def test_a_service_that_was_killed_in_the_middle_goes_on_where_it_was(service: RunningService) -> None:
    """SIGKILL while the station walks back: the password still lets it in, and the same walk goes on."""
    identity = "KILLED-1"
    old = await with_certificate(service, identity, "2.0.1")
    opened = await recover(service, identity, loss="lost")
    roots = (await asyncio.to_thread(service.root_pem),)
    async with station(service, identity, "2.0.1", opened["password"], profile=2, roots=roots) as simulated:
        await until(service, identity, lambda one: one["lane"] == "password")
        await asyncio.to_thread(service.kill)
        await asyncio.to_thread(service.start)
        await until(service, identity, is_back)
        assert simulated.client_serial not in (None, old.serial)
    walks = await asyncio.to_thread(service.get, "walks", station=identity)
    assert [walk["state"] for walk in walks["items"]] == ["done"]
    assert await state_of(service, opened) == "done"

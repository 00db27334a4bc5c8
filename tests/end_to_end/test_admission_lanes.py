"""Stations that are let in as Pending only, over real sockets: the extra checks 2 and 3 of the acceptance list."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from csms_bridge.simulator.certificates import Credential
from tests.end_to_end import credentials
from tests.end_to_end.credentials import makers, showing
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import SUBPROTOCOL, Version, Wire, knock, register, station, wire
from tests.pki.makers import Maker, maker_root

pytestmark = pytest.mark.end_to_end

BOOT_2X = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
BOOT_16 = {"chargePointVendor": "V", "chargePointModel": "M"}
RECOVER = {"valid_for": "24h", "reason": "it stood in a warehouse"}


async def expired(service: RunningService, identity: str, version: Version) -> Credential:
    """Register a station on profile 3; its certificate, which has ended."""
    await asyncio.to_thread(register, service, identity, version, 3)
    return await asyncio.to_thread(credentials.expired, service, identity)


async def shown(service: RunningService, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = await asyncio.to_thread(service.get, f"stations/{identity}")
    return found


async def until(service: RunningService, identity: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    end = time.monotonic() + 60
    while not fits(seen := await shown(service, identity)):
        assert time.monotonic() < end, seen
        await asyncio.sleep(0.2)
    return seen


async def latest_reason(service: RunningService, identity: str) -> str:
    posture = await asyncio.to_thread(service.get, f"stations/{identity}/posture")
    reason: str = posture["admissions"][0]["reason"]
    return reason


async def recover(service: RunningService, identity: str) -> None:
    await asyncio.to_thread(service.post, f"stations/{identity}/recovery", RECOVER)


async def boot(line: Wire, version: Version) -> dict[str, Any]:
    answer = await line.ask("BootNotification", BOOT_16 if version == "1.6" else BOOT_2X)
    assert isinstance(answer, dict), answer
    return answer


async def test_check_2_an_expired_certificate_is_refused_by_default(
    shared_service: RunningService, tmp_path: Path
) -> None:
    """A00.FR.407."""
    credential = await expired(shared_service, "OLD-1", "2.0.1")
    tls = await asyncio.to_thread(showing, shared_service, credential, tmp_path)
    assert await knock(shared_service, "OLD-1", tls=tls, subprotocols=("ocpp2.0.1",)) == 401
    assert await latest_reason(shared_service, "OLD-1") == f"the client certificate {credential.serial} is expired"


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_check_2_a_station_in_the_recovery_lane_comes_back_with_a_new_certificate(
    shared_service: RunningService, version: Version
) -> None:
    """A00.FR.429/.430/.807. The simulated 2.x stations do no certificate work while Pending, as EVerest."""
    service, identity = shared_service, f"LANE-{version}"
    credential = await expired(service, identity, version)
    await recover(service, identity)
    roots = (await asyncio.to_thread(service.root_pem),)
    how: dict[str, Any] = {"profile": 3, "roots": roots, "credential": credential}
    async with station(service, identity, version, None, **how) as simulated:
        seen = await until(service, identity, lambda one: one["profile"] == 3 and one["lane"] is None)
        assert simulated.client_serial not in (None, credential.serial)
        assert (seen["online"], seen["recovery_until"]) == (True, None)
        await simulated.until(lambda one: one.registered, 30)
    timeline = await asyncio.to_thread(service.get, f"stations/{identity}/timeline")
    acts = [entry["what"] for entry in timeline["items"]]
    assert {"station:recovery-opened", "station:let-in-pending", "station:recovery-ended"} <= set(acts)
    assert acts.count("station:certificate-asked") == 1


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_in_the_lane_nothing_but_certificate_work_passes(
    shared_service: RunningService, version: Version, tmp_path: Path
) -> None:
    """B02.FR.01/.09; the errata of OCPP-J 1.6 recommend the same."""
    service, identity = shared_service, f"LANE-STRICT-{version}"
    credential = await expired(service, identity, version)
    await recover(service, identity)
    tls = await asyncio.to_thread(showing, service, credential, tmp_path)
    async with wire(service, identity, version, tls=tls) as line:
        assert await line.ask("Heartbeat", {}) == "SecurityError"
        answer = await boot(line, version)
        assert (answer["status"], answer["interval"]) == ("Pending", 3)
        assert await line.ask("Heartbeat", {}) == "SecurityError"
        command = {"action": "Reset", "payload": {"type": "Hard" if version == "1.6" else "Immediate"}}
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            await asyncio.to_thread(service.post, f"stations/{identity}/commands", command)
        await asyncio.to_thread(service.post, f"stations/{identity}/recovery/end", {"reason": "enough"})
        with pytest.raises(ConnectionClosed):
            await line.until(lambda _: False)
    assert await knock(service, identity, tls=tls, subprotocols=(SUBPROTOCOL[version],)) == 401


async def test_a_station_that_works_only_when_accepted_is_told_so_and_held_to_the_lane(
    shared_service: RunningService, tmp_path: Path
) -> None:
    """EVerest turns down the answer to its SignCertificate while it is Pending (reference, station-everest)."""
    service, identity = shared_service, "LANE-STUBBORN"
    credential = await expired(service, identity, "2.0.1")
    await recover(service, identity)
    tls = await asyncio.to_thread(showing, service, credential, tmp_path)
    async with wire(service, identity, "2.0.1", tls=tls) as line:
        assert (await boot(line, "2.0.1"))["status"] == "Pending"
        triggered = await line.called("TriggerMessage", {"status": "Accepted"})
        assert triggered["requestedMessage"] == "SignChargingStationCertificate"
        number = await line.send("SignCertificate", {"csr": "this is no request"})
        await line.until(lambda one: one[:2] == [3, number])
        await line.socket.send(f'[4,"{number}","SecurityError","registration status is Pending",{{}}]')
        triggered = await line.called("TriggerMessage", {"status": "Accepted"})
        assert triggered["requestedMessage"] == "BootNotification"
        assert (await boot(line, "2.0.1"))["status"] == "Accepted"
        assert await line.ask("Heartbeat", {}) == "SecurityError"
        triggered = await line.called("TriggerMessage", {"status": "Accepted"})
        assert triggered["requestedMessage"] == "SignChargingStationCertificate"
    assert (await shown(service, identity))["lane"] == "recovery"


async def test_no_lane_lets_a_revoked_certificate_in(shared_service: RunningService, tmp_path: Path) -> None:
    """A00.FR.702."""
    service, identity = shared_service, "LANE-REVOKED"
    credential = await expired(service, identity, "2.0.1")
    await asyncio.to_thread(service.post, f"certificates/{credential.serial}/revoke", {"reason": "keyCompromise"})
    await recover(service, identity)
    tls = await asyncio.to_thread(showing, service, credential, tmp_path)
    assert await knock(service, identity, tls=tls, subprotocols=("ocpp2.0.1",)) == 401
    assert await latest_reason(service, identity) == f"the client certificate {credential.serial} is revoked"


@pytest.fixture(scope="module")
def maker(shared_service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """A maker whose root is an anchor of the service."""
    made = maker_root()
    root = tmp_path_factory.mktemp("maker") / "root.pem"
    root.write_bytes(made.pem)
    options = ("--vendor", "Volt Motors", "--name", "lane-maker", "--data", str(shared_service.folder))
    added = shared_service.cli("anchor", "add", str(root), *options)
    assert added.returncode == 0, added.stderr
    return made


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_check_3_a_makers_certificate_is_pending_then_replaced_then_refused(
    shared_service: RunningService, maker: Maker, version: Version, tmp_path: Path
) -> None:
    """A00.FR.404/.406/.801-807."""
    service, identity = shared_service, f"FACTORY-{version}"
    credential = makers(maker, f"VM SN-{identity}")
    tls = await asyncio.to_thread(showing, service, credential, tmp_path)
    await asyncio.to_thread(register, service, identity, version, 3)
    await asyncio.sleep(2.5)  # the service looks every two seconds for new anchors
    assert await knock(service, identity, tls=tls, subprotocols=(SUBPROTOCOL[version],)) == 401

    allow = {"vendor": "Volt Motors", "reason": "ordered with factory certificates"}
    await asyncio.to_thread(service.post, f"stations/{identity}/bootstrap", allow)
    roots = (await asyncio.to_thread(service.root_pem),)
    how: dict[str, Any] = {"profile": 3, "roots": roots, "credential": credential}
    async with station(service, identity, version, None, **how) as simulated:
        await until(service, identity, lambda one: one["profile"] == 3 and one["lane"] is None)
        assert simulated.client_serial not in (None, credential.serial)
        await simulated.until(lambda one: one.registered, 30)
    assert await knock(service, identity, tls=tls, subprotocols=(SUBPROTOCOL[version],)) == 401
    assert (await latest_reason(service, identity)).endswith("this station has used a certificate of ours")

"""`voltward cert renew` against real stations of each version: from the question to the new certificate in use."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station, walk_until

pytestmark = pytest.mark.end_to_end


async def on_profile_3(service: RunningService, identity: str) -> None:
    started = await asyncio.to_thread(service.post, "walks", {"station": identity, "to": 3})
    assert (await walk_until(service, started["id"], "done", "held"))["state"] == "done"


async def renew(service: RunningService, *asked: str) -> tuple[int, list[dict[str, str]]]:
    ran = await asyncio.to_thread(service.cli, "cert", "renew", *asked, "--json")
    return ran.returncode, json.loads(ran.stdout)["items"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_station_comes_back_with_a_new_certificate(shared_service: RunningService, version: Version) -> None:
    service, identity = shared_service, f"RENEW-{version}"
    password = await asyncio.to_thread(register, service, identity, version)
    async with station(service, identity, version, password) as simulated:
        await on_profile_3(service, identity)
        old = simulated.client_serial
        code, (renewal,) = await renew(service, "--station", identity, "--wait", "--within", "60")
        assert (code, renewal["state"], renewal["reason"]) == (0, "renewed", ""), renewal
        assert renewal["new_serial"] == simulated.client_serial != old


async def test_a_station_that_is_away_is_asked_when_it_is_back(shared_service: RunningService, tmp_path: Path) -> None:
    service, identity = shared_service, "RENEW-AWAY"
    password = await asyncio.to_thread(register, service, identity, "2.0.1")
    async with station(service, identity, "2.0.1", password, state_dir=tmp_path) as simulated:
        await on_profile_3(service, identity)
        serial = simulated.client_serial
    code, (renewal,) = await renew(service, serial or "")
    assert (code, renewal["state"], renewal["serial"]) == (0, "queued", serial)
    async with station(service, identity, "2.0.1", password, state_dir=tmp_path):
        code, (renewal,) = await renew(service, "--station", identity, "--wait", "--within", "60")
        assert (code, renewal["state"]) == (0, "renewed"), renewal


async def test_a_station_that_will_not_is_told(shared_service: RunningService) -> None:
    service, identity = shared_service, "RENEW-NOT"
    password = await asyncio.to_thread(register, service, identity, "1.6")
    async with station(service, identity, "1.6", password):
        for _ in range(100):
            if (await asyncio.to_thread(service.get, f"stations/{identity}"))["online"]:
                break
            await asyncio.sleep(0.1)
        code, (renewal,) = await renew(service, "--station", identity)
    assert (code, renewal["state"]) == (1, "unable")
    assert "is on security profile 1" in renewal["reason"]

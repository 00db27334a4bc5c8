"""`voltward station rotate-password` against real stations of each version: the new one in use, the old one refused."""

import asyncio
import json

import pytest

from csms_bridge.simulator.config import Fault
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import SUBPROTOCOL, Version, knock, register, station

pytestmark = pytest.mark.end_to_end


async def rotate(service: RunningService, *asked: str) -> tuple[int, list[dict[str, str]]]:
    ran = await asyncio.to_thread(service.cli, "station", "rotate-password", *asked, "--json")
    return ran.returncode, json.loads(ran.stdout)["items"]


async def online(service: RunningService, identity: str) -> None:
    async with asyncio.timeout(20):
        while True:
            if (await asyncio.to_thread(service.get, f"stations/{identity}"))["online"]:
                return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_station_comes_back_with_its_new_password(shared_service: RunningService, version: Version) -> None:
    """TC_A_09, TC_073: and the old one is refused."""
    service, identity = shared_service, f"ROTATE-{version}"
    password = await asyncio.to_thread(register, service, identity, version)
    async with station(service, identity, version, password) as simulated:
        await online(service, identity)
        code, (rotation,) = await rotate(service, identity, "--wait", "--within", "40")
        assert (code, rotation["state"], rotation["reason"]) == (0, "rotated", ""), rotation
        assert simulated.memory.password not in (None, (password or "").encode())
    assert await knock(service, identity, password=password, subprotocols=(SUBPROTOCOL[version],)) == 401


async def test_a_lost_answer_locks_nobody_out(shared_service: RunningService) -> None:
    """It took the password and never said so: both are good until it comes back."""
    service, identity = shared_service, "ROTATE-LOST"
    password = await asyncio.to_thread(register, service, identity, "1.6")
    async with station(service, identity, "1.6", password, Fault.DROP_ANSWER):
        await online(service, identity)
        code, (rotation,) = await rotate(service, identity, "--wait", "--within", "60")
        assert (code, rotation["state"]) == (0, "rotated"), rotation


async def test_a_station_that_refuses_keeps_its_old_password(shared_service: RunningService) -> None:
    """TC_A_10."""
    service, identity = shared_service, "ROTATE-NOT"
    password = await asyncio.to_thread(register, service, identity, "2.0.1")
    async with station(service, identity, "2.0.1", password, Fault.REFUSE_PASSWORD):
        await online(service, identity)
        code, (rotation,) = await rotate(service, identity, "--wait", "--within", "40")
        assert (code, rotation["state"]) == (1, "failed"), rotation
    assert await knock(service, identity, password=password, subprotocols=("ocpp2.0.1",)) == 101

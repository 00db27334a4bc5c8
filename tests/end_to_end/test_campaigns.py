"""Thirty stations of all versions walk 1 → 3 in a canary and waves; three fail, and the campaign stops for them."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from csms_bridge.simulator.config import Fault
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

VERSIONS: Sequence[Version] = ("1.6", "2.0.1", "2.1")
COUNT = 30
FAILING = {4: Fault.REFUSE_ROOT, 5: Fault.REFUSE_CERTIFICATE, 6: Fault.REFUSE_PROFILE}


def identity(number: int) -> str:
    return f"WAVE-{number:02}"


async def campaign_until(service: RunningService, campaign: str, *states: str, within: float = 120) -> dict[str, Any]:
    """The campaign once it is in one of these states."""
    async with asyncio.timeout(within):
        while True:
            seen: dict[str, Any] = await asyncio.to_thread(service.get, f"campaigns/{campaign}")
            if seen["state"] in states:
                return seen
            await asyncio.sleep(0.5)


async def test_a_fleet_walks_in_waves_and_stops_for_those_that_fail(shared_service: RunningService) -> None:
    service = shared_service
    async with AsyncExitStack() as fleet:
        for number in range(COUNT):
            version, faults = VERSIONS[number % 3], [FAILING[number]] if number in FAILING else []
            password = await asyncio.to_thread(register, service, identity(number), version, tags=["waves"])
            await fleet.enter_async_context(station(service, identity(number), version, password, *faults))
        await _all_online(service)
        asked = {
            "name": "waves", "kind": "walk", "to": 3, "selection": {"tag": "waves"},
            "pace": {"waves": ["4", "40%"], "in_flight": 12, "errors": 20, "success": 50},
        }  # fmt: skip
        made = await asyncio.to_thread(service.post, "campaigns", asked)
        assert (made["preview"]["taken"], made["preview"]["waves"]) == (30, [4, 12, 14])
        await asyncio.to_thread(service.post, f"campaigns/{made['id']}/start", {})
        paused = await campaign_until(service, made["id"], "paused", "done")
        assert paused["state"] == "paused"
        assert "wave 2: 3 of 12 stations failed, are on hold or late" in paused["reason"]
        assert paused["waves"][0]["states"] == {"done": 4}
        alarms = await asyncio.to_thread(service.get, "alarms")
        assert any(paused["reason"] in alarm["sentence"] for alarm in alarms["items"])
        await asyncio.to_thread(service.post, f"campaigns/{made['id']}/resume", {"reason": "the three are looked at"})
        done = await campaign_until(service, made["id"], "done", "paused")
        assert (done["state"], done["states"]["done"], done["states"]["held"]) == ("done", 27, 3)
    held = await asyncio.to_thread(service.get, f"campaigns/{made['id']}/targets", state="held")
    assert [one["station"] for one in held["items"]] == [identity(number) for number in FAILING]
    assert all(re.search(r"the station (answered|does not hold our root)", one["reason"]) for one in held["items"])


async def _all_online(service: RunningService) -> None:
    async with asyncio.timeout(60):
        while True:
            if (await asyncio.to_thread(service.get, "overview"))["online"] >= COUNT:
                return
            await asyncio.sleep(0.5)

"""Stations that come back with another version of OCPP after their firmware was changed."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.slots import ADDRESS
from csms_bridge.simulator.station import SimulatedStation
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import register, station

pytestmark = pytest.mark.end_to_end


async def migration_until(service: RunningService, migration: int, *states: str, within: float = 60) -> dict[str, Any]:
    """The migration once it is in one of these states."""
    seen: dict[str, Any] = {}
    try:
        async with asyncio.timeout(within):
            while True:
                seen = await asyncio.to_thread(service.get, f"migrations/{migration}")
                if seen["state"] in states:
                    return seen
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"it did not come to that: {seen}") from None


async def expect(service: RunningService, *names: str, to: str, within: str = "PT5M") -> list[dict[str, Any]]:
    """Announce them."""
    asked = {"stations": list(names), "to": to, "within": within, "reason": "firmware 9.9"}
    made = await asyncio.to_thread(service.post, "migrations", asked)
    return list(made["items"])


async def jumps(simulated: SimulatedStation, version: str) -> None:
    """Its new firmware starts."""
    simulated.take_firmware("9.9", version)
    await simulated.reboot("FirmwareUpdate")


async def test_a_1_6_station_comes_back_as_2_0_1_and_as_2_1(shared_service: RunningService) -> None:
    """It stays the station that it was: identity, binding, history. One that does not come back has failed."""
    service, root = shared_service, await asyncio.to_thread(shared_service.root_pem)
    names = {"MIG-KEY": (Fault.URL_KEY,), "MIG-PLAIN": (), "MIG-LOST": ()}
    async with AsyncExitStack() as lives:
        simulated: dict[str, SimulatedStation] = {}
        for name, faults in names.items():
            password = await asyncio.to_thread(register, service, name, "1.6", 2)
            vendor = "Open OCPP" if faults else "Volt"
            simulated[name] = await lives.enter_async_context(
                station(service, name, "1.6", password, *faults, profile=2, roots=(root,), vendor=vendor)
            )
            await simulated[name].until(lambda one: one.registered)
        before = {name: await asyncio.to_thread(service.get, f"stations/{name}") for name in names}
        first, second = await expect(service, "MIG-KEY", "MIG-PLAIN", to="2.0.1")
        (lost,) = await expect(service, "MIG-LOST", to="2.0.1", within="PT3S")
        assert second["state"] == "expected"
        prepared = await migration_until(service, first["id"], "expected")
        key, plain = simulated["MIG-KEY"], simulated["MIG-PLAIN"]
        assert prepared["prepared"] == f"ConnexionUrl is set to {key.memory.settings[ADDRESS]}"
        old = {name: one.memory.password for name, one in simulated.items()}
        for one in (key, plain):
            await jumps(one, "2.0.1")
        for migration in (first, second):
            seen = await migration_until(service, migration["id"], "well", "failed")
            assert seen["state"] == "well", seen
        for name, one in (("MIG-KEY", key), ("MIG-PLAIN", plain)):
            assert one.memory.password not in (None, old[name])
            assert (one.memory.password or b"").decode().isprintable()
            after = await asyncio.to_thread(service.get, f"stations/{name}")
            assert (after["ocpp_version"], after["serial"], after["profile"]) == ("2.0.1", before[name]["serial"], 2)
        assert (await migration_until(service, lost["id"], "failed"))["reason"].startswith("it did not come back")
        alarms = await asyncio.to_thread(service.get, "alarms", limit=1000)
        assert ("migration-failed", "MIG-LOST") in {(one["kind"], one["thing"]) for one in alarms["items"]}
        await _goes_on_to_2_1(service, plain)


async def _goes_on_to_2_1(service: RunningService, plain: SimulatedStation) -> None:
    """A second slot is written before; no password changes, and the report counts it."""
    password = plain.memory.password
    (third,) = await expect(service, "MIG-PLAIN", to="2.1")
    prepared = await migration_until(service, third["id"], "expected")
    assert prepared["prepared"] == "slot 2 is written, to fall back on: slots 1,2"
    assert (plain.memory.priority, plain.memory.slots[2].profile) == ((1, 2), 2)
    await jumps(plain, "2.1")
    seen = await migration_until(service, third["id"], "well", "failed")
    assert (seen["state"], plain.memory.password) == ("well", password), seen
    report = await asyncio.to_thread(service.get, "reports/mixed-fleet", target="2.1")
    assert {one["version"] for one in report["versions"]} >= {"1.6", "2.0.1", "2.1"}
    story = await asyncio.to_thread(service.get, "stations/MIG-PLAIN/timeline")
    told = [one["text"] for one in story["items"]]
    assert told[-1].startswith("registered")
    assert sum(text.startswith("the change of its OCPP version is over") for text in told) == 2

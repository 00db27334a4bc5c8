"""Roots on stations of each version, over real sockets: listed, installed, deleted, guarded, told of when strange."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.root_store import CSMS_ROOT, StoredRoot
from csms_bridge.simulator.station import SimulatedStation
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station
from tests.pki.makers import maker_root

pytestmark = pytest.mark.end_to_end
STRANGER = maker_root("A stranger's root")
VERSIONS = ["1.6", "2.0.1", "2.1"]


async def get(service: RunningService, path: str) -> Any:
    return await asyncio.to_thread(service.get, path)


async def online(service: RunningService, identity: str) -> None:
    """Connected, and accepted: before its BootNotification a station takes nothing."""
    for _ in range(300):
        posture = await get(service, f"stations/{identity}/posture")
        if posture["station"]["online"] and posture["booted_at"]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{identity} did not come")


async def command(service: RunningService, *words: str) -> tuple[int, Any]:
    ran = await asyncio.to_thread(service.cli, "station", *words, "--json")
    return ran.returncode, json.loads(ran.stdout) if ran.stdout else ran.stderr


def put_in(simulated: SimulatedStation) -> None:
    """Somebody at the station has installed the stranger's root."""
    memory = simulated.memory
    memory.roots = (*memory.roots, StoredRoot(CSMS_ROOT, STRANGER.certificate))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_root_is_installed_listed_and_another_deleted(shared_service: RunningService, version: Version) -> None:
    """TC_M_01/12/20 (2.x), TC_075_2 and TC_076 (1.6), from our side."""
    service, identity = shared_service, f"ROOTS-{version}"
    password = await asyncio.to_thread(register, service, identity, version)
    faults = (Fault.LITERAL_HASHES, Fault.PADDED_SERIAL, Fault.SHA384_HASHES)
    async with station(service, identity, version, password, *faults) as simulated:
        await online(service, identity)
        for name in ("root", "root-rsa"):
            code, act = await command(service, "install-root", identity, "--root", name, "--kind", "csms")
            assert (code, act["state"], act["sentence"]) == (0, "done", "the station has taken it")
        put_in(simulated)
        code, found = await command(service, "roots", identity, "--refresh")
        assert [entry["name"] for entry in found["entries"]] == ["root", "root-rsa", None]
        assert found["entries"][0]["deviations"] == ["leading-zeros"]
        assert found["entries"][0]["hash_data"]["algorithm"] == "SHA384"
        assert {one["presence"] for one in found["expected"]} == {"listed"}
        alarms = (await get(service, "alarms"))["items"]
        assert [one["kind"] for one in alarms if one["thing"].startswith(f"{identity} ")] == ["unknown-root"]
        strange, needed = found["entries"][2]["id"], found["entries"][0]["id"]
        code, refused = await command(service, "delete-root", identity, str(needed), "--reason", "why not")
        assert (code, "could not come back" in refused) == (2, True)
        code, act = await command(service, "delete-root", identity, str(strange), "--reason", "nobody knows it")
        assert (code, act["state"]) == (0, "done"), act
        assert len(simulated.memory.roots) == 2
        alarms = (await get(service, "alarms"))["items"]
        assert [one for one in alarms if one["thing"].startswith(f"{identity} ")] == []


async def test_a_full_store_and_a_last_manufacturer_root(shared_service: RunningService, tmp_path: Path) -> None:
    """TC_M_05/TC_078: a refusal is told with its reason."""
    service, identity = shared_service, "ROOTS-FULL"
    password = await asyncio.to_thread(register, service, identity, "2.0.1")
    file = tmp_path / "maker.pem"
    file.write_bytes(STRANGER.pem)
    async with station(service, identity, "2.0.1", password):
        await online(service, identity)
        words = ("install-root", identity, "--file", str(file), "--kind", "manufacturer")
        assert (await command(service, *words))[1]["state"] == "done"
        await command(service, "install-root", identity, "--root", "root", "--kind", "csms")
        _, found = await command(service, "roots", identity, "--refresh")
        (last,) = [entry["id"] for entry in found["entries"] if entry["kind"] == "manufacturer"]
        delete = ("delete-root", identity, str(last), "--reason", "a test bench")
        code, refused = await command(service, *delete)
        assert (code, "last manufacturer root" in refused) == (2, True)
        code, act = await command(service, *delete, "--force")
        assert (code, act["state"]) == (0, "done")
    full = "ROOTS-FULL-2"
    password = await asyncio.to_thread(register, service, full, "1.6")
    async with station(service, full, "1.6", password, Fault.STORE_FULL):
        await online(service, full)
        code, act = await command(service, "install-root", full, "--root", "root", "--kind", "csms")
        assert (code, act["state"], "its store is full" in act["sentence"]) == (1, "rejected", True)


async def test_a_lost_answer_is_settled_by_the_list(shared_service: RunningService) -> None:
    service, identity = shared_service, "ROOTS-LOST"
    password = await asyncio.to_thread(register, service, identity, "2.0.1")
    async with station(service, identity, "2.0.1", password, Fault.DROP_ANSWER):
        await online(service, identity)
        _, act = await command(service, "install-root", identity, "--root", "root", "--kind", "csms")
        assert act["state"] == "unknown"
        for _ in range(80):
            act = await get(service, f"stations/{identity}/roots/acts/{act['id']}")
            if act["state"] != "unknown":
                break
            await asyncio.sleep(0.5)
        assert (act["state"], act["sentence"]) == ("done", "the list shows it")

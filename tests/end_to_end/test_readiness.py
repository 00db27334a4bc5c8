"""Readiness over real lines: what kinds of stations turn out to be, and that nothing but questions is sent."""

import asyncio
import csv
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from csms_bridge.simulator.config import Fault
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, Wire, register, station, walk_until, wire

pytestmark = pytest.mark.end_to_end

KINDS: dict[str, tuple[Version, Fault | None, str, str]] = {
    "GOOD-16": ("1.6", None, "ready", ""),
    "GOOD-201": ("2.0.1", None, "ready", ""),
    "GOOD-21": ("2.1", None, "ready", ""),
    "PLAIN-16": ("1.6", Fault.NO_SECURITY_EXTENSION, "blocked", "no-security-extension"),
    "FULL-16": ("1.6", Fault.STORE_FULL, "blocked", "store-full"),
    "MUTE-201": ("2.0.1", Fault.NO_SETTINGS, "blocked", "tells-no-slots"),
    "MUTE-16": ("1.6", Fault.NO_SETTINGS, "risky", "tells-no-settings"),
    "SLOW-21": ("2.1", Fault.SLOW_CLOCK, "risky", "clock-off"),
    "SILENT-16": ("1.6", Fault.LISTS_NOTHING, "risky", "cannot-list-roots"),
}
"""Version, what is wrong with it, the verdict, and the reason that decides."""


async def read(service: RunningService, identity: str) -> dict[str, Any]:
    """Its readiness once both questions have an answer."""
    await asyncio.to_thread(service.post, f"stations/{identity}/readiness", {})
    async with asyncio.timeout(40):
        while True:
            found: dict[str, Any] = await asyncio.to_thread(service.get, f"stations/{identity}/readiness")
            if not found["probe"]["under_way"]:
                return found
            await asyncio.sleep(0.2)


async def there(service: RunningService, identity: str) -> None:
    """Until it is connected and has booted."""
    async with asyncio.timeout(20):
        while True:
            if (await asyncio.to_thread(service.get, f"stations/{identity}"))["model"]:
                return
            await asyncio.sleep(0.2)


async def test_stations_of_all_kinds_turn_out_to_be_what_they_are(
    shared_service: RunningService, tmp_path: Path
) -> None:
    """Each is quiet, so that what is known was found by reading it first; the good one then keeps the promise."""
    async with AsyncExitStack() as lines:
        for identity, (version, fault, *_) in KINDS.items():
            password = await asyncio.to_thread(
                register, shared_service, identity, version, quiet=True, site="Readiness"
            )
            faults = () if fault is None else (fault,)
            await lines.enter_async_context(station(shared_service, identity, version, password, *faults))
        await asyncio.gather(*(there(shared_service, one) for one in KINDS))
        found = dict(zip(KINDS, await asyncio.gather(*(read(shared_service, one) for one in KINDS)), strict=True))
        for identity, (_, _, verdict, reason) in KINDS.items():
            told = found[identity]
            assert told["verdict"] == verdict, json.dumps([identity, told["reasons"], told["probe"]])
            assert reason in {"", *(one["code"] for one in told["reasons"] if one["effect"] in ("blocks", "risk"))}
        walk = await asyncio.to_thread(shared_service.post, "walks", {"station": "GOOD-16", "to": 3})
        walked = await walk_until(shared_service, walk["id"], "done", "held")
        assert walked["state"] == "done", walked["reason"]
        assert [step["name"] for step in walked["steps"]] == [one["name"] for one in found["GOOD-16"]["path"]["steps"]]
    await the_fleet_is_told(shared_service, tmp_path / "fleet.csv")


async def the_fleet_is_told(service: RunningService, file: Path) -> None:
    """Within seconds the stored assessments say the same, in the report and in the table."""
    async with asyncio.timeout(40):
        while True:
            report = await asyncio.to_thread(service.get, "reports/readiness", site="Readiness", blocked=True)
            there = await asyncio.to_thread(service.get, "reports/readiness", site="Readiness", verdict="there")
            if len(report["items"]) == 3 and there["items"]:
                break
            await asyncio.sleep(0.5)
    assert {one["station"] for one in report["items"]} == {"PLAIN-16", "FULL-16", "MUTE-201"}
    assert [one["station"] for one in there["items"]] == ["GOOD-16"]
    ran = await asyncio.to_thread(
        service.cli, "report", "readiness", "--site", "Readiness", "--csv", str(file), "--json"
    )
    assert ran.returncode == 0, ran.stderr
    rows = csv.DictReader((await asyncio.to_thread(file.read_text)).splitlines())
    assert {row["station"] for row in rows} == set(KINDS)
    assert json.loads(ran.stdout)["by_verdict"]["blocked"] == 3


# --- nothing else is sent

BOOT = {
    "1.6": {"chargePointVendor": "Acme", "chargePointModel": "One"},
    "2.0.1": {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "One"}},
    "2.1": {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "One"}},
}
ALLOWED = {
    "1.6": {"GetConfiguration", "GetInstalledCertificateIds"},
    "2.0.1": {"GetVariables", "GetReport", "GetBaseReport", "GetInstalledCertificateIds"},
    "2.1": {"GetVariables", "GetReport", "GetBaseReport", "GetInstalledCertificateIds"},
}


def answer(action: str, payload: dict[str, Any]) -> dict[str, Any] | str:
    """As a careful station would answer."""
    if action == "GetConfiguration":
        return {"configurationKey": [{"key": "SecurityProfile", "readonly": False, "value": "1"}], "unknownKey": []}
    if action == "GetVariables":
        told = [{**one, "attributeStatus": "Accepted", "attributeValue": "1"} for one in payload["getVariableData"]]
        return {"getVariableResult": told}
    return {"status": "NotFound"} if action == "GetInstalledCertificateIds" else {"status": "Accepted"}


async def heard(line: Wire, version: Version, over: asyncio.Event) -> set[str]:
    """Everything that the service asks until it is over, and a little longer."""
    actions: set[str] = set()
    while True:
        try:
            frame = await line.until(lambda one: one[0] == 2, within=1.5)
        except TimeoutError:
            if over.is_set():
                return actions
            continue
        _, number, action, payload = frame
        actions.add(action)
        await line.send_answer(number, answer(action, payload))
        if action in ("GetReport", "GetBaseReport"):
            await line.send("NotifyReport", {
                "requestId": payload["requestId"], "generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "tbc": False,
            })  # fmt: skip


@pytest.mark.parametrize("version", BOOT)
async def test_reading_first_sends_questions_and_nothing_else(shared_service: RunningService, version: Version) -> None:
    identity = f"WATCHED-{version}"
    password = await asyncio.to_thread(register, shared_service, identity, version, quiet=True)
    async with wire(shared_service, identity, version, password=password) as line:
        await line.ask("BootNotification", BOOT[version])
        over = asyncio.Event()
        listening = asyncio.create_task(heard(line, version, over))
        await read(shared_service, identity)
        over.set()
        actions = await listening
    assert "GetInstalledCertificateIds" in actions
    assert {"GetConfiguration", "GetVariables"} & actions
    assert actions <= ALLOWED[version]

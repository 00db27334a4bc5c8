"""From a CI job to sixty stations of all versions: bad ones among them, a campaign that stops, SIGKILL in the middle.

A job without a stored secret has the image signed and kept, once somebody has approved it in the console.

Issue 6: it stops at a wrong signature, a failed verification and one that never returns, is resumed by a person and
ends as planned; every good station runs the release, whatever was killed. SOAK_SEED chooses other moments.
"""

import asyncio
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from csms_bridge.simulator.config import Fault
from tests.end_to_end.ci_issuer import CiIssuer, ci_issuer
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, station
from tests.end_to_end.test_ci_signing import pending
from tests.end_to_end.test_console import signed_in

pytestmark = pytest.mark.soak

STATIONS, KILLS, WITHIN = 60, 4, 600.0
SEED = int(os.environ.get("SOAK_SEED", "6"))
VERSIONS: tuple[Version, ...] = ("1.6", "2.0.1", "2.1")
IMAGE = b"version: 2.0.0\n" + b"firmware " * 50_000
HARMED = {
    Fault.FIRMWARE_BAD_SIGNATURE: "invalid-signature",
    Fault.FIRMWARE_VERIFICATION_FAILS: "install-verification-failed",
    Fault.FIRMWARE_NEVER_RETURNS: "no-return",
}
FAILED = {
    **HARMED,
    Fault.FIRMWARE_DOWNLOAD_FAILS: "late",  # it tries four times, a minute apart, and is given less here
    Fault.FIRMWARE_WRONG_VERSION: "wrong-version",
    Fault.FIRMWARE_REFUSED: "refused",
}
FINE = (Fault.FIRMWARE_NO_END, Fault.FIRMWARE_REPEATS)


@pytest.fixture
def issuer() -> Iterator[CiIssuer]:
    with ci_issuer(life=300) as one:
        yield one


@pytest.fixture
def service(template: Path, tmp_path: Path, issuer: CiIssuer) -> Iterator[RunningService]:
    started = RunningService(Path(shutil.copytree(template, tmp_path / "data")))
    started.extra = {
        "VOLTWARD_CALL_TIMEOUT": "PT8S",
        "VOLTWARD_FIRMWARE_STEADY": "PT2S",
        "VOLTWARD_FIRMWARE_SILENCE": "PT10S",
        "VOLTWARD_FIRMWARE_VERSION_WITHIN": "PT20S",
        "VOLTWARD_FIRMWARE_RETURN_WITHIN": "PT40S",
        "VOLTWARD_FIRMWARE_END_WITHIN": "PT90S",
        "VOLTWARD_LOG_LEVEL": "warning",
        **issuer.setting("voltward", "Voltward"),
    }
    started.start()
    try:
        yield started
    finally:
        started.stop()


def fleet() -> dict[str, tuple[Version, Fault | None]]:
    """Each fault twice, but the harmful ones once, among good stations of all versions."""
    faults: list[Fault | None] = [*FAILED, *FINE, *(fault for fault in (*FAILED, *FINE) if fault not in HARMED)]
    faults += [None] * (STATIONS - len(faults))
    random.Random(SEED).shuffle(faults)  # noqa: S311 -- an order, no secret
    return {f"FW-{number:02}": (VERSIONS[number % 3], fault) for number, fault in enumerate(faults)}


async def test_it_stops_is_resumed_and_ends_as_planned(
    service: RunningService, issuer: CiIssuer, tmp_path: Path
) -> None:
    chosen = fleet()
    rows = [{"id": name, "serial": f"SN-{name}", "ocpp_version": version} for name, (version, _) in chosen.items()]
    added = await asyncio.to_thread(service.post, "stations/import", {"stations": rows})
    passwords = {one["id"]: one["password"] for one in added["items"]}
    release = await asyncio.to_thread(_release, service, issuer, tmp_path)
    async with AsyncExitStack() as lines:
        for name, (version, fault) in chosen.items():
            faults = [fault] if fault is not None else []
            await lines.enter_async_context(station(service, name, version, passwords[name], *faults))
        await _online(service, STATIONS)
        campaign = await asyncio.to_thread(_begin, service, release)
        killing = asyncio.create_task(_kill_now_and_then(service))
        reasons = await _resumed_until_it_ends(service, campaign)
        await killing
        await _check(service, campaign, chosen, reasons)
    verified = await asyncio.to_thread(service.cli, "audit", "verify", "--data", str(service.folder), "--json")
    assert verified.returncode == 0, verified.stdout


def _release(service: RunningService, issuer: CiIssuer, tmp_path: Path) -> str:
    image = tmp_path / "image.bin"
    image.write_bytes(IMAGE)
    service.post("firmware-rules", {"vendor": "Voltward", "approvals": 1})
    names = ("--vendor", "Voltward", "--model", "Simulated", "--version", "2.0.0")
    command = [sys.executable, "-m", "web.cli", "firmware", "sign", str(image), *names]
    command += ["--oidc-github", "voltward", "--upload", "--wait"]
    job_has = {**service.environment, **issuer.job, "VOLTWARD_URL": service.url, "PATH": os.environ["PATH"]}
    with subprocess.Popen(command, env=job_has, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as job:
        waiting = pending(service)
        with signed_in(service) as console:
            shown = console.get(f"/firmware/{waiting}/show").text
            fields = {"form_token": re.findall(r'name="form_token" value="([^"]+)"', shown)[0], "note": "SBOM read"}
            assert console.post(f"/firmware/{waiting}/approve", data=fields).status_code == 303
        _, told = job.communicate(timeout=60)
    assert job.returncode == 0, told
    return waiting


def _begin(service: RunningService, release: str) -> str:
    asked = {
        "name": "soak", "kind": "firmware", "release": release, "selection": {"everything": True},
        "pace": {"waves": ["5", "20%"], "in_flight": 20, "errors": 100, "success": 0, "at_any_hour": True,
                 "retries": ["failed=2@5s", "late=2@5s"], "absent_for": "2m", "until": "4m", "site_share": 100},
    }  # fmt: skip
    made = service.post("campaigns", asked)
    assert made["preview"]["taken"] == STATIONS
    service.post(f"campaigns/{made['id']}/start", {})
    return str(made["id"])


async def _kill_now_and_then(service: RunningService) -> None:
    moments = random.Random(SEED)  # noqa: S311 -- moments, no secret
    for _ in range(KILLS):
        await asyncio.sleep(moments.uniform(4, 15))
        await asyncio.to_thread(service.kill)
        await asyncio.to_thread(service.start)


async def _resumed_until_it_ends(service: RunningService, campaign: str) -> list[str]:
    """Why it was paused, each time; a person has a look and lets it go on."""
    reasons: list[str] = []
    async with asyncio.timeout(WITHIN):
        while True:
            seen = await _get(service, f"campaigns/{campaign}")
            if seen is not None and seen["state"] == "paused":
                reasons.append(seen["reason"])
                await _post(service, f"campaigns/{campaign}/resume", {"reason": "looked at"})
            elif seen is not None and seen["state"] != "running":
                assert seen["state"] == "done", seen["reason"]
                return reasons
            await asyncio.sleep(1)


async def _check(
    service: RunningService, campaign: str, chosen: dict[str, tuple[Version, Fault | None]], reasons: list[str]
) -> None:
    targets = (await asyncio.to_thread(service.get, f"campaigns/{campaign}/targets", limit=1000))["items"]
    wrong = []
    for target in targets:
        _, fault = chosen[target["station"]]
        cause = FAILED.get(fault) if fault is not None else None
        told = (await asyncio.to_thread(service.get, f"stations/{target['station']}"))["firmware"]
        fits = cause in target["reason"] if cause else (target["state"], told) == ("done", "2.0.0")
        if not fits:
            wrong.append((target["station"], fault, target["state"], target["reason"], told))
    assert not wrong, wrong
    told = " ".join(reasons)
    assert all(cause in told for cause in HARMED.values()), reasons


async def _online(service: RunningService, count: int) -> None:
    async with asyncio.timeout(120):
        while True:
            found = await asyncio.to_thread(service.get, "stations", limit=1000)
            if sum(one["online"] and bool(one["firmware"]) for one in found["items"]) >= count:
                return
            await asyncio.sleep(1)


async def _get(service: RunningService, path: str) -> dict[str, Any] | None:
    """None while the service is dead."""
    try:
        found: dict[str, Any] = await asyncio.to_thread(service.get, path)
    except Exception:  # it is being killed, or has just begun
        return None
    return found


async def _post(service: RunningService, path: str, body: dict[str, str]) -> None:
    try:
        await asyncio.to_thread(service.post, path, body)
    except Exception:  # the next round tries again
        return

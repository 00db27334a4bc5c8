"""Signed images on stations of every version, over real sockets (L01; TC_080, TC_L_01, TC_L_06 … TC_L_10)."""

import asyncio
import hashlib
import json
from typing import Any

import pytest

from csms_bridge.simulator.config import Fault
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station
from tests.end_to_end.test_password_rotation import online
from tests.end_to_end.test_simulated_station_files import IMAGE, FileServer, files

__all__ = ["files"]

pytestmark = pytest.mark.end_to_end


def signed(service: RunningService, version: str, scheme: str = "ecdsa-sha256") -> dict[str, Any]:
    names = {"vendor": "Voltward", "model": "Simulated", "version": version, "scheme": scheme}
    found: dict[str, Any] = service.post("firmware", {**names, "digest": hashlib.sha256(IMAGE).hexdigest()})
    return found


def install(service: RunningService, firmware: str, identity: str, url: str, *more: str) -> tuple[int, dict[str, Any]]:
    ran = service.cli(
        "firmware", "install", firmware, "--station", identity, "--location", url, "--retries", "0", "--wait",
        "--within", "40", "--json", *more,
    )  # fmt: skip
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_signed_image_is_installed_and_proved(
    shared_service: RunningService, files: FileServer, version: Version
) -> None:
    service, identity = shared_service, f"FW-{version}"
    firmware = await asyncio.to_thread(signed, service, "2.0.0")
    password = await asyncio.to_thread(register, service, identity, version)
    async with station(service, identity, version, password):
        await online(service, identity)
        url = f"{files.url}/Simulated-2.0.0.bin"
        code, update = await asyncio.to_thread(install, service, firmware["id"], identity, url)
    assert (code, update["state"], update["seen"], update["verified"]) == (0, "done", "2.0.0", True), update
    assert service.get(f"stations/{identity}")["firmware"] == "2.0.0"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.FIRMWARE_BAD_SIGNATURE, "invalid-signature"),
        (Fault.FIRMWARE_DOWNLOAD_FAILS, "download-failed"),
        (Fault.FIRMWARE_VERIFICATION_FAILS, "install-verification-failed"),
        (Fault.FIRMWARE_INSTALLATION_FAILS, "installation-failed"),
        (Fault.FIRMWARE_REVOKED, "revoked-certificate"),
        (Fault.FIRMWARE_REFUSED, "refused"),
        (Fault.REFUSE_ROOT, "invalid-certificate"),
    ],
)
async def test_each_failure_is_told_by_its_cause(
    shared_service: RunningService, files: FileServer, fault: Fault, cause: str
) -> None:
    service, identity = shared_service, f"FW-{fault}"
    firmware = await asyncio.to_thread(signed, service, "2.0.0")
    password = await asyncio.to_thread(register, service, identity, "2.0.1")
    async with station(service, identity, "2.0.1", password, fault):
        await online(service, identity)
        code, update = await asyncio.to_thread(install, service, firmware["id"], identity, f"{files.url}/x-2.0.0.bin")
    assert (code, update["state"], update["cause"]) == (1, "failed", cause), update


async def test_one_that_repeats_itself_and_never_says_installed_is_done_by_its_version(
    shared_service: RunningService, files: FileServer
) -> None:
    """station-quirks 10."""
    service, identity = shared_service, "FW-NO-END"
    firmware = await asyncio.to_thread(signed, service, "2.0.0")
    password = await asyncio.to_thread(register, service, identity, "1.6")
    async with station(service, identity, "1.6", password, Fault.FIRMWARE_NO_END, Fault.FIRMWARE_REPEATS):
        await online(service, identity)
        code, update = await asyncio.to_thread(install, service, firmware["id"], identity, f"{files.url}/x-2.0.0.bin")
    assert (code, update["state"], update["told"]) == (0, "done", "InstallRebooting"), update

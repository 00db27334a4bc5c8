"""From `firmware sign --upload` to the station that fetches the image from us, over HTTPS and plain HTTP."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running_service import RunningService, free_ports
from tests.end_to_end.stations import Version, register, station
from tests.end_to_end.test_password_rotation import online
from tests.end_to_end.test_rollover import until

pytestmark = pytest.mark.end_to_end
IMAGE = b"version: 3.1.4\n" + b"firmware " * 400_000  # 3.6 MB


@pytest.fixture(scope="module")
def publishing(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service whose stations fetch images by HTTPS from its TLS web port."""
    service = RunningService(Path(shutil.copytree(template, tmp_path_factory.mktemp("publishing") / "data")))
    (tls,) = free_ports(1)
    service.extra = {
        "VOLTWARD_WEB_TLS_PORT": str(tls),
        "VOLTWARD_WEB_TLS_HOST": "127.0.0.1",
        "VOLTWARD_FIRMWARE_URL": f"https://localhost:{tls}",
    }
    service.start()
    service.get("overview")
    yield service
    service.stop()


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_signed_uploaded_installed_and_proved(
    publishing: RunningService, tmp_path: Path, version: Version
) -> None:
    service, identity = publishing, f"PUB-{version}"
    image = tmp_path / "image.bin"
    image.write_bytes(IMAGE)
    names = ("--vendor", "Voltward", "--model", "Simulated", "--version", "3.1.4")
    signed = await asyncio.to_thread(service.cli, "firmware", "sign", str(image), *names, "--upload", "--json")
    assert signed.returncode == 0, signed.stderr
    firmware = json.loads(signed.stdout)["id"]
    password = await asyncio.to_thread(register, service, identity, version)
    async with station(service, identity, version, password, roots=(service.root_pem(),)):
        await online(service, identity)
        install = ("firmware", "install", firmware, "--station", identity, "--wait", "--within", "30", "--json")
        ran = await asyncio.to_thread(service.cli, *install)
    update = json.loads(ran.stdout)
    assert (ran.returncode, update["state"], update["seen"]) == (0, "done", "3.1.4"), update
    sent = await until(lambda: asked(service, identity), lambda one: "/firmware/•••/Simulated-3.1.4.bin" in one)
    assert f"https://localhost:{service.extra['VOLTWARD_WEB_TLS_PORT']}/firmware/" in sent


def asked(service: RunningService, identity: str) -> str:
    """What the console shows of the requests to update."""
    items = service.get(f"stations/{identity}/messages")["items"]
    return json.dumps([one for one in items if "UpdateFirmware" in one["action"]], ensure_ascii=False)


async def test_another_file_than_was_signed_is_refused(publishing: RunningService, tmp_path: Path) -> None:
    image, other = tmp_path / "image.bin", tmp_path / "other.bin"
    image.write_bytes(b"one" * 1000)
    other.write_bytes(b"two" * 1000)
    names = ("--vendor", "Voltward", "--model", "Simulated", "--version", "9")
    signed = await asyncio.to_thread(publishing.cli, "firmware", "sign", str(image), *names, "--json")
    firmware = json.loads(signed.stdout)["id"]
    ran = await asyncio.to_thread(publishing.cli, "firmware", "upload", firmware, str(other))
    assert (ran.returncode, "the order is for" in ran.stderr) == (2, True), ran.stderr
    shown = await asyncio.to_thread(publishing.cli, "firmware", "image", firmware, "--json")
    assert (json.loads(shown.stdout)["kept"], json.loads(shown.stdout)["received"]) == (False, 0)


async def test_a_campaign_takes_stations_from_16_to_201(publishing: RunningService, tmp_path: Path) -> None:
    """Firmware that changes the version: the same identity, expected on the new version, done when it is back well."""
    service, image = publishing, tmp_path / "image.bin"
    image.write_bytes(b"version: 4.0.0\nocpp: 2.0.1\n" + b"firmware " * 1000)
    names = ("--vendor", "Voltward", "--model", "Simulated", "--version", "4.0.0")
    signed = await asyncio.to_thread(service.cli, "firmware", "sign", str(image), *names, "--upload", "--json")
    firmware = json.loads(signed.stdout)["id"]
    password = await asyncio.to_thread(register, service, "PUB-M", "1.6")
    async with station(service, "PUB-M", "1.6", password, roots=(service.root_pem(),)):
        await online(service, "PUB-M")
        create = (
            "campaign", "create", "--kind", "firmware", "--release", firmware, "--station", "PUB-M",
            "--to-ocpp", "2.0.1", "--now", "--start", "--wait", "--json",
        )  # fmt: skip
        ran = await asyncio.to_thread(service.cli, *create)
        target = service.get(f"campaigns/{json.loads(ran.stdout)['id']}/targets")["items"][0]
        assert (ran.returncode, target["state"]) == (0, "done"), (ran.stderr, target)
        shown = service.get("stations/PUB-M")
    assert (shown["ocpp_version"], shown["firmware"]) == ("2.0.1", "4.0.0")

"""What stations say of themselves, over real sockets: read in small questions, compared, and kept without secrets."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from csms_bridge.simulator.config import Fault
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station

pytestmark = pytest.mark.end_to_end
VERSIONS: tuple[Version, ...] = ("1.6", "2.0.1", "2.1")


@pytest.fixture(scope="module")
def eager_service(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that reads stations a second after they came."""
    service = RunningService(Path(shutil.copytree(template, tmp_path_factory.mktemp("eager") / "data")))
    service.extra |= {"VOLTWARD_SETTINGS_PAUSE": "PT1S", "VOLTWARD_VARIABLES_PER_STATION": "200"}
    service.start()
    try:
        yield service
    finally:
        service.stop()


@asynccontextmanager
async def met(
    service: RunningService, identity: str, version: Version, *faults: Fault, **more: Any
) -> AsyncIterator[str]:
    """A station that dials with its password, which is given."""
    password = await asyncio.to_thread(register, service, identity, version, **more)
    assert password is not None
    async with station(service, identity, version, password, *faults):
        yield password


async def posture_once_read(service: RunningService, identity: str) -> dict[str, Any]:
    """The posture when a reading has ended."""
    async with asyncio.timeout(40):
        while True:
            found: dict[str, Any] = await asyncio.to_thread(service.get, f"stations/{identity}/posture")
            if found["reading"]["ended_at"] and not found["reading"]["under_way"] and not found["reading"]["asked_at"]:
                return found
            await asyncio.sleep(0.2)


async def refreshed(service: RunningService, identity: str, *options: str) -> dict[str, Any]:
    ran = await asyncio.to_thread(service.cli, "station", "posture", identity, "--refresh", *options, "--json")
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def configured(posture: dict[str, Any]) -> dict[str, str | None]:
    return {one["name"]: one["value"] for one in posture["configured"]}


def kinds(posture: dict[str, Any]) -> set[str]:
    return {difference["kind"] for difference in posture["differences"]}


async def messages(service: RunningService, identity: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await asyncio.to_thread(service.get, f"stations/{identity}/messages"))["items"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_is_read_by_itself_after_its_first_boot(
    eager_service: RunningService, version: Version
) -> None:
    async with met(eager_service, f"READ-{version}", version):
        posture = await posture_once_read(eager_service, f"READ-{version}")
    reading = posture["reading"]
    assert (reading["outcome"], reading["words"], reading["why"]) == ("whole", "", "they had never been read")
    assert configured(posture)["SecurityProfile" if version == "1.6" else "SecurityCtrlr.SecurityProfile"] == "1"
    assert kinds(posture) == {"operator-name"}
    assert abs(posture["clock"]["offset"]) < 60
    assert posture["variables"] > 10


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_password_that_a_station_tells_is_nowhere(eager_service: RunningService, version: Version) -> None:
    """Reference, station-quirks 18."""
    identity = f"TELLS-{version}"
    async with met(eager_service, identity, version, Fault.REVEALS_PASSWORD) as password:
        await posture_once_read(eager_service, identity)
        posture = await refreshed(eager_service, identity, "--everything")
        told = await messages(eager_service, identity)
    assert "reveals-a-secret" in kinds(posture)
    variables = await asyncio.to_thread(eager_service.get, f"stations/{identity}/variables", limit=1000)
    name = "AuthorizationKey" if version == "1.6" else "SecurityCtrlr.BasicAuthPassword"
    (secret,) = [one for one in variables["items"] if one["name"] == name]
    assert (secret["value"], secret["words"]) == (None, "a secret, not kept")
    assert any(name.rpartition(".")[2] in json.dumps(one["payload"]) for one in told)
    kept = json.dumps([posture, variables, told]) + eager_service.log.read_text()
    for folder in (eager_service.folder, eager_service.folder.parent):
        kept += "".join(file.read_bytes().decode("latin-1") for file in folder.glob("voltward.db*"))
    assert password not in kept
    assert password.encode().hex() not in kept


async def test_a_quiet_station_is_sent_nothing_until_somebody_asks(eager_service: RunningService) -> None:
    """Reference §8.5.28: an unsolicited GetConfiguration makes certification cases fail."""
    async with met(eager_service, "QUIET-1", "1.6", quiet=True):
        async with met(eager_service, "LOUD-1", "1.6"):
            await posture_once_read(eager_service, "LOUD-1")
        assert [one for one in await messages(eager_service, "QUIET-1") if one["kind"] == "call" and one["direction"]
                == "out"] == []  # fmt: skip
        posture = await refreshed(eager_service, "QUIET-1")
    assert configured(posture)["SecurityProfile"] == "1"


async def test_a_station_without_the_security_extension_is_known_as_such(eager_service: RunningService) -> None:
    """Reference §8.5.33 and §7.8: the probe ends cleanly."""
    async with met(eager_service, "PLAIN-1", "1.6", Fault.NO_SECURITY_EXTENSION):
        posture = await posture_once_read(eager_service, "PLAIN-1")
    assert posture["reading"]["security_extension"] is False
    assert "no-security-extension" in kinds(posture)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_that_tells_no_settings_is_not_asked_again_and_again(
    eager_service: RunningService, version: Version
) -> None:
    identity = f"MUTE-{version}"
    async with met(eager_service, identity, version, Fault.NO_SETTINGS):
        posture = await posture_once_read(eager_service, identity)
        await asyncio.sleep(3)
        asked = [one for one in await messages(eager_service, identity) if one["direction"] == "out"]
    assert posture["reading"]["outcome"] == "part"
    assert "NotSupported" in posture["reading"]["words"]
    assert len([one for one in asked if one["kind"] == "call"]) == 1


async def test_a_station_that_takes_small_questions_only_is_read_all_the_same(eager_service: RunningService) -> None:
    async with met(eager_service, "SMALL-1", "2.1", Fault.SMALL_QUESTIONS):
        posture = await posture_once_read(eager_service, "SMALL-1")
    assert posture["reading"]["outcome"] == "whole"
    assert configured(posture)["SecurityCtrlr.SecurityProfile"] == "1"


@pytest.mark.parametrize(
    ("fault", "words"), [(Fault.LOST_PART, "part"), (Fault.ENDLESS_REPORT, "longer than what is kept")]
)
async def test_a_bad_report_is_told_and_the_station_lives_on(
    eager_service: RunningService, fault: Fault, words: str
) -> None:
    identity = f"REPORT-{fault}"
    async with met(eager_service, identity, "2.0.1", fault):
        posture = await posture_once_read(eager_service, identity)
        shown = await asyncio.to_thread(eager_service.get, f"stations/{identity}")
    assert shown["online"]
    assert posture["reading"]["outcome"] == "part"
    assert words in posture["reading"]["report"]
    assert posture["variables"] <= 200


async def test_a_slow_clock_is_found_in_the_fleet(eager_service: RunningService) -> None:
    async with met(eager_service, "SLOW-1", "2.1", Fault.SLOW_CLOCK):
        posture = await posture_once_read(eager_service, "SLOW-1")
        assert posture["clock"]["words"].startswith("3 h")
        assert posture["clock"]["beyond"]
        async with asyncio.timeout(10):
            while True:
                report = await asyncio.to_thread(eager_service.get, "reports/posture", kind="clock")
                if report["items"]:
                    break
                await asyncio.sleep(0.2)
    assert [one["station"] for one in report["items"]] == ["SLOW-1"]
    assert report["by_kind"]["clock"] == 1
    listed = await asyncio.to_thread(eager_service.cli, "station", "differences", "--kind", "clock")
    assert "SLOW-1" in listed.stdout

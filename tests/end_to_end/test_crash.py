"""The service is killed in the middle of walks; what it had written down is enough to end them well."""

import asyncio

import pytest

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station, walk_until

pytestmark = pytest.mark.end_to_end

MOMENTS: list[tuple[Version, float]] = [("1.6", 3.0), ("2.0.1", 5.0), ("2.1", 7.0)]


async def test_walks_end_well_after_sigkill(service: RunningService) -> None:
    stations = {}
    for version, _ in MOMENTS:
        stations[version] = await asyncio.to_thread(register, service, f"KILL-{version}", version)
    async with (
        station(service, "KILL-1.6", "1.6", stations["1.6"]),
        station(service, "KILL-2.0.1", "2.0.1", stations["2.0.1"]),
        station(service, "KILL-2.1", "2.1", stations["2.1"]),
    ):
        walks = [
            (await asyncio.to_thread(service.post, "walks", {"station": f"KILL-{version}", "to": 3}))["id"]
            for version, _ in MOMENTS
        ]
        for _, moment in MOMENTS:
            await asyncio.sleep(moment - MOMENTS[0][1] + 3)
            await asyncio.to_thread(service.kill)
            await asyncio.to_thread(service.start)
        for walk in walks:
            ended = await walk_until(service, walk, "done", "held", within=180)
            assert ended["state"] == "done", ended
    verified = await asyncio.to_thread(service.cli, "audit", "verify", "--data", str(service.folder), "--json")
    assert verified.returncode == 0, verified.stdout


def test_a_second_process_over_the_same_folder_is_refused(service: RunningService) -> None:
    """It would take the first one's connections for lost."""
    second = RunningService(service.folder)
    ran = second.cli("serve", "--data", str(service.folder))
    assert ran.returncode == 1
    assert "another process serves" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert service.get("overview")["total"] == 0

"""The rehearsal of a root's roll-over with a hundred stations, to its end and back from its last step but one."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.rehearsal import QUICK, clear, fleet_of, rehearse
from tests.end_to_end.running_service import RunningService

pytestmark = pytest.mark.soak


@pytest.fixture
def service(template: Path, tmp_path: Path) -> Iterator[RunningService]:
    service = RunningService(Path(shutil.copytree(template, tmp_path / "data")))
    service.extra.update(QUICK)
    service.start()
    yield service
    service.stop()


async def test_a_hundred_stations_seven_of_which_refuse(service: RunningService) -> None:
    """After a restart only who trusts the new root comes; a step back brings the others home; then the old one goes."""
    async with fleet_of(service, 100, 7) as fleet:
        plan = await rehearse(fleet, within=300)
        able = [name for name in fleet.names if name not in fleet.refusing]
        await asyncio.to_thread(service.stop)
        await asyncio.to_thread(service.start)
        await fleet.all_online(able, 180)
        await fleet.until(lambda seen: seen["standing"]["proven"] == len(able), plan, 60)
        assert (await fleet.post(f"/{plan}/back", reason="seven are dark"))[1]["step"] == "switch"
        await fleet.all_online(fleet.names, 180)
        await fleet.advance(plan, "confirm connected")
        await fleet.advance(plan, "remove old")
        await clear(fleet, plan, 300)
        assert set(able) <= set(await fleet.online())

"""A root is rolled over a fleet that is on line: the planner stops by name, and nobody's connection is lost."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.rehearsal import QUICK, clear, fleet_of, foreseen, rehearse
from tests.end_to_end.running_service import RunningService

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def quick_service(template: Path, tmp_path: Path) -> Iterator[RunningService]:
    service = RunningService(Path(shutil.copytree(template, tmp_path / "data")))
    service.extra.update(QUICK)
    service.start()
    yield service
    service.stop()


async def test_the_planner_names_who_refuses_and_what_was_foreseen_happens(quick_service: RunningService) -> None:
    """Six stations, two of which refuse the new root; tests/soak has a hundred."""
    async with fleet_of(quick_service, 6, 2) as fleet:
        plan = await rehearse(fleet, within=90)
        able = [name for name in fleet.names if name not in fleet.refusing]
        assert await foreseen(fleet, change="server-chain", root="root-2") == {"safe": able, "loses": fleet.refusing}
        await asyncio.to_thread(quick_service.stop)
        await asyncio.to_thread(quick_service.start)
        await fleet.all_online(able)
        await fleet.until(lambda seen: seen["standing"]["proven"] == len(able), plan, 60)
        await fleet.advance(plan, "remove old")
        await clear(fleet, plan, 60)
        assert await fleet.online() == able

"""A root is rolled over a fleet that is on line: the planner stops by name, and nobody's connection is lost."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.rehearsal import QUICK, fleet_of, rehearse
from tests.end_to_end.running_service import RunningService

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def quick_service(template: Path, tmp_path: Path) -> Iterator[RunningService]:
    service = RunningService(Path(shutil.copytree(template, tmp_path / "data")))
    service.extra.update(QUICK)
    service.start()
    yield service
    service.stop()


async def test_the_planner_names_who_refuses_and_goes_on_without_them(quick_service: RunningService) -> None:
    """Twenty stations, three of which refuse the new root; tests/soak has a hundred."""
    async with fleet_of(quick_service, 20, 3) as fleet:
        await rehearse(fleet, within=90)

"""The template's data folder is copied for each test that changes it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running_service import RunningService, running


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "data"))


@pytest.fixture
def service(folder: Path) -> Iterator[RunningService]:
    with running(folder) as started:
        yield started


@pytest.fixture(scope="module")
def shared_service(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """For tests that only add to it."""
    with running(Path(shutil.copytree(template, tmp_path_factory.mktemp("shared") / "data"))) as started:
        yield started

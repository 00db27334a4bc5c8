"""A room in which the roll-over of a root is prepared."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.csms_bridge.room import SetClock, SigningRoom
from tests.csms_bridge.trust.trusting import successor


@pytest.fixture(scope="session")
def with_successor(established: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A successor of the root, made once: its authorities and their first lists take a second."""
    folder = tmp_path_factory.mktemp("prepared") / "data"
    shutil.copytree(established, folder)
    room = SigningRoom(folder, SetClock())
    successor(room)
    room.store.close()
    return folder


@pytest.fixture
def prepared_room(with_successor: Path, tmp_path: Path, clock: SetClock) -> Iterator[SigningRoom]:
    """`root-2` is prepared beside `root`."""
    folder = tmp_path / "data"
    shutil.copytree(with_successor, folder)
    room = SigningRoom(folder, clock)
    yield room
    room.store.close()

"""A room in which the roll-over of a root is prepared."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pki.store import Store
from tests.csms_bridge.databases import POSTGRESQL, rows_of
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
def prepared_room(
    with_successor: Path, tmp_path: Path, clock: SetClock, database: str, request: pytest.FixtureRequest
) -> Iterator[SigningRoom]:
    """`root-2` is prepared beside `root`."""
    folder, store = tmp_path / "data", None
    shutil.copytree(with_successor, folder)
    if database == POSTGRESQL:
        kinds, kept = request.getfixturevalue("postgres_kinds"), f"sqlite:///{folder}/voltward.db"
        store = kinds.store("prepared", lambda: rows_of(Store(kept)))
    room = SigningRoom(folder, clock, store)
    yield room
    room.store.close()

"""One hierarchy and one empty database per test run, copied for each test: every test starts clean and none waits."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import SQLModel

import pki.tables  # noqa: F401 -- both modules put their tables into the metadata
from pki.keystore import KeyStore
from pki.store import Store
from tests.csms_bridge.room import PASSPHRASE, Room, SetClock, SigningRoom


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "voltward.db"
    store = Store(f"sqlite:///{path}")
    SQLModel.metadata.create_all(store.engine)
    store.close()
    return path


@pytest.fixture(scope="session")
def established(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A data folder with the hierarchy and the server certificates in it: RSA keys are slow to make."""
    folder = tmp_path_factory.mktemp("established") / "data"
    folder.mkdir()
    shutil.copy(empty_database, folder / "voltward.db")
    KeyStore.create(folder / "keys", PASSPHRASE, scrypt_cost=2**4)
    room = SigningRoom(folder, SetClock())
    room.authority.establish("operator")
    room.authority.server_credentials()
    room.store.close()
    return folder


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def room(empty_database: Path, tmp_path: Path, clock: SetClock) -> Iterator[Room]:
    path = tmp_path / "voltward.db"
    shutil.copy(empty_database, path)
    room = Room(Store(f"sqlite:///{path}"), clock)
    yield room
    room.store.close()


@pytest.fixture
def signing_room(established: Path, tmp_path: Path, clock: SetClock) -> Iterator[SigningRoom]:
    folder = tmp_path / "data"
    shutil.copytree(established, folder)
    room = SigningRoom(folder, clock)
    yield room
    room.store.close()


@pytest.fixture
def empty_room(empty_database: Path, tmp_path: Path) -> Iterator[Callable[[], Room]]:
    """Makes a room of its own for each example of a property."""
    rooms: list[Room] = []

    def make() -> Room:
        path = tmp_path / f"voltward-{len(rooms)}.db"
        shutil.copy(empty_database, path)
        rooms.append(Room(Store(f"sqlite:///{path}"), SetClock()))
        return rooms[-1]

    yield make
    for room in rooms:
        room.store.close()

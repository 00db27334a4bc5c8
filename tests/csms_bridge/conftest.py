"""One hierarchy and one empty database per test run, copied for each test: every test starts clean and none waits."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import SQLModel

import pki.tables  # noqa: F401 -- both modules put their tables into the metadata
from pki.keystore import KeyStore
from pki.store import Store
from tests.csms_bridge.databases import POSTGRESQL, SQLITE, PostgresKinds, nothing, on_both, rows_of
from tests.csms_bridge.room import PASSPHRASE, Room, SetClock, SigningRoom
from tests.end_to_end.postgres import running_postgres


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    on_both(metafunc)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Which database a test is over."""
    return str(getattr(request, "param", SQLITE))


@pytest.fixture(scope="session")
def postgres_kinds() -> Iterator[PostgresKinds]:
    with running_postgres() as server:
        yield PostgresKinds(server)


@pytest.fixture
def room(
    empty_database: Path, tmp_path: Path, clock: SetClock, database: str, request: pytest.FixtureRequest
) -> Iterator[Room]:
    if database == POSTGRESQL:
        store = request.getfixturevalue("postgres_kinds").store("empty", nothing)
    else:
        path = tmp_path / "voltward.db"
        shutil.copy(empty_database, path)
        store = Store(f"sqlite:///{path}")
    room = Room(store, clock)
    yield room
    room.store.close()


@pytest.fixture
def signing_room(
    established: Path, tmp_path: Path, clock: SetClock, database: str, request: pytest.FixtureRequest
) -> Iterator[SigningRoom]:
    folder, store = tmp_path / "data", None
    shutil.copytree(established, folder)
    if database == POSTGRESQL:
        kinds, kept = request.getfixturevalue("postgres_kinds"), f"sqlite:///{folder}/voltward.db"
        store = kinds.store("established", lambda: rows_of(Store(kept)))
    room = SigningRoom(folder, clock, store)
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

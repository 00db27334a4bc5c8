"""A node's name over PostgreSQL: held by one process, and free again when that ends."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from pki.store import Store
from tests.end_to_end.postgres import needs_postgresql, running_postgres
from web.errors import NodeServed
from web.node_name import NodeName, holding

pytestmark = [pytest.mark.end_to_end, needs_postgresql]
QUICK = {"patience": 0.0, "every": 0.02}


@pytest.fixture(scope="module")
def stores() -> Iterator[tuple[Store, Store]]:
    """Two processes on one database."""
    with running_postgres() as server:
        url = server.new_database("names").replace("postgresql://", "postgresql+psycopg://")
        both = Store(url), Store(url)
        yield both
        for store in both:
            store.close()


async def test_the_second_of_a_name_is_refused_in_words(stores: tuple[Store, Store]) -> None:
    stop = asyncio.Event()
    async with holding(stores[0], "main", stop, **QUICK):
        with pytest.raises(NodeServed, match="as the node 'main' on this database already"):
            async with holding(stores[1], "main", stop, **QUICK):
                pass
        async with holding(stores[1], "second", stop, **QUICK):
            pass
    async with holding(stores[1], "main", stop, **QUICK):
        assert not stop.is_set()


async def test_who_is_restarted_waits_for_the_one_before(stores: tuple[Store, Store]) -> None:
    before = NodeName(stores[0], "main")
    before.take()
    asyncio.get_running_loop().call_later(0.2, before.drop)
    async with holding(stores[1], "main", asyncio.Event(), patience=10):
        pass


async def test_a_lost_connection_takes_the_name_again_or_stops(stores: tuple[Store, Store]) -> None:
    """A restart of the database ends every connection, and the locks with them."""
    stop, other = asyncio.Event(), NodeName(stores[1], "main")
    async with holding(stores[0], "main", stop, **QUICK):
        _end_the_other_lines(stores[1])
        await _until_held(stores[1])
        assert not stop.is_set()
        with pytest.raises(NodeServed):
            other.take()
        _be_faster(stores[1], other)
        async with asyncio.timeout(10):
            await stop.wait()
    other.drop()


def test_sqlite_has_the_lock_of_its_folder(tmp_path: Path) -> None:
    """Nothing is asked of a database that is one folder."""

    async def twice() -> None:
        store = Store(f"sqlite:///{tmp_path}/one.db")
        async with holding(store, "main", asyncio.Event()), holding(store, "main", asyncio.Event()):
            pass
        store.close()

    asyncio.run(twice())


async def _until_held(store: Store) -> None:
    async with asyncio.timeout(10):
        while True:
            if _is_held(store):
                return
            await asyncio.sleep(0.01)


def _is_held(store: Store) -> bool:
    with store.engine.connect() as line:
        return bool(line.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).scalar_one())


def _end_the_other_lines(store: Store) -> None:
    """As a restart does; back when they have ended."""
    ended = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    with store.engine.connect() as line:
        line.execute(text(f"{ended} WHERE datname = current_database() AND pid <> pg_backend_pid()"))


def _be_faster(store: Store, other: NodeName) -> None:
    """The other process has the name before the first one has noticed."""
    for _ in range(100):
        _end_the_other_lines(store)
        try:
            other.take()
        except NodeServed:
            continue
        return
    raise AssertionError("the first one was always faster")

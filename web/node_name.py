"""One process serves stations under a node's name: two of the same name would take each other's lines for their own.

On PostgreSQL the name is held by an advisory lock of one connection, which goes with the process, however that ends.
When that connection breaks, as with a restart of the database, the lock is taken again; a process that finds it
taken by another one stops. SQLite is one folder, whose own lock does the same (`serve._alone`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from pki.store import Store
from web.errors import NodeServed

_LOG = structlog.get_logger(__name__)
PATIENCE = 5.0
"""Seconds that a process waits at its start for one of the same name to be gone: one is restarted by the other."""
_EVERY = 5.0
_TAKE = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")


class NodeName:
    """The name, held or not. Not for several threads at once."""

    def __init__(self, store: Store, node: str) -> None:
        self._engine = store.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._node = node
        self._line: Connection | None = None

    def take(self) -> None:
        """Take the name, on a connection of its own. Raises NodeServed when another process holds it."""
        line = self._engine.connect()
        try:
            if not line.execute(_TAKE, {"name": f"voltward-node:{self._node}"}).scalar_one():
                raise NodeServed(self._node)
        except BaseException:
            line.close()
            raise
        self._line = line

    def is_held(self) -> bool:
        """Whether the connection, and the lock with it, is there still."""
        try:
            if self._line is not None:
                self._line.execute(text("SELECT 1"))
        except DBAPIError:
            self.drop()
        return self._line is not None

    def drop(self) -> None:
        """Give the name up."""
        line, self._line = self._line, None
        if line is not None:
            if not line.invalidated:  # said, since the database notices late that a connection is gone
                with contextlib.suppress(DBAPIError):
                    line.execute(text("SELECT pg_advisory_unlock_all()"))
            line.invalidate()
            line.close()


@contextlib.asynccontextmanager
async def holding(
    store: Store, node: str, stop: asyncio.Event, patience: float = PATIENCE, every: float = _EVERY
) -> AsyncIterator[None]:
    """Hold the name for the length of the block; `stop` is set when it is lost to another process.

    Raises NodeServed when another process holds it for longer than `patience` (seconds).
    """
    if store.engine.dialect.name != "postgresql":
        yield
        return
    name = NodeName(store, node)
    await _taken(name, patience)
    keeping = asyncio.create_task(_keep(name, stop, every))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await asyncio.to_thread(name.drop)


async def _taken(name: NodeName, patience: float) -> None:
    running = asyncio.get_running_loop()
    end = running.time() + patience
    while True:
        try:
            await asyncio.to_thread(name.take)
        except NodeServed:
            if running.time() >= end:
                raise
            await asyncio.sleep(min(0.5, patience))
        else:
            return


async def _keep(name: NodeName, stop: asyncio.Event, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            if not await asyncio.to_thread(name.is_held):
                await asyncio.to_thread(name.take)
        except NodeServed as lost:
            _LOG.critical("node_name_lost", why=lost.sentence)
            stop.set()
            return
        except DBAPIError:  # the database is away: nobody else can take the name meanwhile
            _LOG.warning("node_name_not_held")

"""The database: SQLite by default, PostgreSQL beyond one node. Transactions are explicit, times are UTC."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, event, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, create_engine

from pki.shared_commits import SharedCommits

_WRITING = "voltward_writing"
_AT_THE_END = "voltward_at_the_end"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in, aware UTC out. SQLite has no zones, so the zone is taken off and put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database. Raises ValueError for a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not reach the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Store:
    """One database. Thread-safe; several processes may share one SQLite file.

    `url` is `sqlite:////absolute/path.db` or `postgresql+psycopg://…`.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        is_sqlite = self.engine.dialect.name == "sqlite"
        self._write_engine = self.engine.execution_options(**{_WRITING: True})
        # One snapshot for the whole block, else a trail that grows while it is verified looks broken.
        snapshot = {} if is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._read_engine = self.engine.execution_options(**snapshot)
        self._shared = SharedCommits(self._write_engine) if is_sqlite else None

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One write transaction: committed at the end, rolled back when the block raises.

        Objects stay readable after the commit. Blocks must not be nested and must not span an `await`.
        On SQLite the write lock is taken at once (BEGIN IMMEDIATE), so what is read here cannot change; several blocks
        may share a commit (`pki.shared_commits`), so a block must wait for nothing but the database.
        """
        with self._transaction() as session:
            yield session
            session.flush()
            for work in session.info.pop(_AT_THE_END, {}).values():
                work()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        if self._shared is not None:  # threads queue there in order; SQLite's own busy wait would poll and starve some
            with self._shared.part() as session:
                yield session
        else:
            with Session(self._write_engine, expire_on_commit=False) as session, session.begin():
                yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view for reading. Nothing done in it is kept; what was read stays readable."""
        with Session(self._read_engine, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Close all connections. The store may not be used afterwards."""
        self.engine.dispose()


def at_the_end(session: Session, name: str, work: Callable[[], None]) -> None:
    """Do `work` as the last thing before the commit of this write transaction, once for each `name`.

    For locks that everybody takes: two transactions that take them last cannot wait for each other.
    """
    session.info.setdefault(_AT_THE_END, {}).setdefault(name, work)


def hold_lock(session: Session, name: str) -> None:
    """Make this transaction the only one holding `name`, until it ends.

    PostgreSQL takes an advisory lock; an SQLite write transaction is alone anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
    engine = create_engine(url, pool_size=10, max_overflow=30)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


# Serial numbers and digests are random, so that each batch of rows changes most pages of an index: these are written to
# the database once in a while (4,000 pages are 16 MiB of log), and kept in memory (8,000 KiB for each connection).
_PRAGMAS = (
    "busy_timeout=30000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "wal_autocheckpoint=4000",
    "cache_size=-8000",
)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Any) -> None:
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

"""The same tests over SQLite and over PostgreSQL, for what is marked `both_databases`; the latter in `make test` alone.

The tables are as the migrations make them. A database is made once for each kind, and put back before each test: a copy
for each takes PostgreSQL a second.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, Integer, Table, text
from sqlmodel import SQLModel

from pki.store import Store
from tests.end_to_end.postgres import Postgres, needs_postgresql
from web.schema import migrate

SQLITE, POSTGRESQL = "sqlite", "postgresql"
Rows = list[tuple[Table, list[dict[str, Any]]]]


def on_both(metafunc: pytest.Metafunc) -> None:
    """Once for each database where a test, or its module, is marked so; slow ones over SQLite only."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if "both_databases" in marks and "slow" not in marks and "database" in metafunc.fixturenames:
        other = pytest.param(POSTGRESQL, marks=[pytest.mark.end_to_end, needs_postgresql])
        metafunc.parametrize("database", [SQLITE, other], indirect=True)


@dataclass(frozen=True, slots=True)
class _Kind:
    url: str
    rows: Rows


class PostgresKinds:
    """One database for each kind, with the rows that each test begins with."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._kinds: dict[str, _Kind] = {}

    def store(self, kind: str, begin: Callable[[], Rows]) -> Store:
        """The database of this kind, as it was when `begin` had told its rows; the test closes it."""
        if kind not in self._kinds:
            url = self._server.new_database(kind).replace("postgresql://", "postgresql+psycopg://")
            made = Store(url)
            migrate(made)
            made.close()
            self._kinds[kind] = _Kind(url, begin())
        store = Store(self._kinds[kind].url)
        with store.engine.begin() as line:
            _put_back(line, self._kinds[kind].rows)
        return store


def nothing() -> Rows:
    """For an empty database."""
    return []


def rows_of(store: Store) -> Rows:
    """Everything in a database, which is closed then."""
    with store.reading() as session:
        line = session.connection()
        found = [
            (table, [dict(row) for row in line.execute(table.select()).mappings()])
            for table in SQLModel.metadata.sorted_tables
        ]
    store.close()
    return found


def _put_back(line: Connection, rows: Rows) -> None:
    tables = SQLModel.metadata.sorted_tables
    line.execute(
        text("SET LOCAL session_replication_role = replica")
    )  # the audit trail's triggers let nothing be deleted
    _all(line, (f"DELETE FROM {table.name}" for table in tables))  # noqa: S608 -- our own tables
    for table, begin in rows:
        if begin:
            line.execute(table.insert(), begin)
    numbered = [table.name for table in tables if "id" in table.c and isinstance(table.c.id.type, Integer)]
    last = "setval(pg_get_serial_sequence('{0}', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM {0}), false)"
    _all(line, (f"SELECT {last.format(name)}" for name in numbered))


def _all(line: Connection, statements: Iterable[str]) -> None:
    line.exec_driver_sql(";".join(statements))

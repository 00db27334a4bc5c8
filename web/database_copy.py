"""A copy of the database at one moment, while others write; and a database made from such a copy.

SQLite copies itself page by page (its online backup) into a file of its own. PostgreSQL's tables are read in one
repeatable-read transaction and written as JSON lines, since a service has no `pg_dump` of the server's version at hand.
"""

import json
import sqlite3
from base64 import b64decode, b64encode
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from pki.store import Store
from pki.tables import CheckpointRow
from web.errors import BackupUnreadable
from web.schema import migrate_to, revision_of

_ROWS_AT_ONCE = 500
_VERSIONS = "alembic_version"


def is_sqlite(store: Store) -> bool:
    """Which of the two it is."""
    return store.engine.dialect.name == "sqlite"


@dataclass(frozen=True, slots=True)
class DatabaseCopy:
    """What the copy holds: the schema's revision, and the number of the last checkpoint (0 for none)."""

    revision: str
    newest_checkpoint: int


def copy_database(store: Store, folder: Path) -> DatabaseCopy:
    """Write the copy into an empty folder: one file, or one for each table."""
    if is_sqlite(store):
        return _copy_sqlite(store, folder / "voltward.db")
    with store.reading() as session:
        connection = session.connection()
        for table in SQLModel.metadata.sorted_tables:
            _dump(connection, table, folder / f"{table.name}.jsonl")
        newest = connection.execute(select(func.max(CheckpointRow.id))).scalar()
        return DatabaseCopy(revision_of(connection), newest or 0)


def load_tables(store: Store, folder: Path, revision: str) -> None:
    """Fill an empty PostgreSQL database from such files, in one transaction. Raises BackupUnreadable."""
    try:
        with store.writing() as session:
            connection = session.connection()
            migrate_to(connection, revision)
            found = MetaData()
            found.reflect(connection)
            for table in found.sorted_tables:
                if table.name != _VERSIONS:
                    _load(connection, table, folder / f"{table.name}.jsonl")
    except (ValueError, KeyError, TypeError) as fault:
        raise BackupUnreadable(f"the tables in the backup cannot be read: {fault}") from None
    except DBAPIError as fault:
        raise BackupUnreadable(f"the database does not take the tables: {fault.orig}") from None


def _copy_sqlite(store: Store, path: Path) -> DatabaseCopy:
    # All pages in one step: a reader does not hold writers up, and one that pauses would begin again at each write.
    present = f"file:{store.engine.url.database}?mode=ro"
    with closing(sqlite3.connect(present, uri=True)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE").close()  # one file, nothing beside it
        (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        (newest,) = copy.execute("SELECT max(id) FROM audit_checkpoints").fetchone()
    return DatabaseCopy(str(revision), newest or 0)


def _dump(connection: Connection, table: Table, path: Path) -> None:
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
    with path.open("w", encoding="ascii") as file:
        file.write(json.dumps([column.name for column in table.columns]) + "\n")
        for row in rows:
            file.write(json.dumps([_spelt(value) for value in row], separators=(",", ":")) + "\n")


def _load(connection: Connection, table: Table, path: Path) -> None:
    if not path.exists():
        return  # a table that is younger than the backup
    with path.open(encoding="ascii") as file:
        names = json.loads(file.readline())
        rows = ({name: _read(value) for name, value in zip(names, json.loads(line), strict=True)} for line in file)
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            connection.execute(insert(table), some)
    for column in table.primary_key.columns:
        _move_sequence(connection, table, column)


def _move_sequence(connection: Connection, table: Table, column: Column[Any]) -> None:
    """Numbers that the database gives out go on after the last one that was loaded."""
    where = {"table": table.name, "column": column.name}
    name = connection.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), where).scalar()
    last = connection.execute(select(func.max(column))).scalar() if name else None
    if last is not None:
        connection.execute(text("SELECT setval(:name, :last)"), {"name": name, "last": last})


def _spelt(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, bytes | memoryview):
        return {"bytes": b64encode(bytes(value)).decode()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a column holds a {type(value).__name__}")


def _read(value: Any) -> Any:
    match value:
        case {"time": str(moment)}:
            return datetime.fromisoformat(moment)
        case {"bytes": str(octets)}:
            return b64decode(octets, validate=True)
    return value

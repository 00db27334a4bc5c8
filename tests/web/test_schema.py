from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from pki.store import Store
from web.errors import FolderNewer
from web.schema import SchemaState, drop_everything, migrate, schema_state


def empty(folder: Path) -> Store:
    return Store(f"sqlite:///{folder / 'voltward.db'}")


def test_the_migrations_make_exactly_the_tables_of_the_three_rooms(tmp_path: Path) -> None:
    store = empty(tmp_path)
    migrate(store)
    with store.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    store.close()


def test_every_migration_can_be_taken_back(tmp_path: Path) -> None:
    store = empty(tmp_path)
    migrate(store)
    drop_everything(store)
    assert set(inspect(store.engine).get_table_names()) <= {"alembic_version", "sqlite_sequence"}
    assert schema_state(store) is SchemaState.EMPTY
    store.close()


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    store = empty(tmp_path)
    assert schema_state(store) is SchemaState.EMPTY
    migrate(store)
    migrate(store)
    assert schema_state(store) is SchemaState.CURRENT
    store.close()


def test_refuses_a_database_of_a_newer_version(tmp_path: Path) -> None:
    store = empty(tmp_path)
    migrate(store)
    with store.writing() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert schema_state(store) is SchemaState.NEWER
    with pytest.raises(FolderNewer):
        migrate(store)
    store.close()

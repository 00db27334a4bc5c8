"""The database schema: brought to this version's revision by alembic, and never used at another one."""

from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

# Alembic compares against SQLModel.metadata, which knows a table once its module is imported.
import csms_bridge.firmware.rows
import csms_bridge.posture.rows
import csms_bridge.quirks.tables
import csms_bridge.tables  # noqa: F401
import pki.firmware_tables
import pki.tables  # noqa: F401
import web.tables  # noqa: F401
from pki.store import Store, hold_lock
from web.errors import BackupUnreadable, FolderNewer

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaState(StrEnum):
    """How the database's revision compares with ours."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings, without an alembic.ini: the folder of revisions and the connection to use."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def schema_state(store: Store) -> SchemaState:
    """Where the database stands."""
    with store.reading() as session:
        return _state(session.connection())


def migrate(store: Store) -> None:
    """Bring the database to our revision, in one transaction, alone. Raises FolderNewer."""
    with store.writing() as session:
        hold_lock(session, "schema")
        connection = session.connection()
        if _state(connection) is SchemaState.NEWER:
            raise FolderNewer("the database was written by a newer version of Voltward")
        command.upgrade(alembic_config(connection), "head")


def revision_of(connection: Connection) -> str:
    """The revision of a database that has one."""
    return str(MigrationContext.configure(connection).get_current_revision())


def migrate_to(connection: Connection, revision: str) -> None:
    """Bring an empty database to an earlier revision, for rows of that time. Raises BackupUnreadable."""
    known = {one.revision for one in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if revision not in known:
        raise BackupUnreadable(f"the backup has a database of schema {revision!r}, which this version does not know")
    command.upgrade(alembic_config(connection), revision)


def drop_everything(store: Store) -> None:
    """Take all our tables out again: what `init` does with a database that it could not finish."""
    with store.writing() as session:
        command.downgrade(alembic_config(session.connection()), "base")


def _state(connection: Connection) -> SchemaState:
    script = ScriptDirectory.from_config(alembic_config())
    heads = MigrationContext.configure(connection).get_current_heads()
    if not heads:
        return SchemaState.EMPTY
    if set(heads) == set(script.get_heads()):
        return SchemaState.CURRENT
    known = {revision.revision for revision in script.walk_revisions()}
    return SchemaState.OLDER if set(heads) <= known else SchemaState.NEWER

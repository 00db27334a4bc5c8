"""For developers: `python -m web.migrations NUMBER NAME` writes a revision with what the tables have more than
the last revision does, for example `python -m web.migrations 0002 "Add campaigns"`. Read it before it is committed.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command

from pki.store import Store
from web.schema import alembic_config, migrate


def write_revision(number: str, name: str) -> None:
    """Compare the tables with a fresh database at the last revision and write the difference down."""
    with TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'empty.db'}")
        migrate(store)
        with store.writing() as session:
            config = alembic_config(session.connection())
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.revision(config, message=name, rev_id=number, autogenerate=True)
        store.close()


if __name__ == "__main__":
    write_revision(*sys.argv[1:])

"""Recovery and roll-out"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """To this revision."""
    _add_preparing()


def downgrade() -> None:
    """Back to the revision before."""
    _drop_preparing()


def _add_preparing() -> None:
    """What is set at a station before its version changes, one message after the other."""
    with op.batch_alter_table("migrations") as batch:
        batch.add_column(sa.Column("preparing", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("command", sa.Integer(), nullable=True))


def _drop_preparing() -> None:
    with op.batch_alter_table("migrations") as batch:
        batch.drop_column("command")
        batch.drop_column("preparing")

"""Walks and campaigns"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """To this revision."""
    _add_quirks()
    _add_endings()


def downgrade() -> None:
    """Back to the revision before."""
    _drop_endings()
    op.drop_table("learned_quirks")
    op.drop_table("quirk_rows")


def _add_quirks() -> None:
    op.create_table(
        "quirk_rows",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "learned_quirks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("firmware", sa.String(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("stations", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind"),
    )
    op.create_index("ix_learned_quirks_last_at", "learned_quirks", ["last_at"])


def _add_endings() -> None:
    """How a command came to its end: one that was never sent cannot have done anything."""
    with op.batch_alter_table("commands") as batch:
        batch.add_column(sa.Column("ending", sa.String(16), nullable=False, server_default=""))


def _drop_endings() -> None:
    with op.batch_alter_table("commands") as batch:
        batch.drop_column("ending")

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
    _add_readiness()
    _add_preparing()
    _add_key_review()
    _add_renewal()


def downgrade() -> None:
    """Back to the revision before."""
    op.drop_table("rsa_products")
    _drop_renewal()
    op.drop_table("station_readiness")
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


def _add_key_review() -> None:
    """Products of the moduli of certified RSA keys."""
    op.create_table(
        "rsa_products",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("serials", sa.Text(), nullable=False),
        sa.Column("product", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _add_renewal() -> None:
    """Certificates renewed by themselves, and stations that ask too often."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "certificate_allowances",
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("refusals", sa.Float(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("keys", sa.Integer(), nullable=False),
        sa.Column("alarmed", sa.Boolean(), nullable=False),
        sa.Column("keys_alarmed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("station"),
    )
    op.create_index("ix_certificate_allowances_standing", "certificate_allowances", ["standing", "station"])


def _drop_renewal() -> None:
    op.drop_table("certificate_allowances")


def _add_readiness() -> None:
    """How ready stations are to be walked, as it was found last."""
    op.create_table(
        "station_readiness",
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("goal", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.BigInteger(), nullable=False),
        sa.Column("edition", sa.String(length=8), nullable=False),
        sa.Column("assessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station", "goal"),
    )
    with op.batch_alter_table("station_readiness", schema=None) as batch_op:
        batch_op.create_index("ix_station_readiness_goal_verdict", ["goal", "verdict", "station"], unique=False)
        batch_op.create_index("ix_station_readiness_goal_score", ["goal", "score", "station"], unique=False)
        batch_op.create_index(batch_op.f("ix_station_readiness_assessed_at"), ["assessed_at"], unique=False)

"""The endpoint"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """To this revision."""
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("quiet", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("anchors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("use", sa.String(length=16), nullable=False, server_default="first-contact"))


def downgrade() -> None:
    """To the one before."""
    with op.batch_alter_table("anchors", schema=None) as batch_op:
        batch_op.drop_column("use")
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.drop_column("quiet")

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
    _add_trust()
    _add_campaigns()


def downgrade() -> None:
    """Back to the revision before."""
    _drop_campaigns()
    _drop_trust()
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


def _add_trust() -> None:
    """What our servers showed, who connected under it, and planned roll-overs of roots."""
    moment = sa.DateTime(timezone=True)
    with op.batch_alter_table("rollovers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bridged", sa.Boolean(), server_default=sa.true(), nullable=False))
    with op.batch_alter_table("root_acts", schema=None) as batch_op:
        batch_op.create_index("ix_root_acts_name", ["name", "station"], unique=False)
    op.create_table(
        "server_chains",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(length=63), nullable=False),
        sa.Column("family", sa.String(length=8), nullable=False),
        sa.Column("roots", sa.String(), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("until", moment, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("server_chains", schema=None) as batch_op:
        batch_op.create_index("ix_server_chains_node_until", ["node", "until"], unique=False)
    op.create_table(
        "root_sightings",
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("alone_at", moment, nullable=True),
        sa.Column("among_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.id"]),
        sa.PrimaryKeyConstraint("station", "root"),
    )
    with op.batch_alter_table("root_sightings", schema=None) as batch_op:
        batch_op.create_index("ix_root_sightings_root", ["root", "station"], unique=False)
    op.create_table(
        "root_plans",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("old", sa.String(), nullable=False),
        sa.Column("new", sa.String(), nullable=False),
        sa.Column("step", sa.String(length=24), nullable=False),
        sa.Column("intent", sa.String(length=24), nullable=False),
        sa.Column("intent_by", sa.String(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("gates", sa.Text(), nullable=False),
        sa.Column("alone_since", moment, nullable=True),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("moved_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("root_plans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_root_plans_state"), ["state"], unique=False)
    op.create_table(
        "root_plan_exclusions",
        sa.Column("plan", sa.String(length=16), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["plan"], ["root_plans.id"]),
        sa.ForeignKeyConstraint(["station"], ["stations.id"]),
        sa.PrimaryKeyConstraint("plan", "station"),
    )


def _drop_trust() -> None:
    for table in ("root_plan_exclusions", "root_plans", "root_sightings", "server_chains"):
        op.drop_table(table)
    with op.batch_alter_table("root_acts", schema=None) as batch_op:
        batch_op.drop_index("ix_root_acts_name")
    with op.batch_alter_table("rollovers", schema=None) as batch_op:
        batch_op.drop_column("bridged")


def _add_campaigns() -> None:
    """Sites, campaigns, and the stations in them."""
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stations_site"), ["site"], unique=False)
    op.create_table(
        "sites",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("windows", sa.String(length=1000), nullable=False),
        sa.Column("max_share", sa.Integer(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("pace", sa.Text(), nullable=False),
        sa.Column("sizes", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("wave_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("excluded", sa.Integer(), nullable=False),
        sa.Column("forgiven", sa.Integer(), nullable=False),
        sa.Column("let_pass", sa.Integer(), nullable=False),
        sa.Column("paused_by", sa.String(), nullable=False),
        sa.Column("pauses", sa.Integer(), nullable=False),
        sa.Column("abort_mode", sa.String(length=16), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_campaigns_created", "campaigns", ["created_at", "id"])
    op.create_index("ix_campaigns_state", "campaigns", ["state"])
    op.create_index("ix_campaigns_updated_at", "campaigns", ["updated_at"])
    op.create_table(
        "campaign_targets",
        sa.Column("campaign", sa.String(length=16), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("work", sa.String(length=100), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["campaign"], ["campaigns.id"]),
        sa.ForeignKeyConstraint(["station"], ["stations.id"]),
        sa.PrimaryKeyConstraint("campaign", "station"),
    )
    op.create_index("ix_campaign_targets_due", "campaign_targets", ["campaign", "state", "due_at", "station"])
    op.create_index("ix_campaign_targets_wave", "campaign_targets", ["campaign", "wave", "state"])
    op.create_index("ix_campaign_targets_station", "campaign_targets", ["station", "state"])


def _drop_campaigns() -> None:
    for table in ("campaign_targets", "campaigns", "sites"):
        op.drop_table(table)
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stations_site"))

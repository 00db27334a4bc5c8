"""Walks and campaigns"""

from collections.abc import Sequence
from typing import Any

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
    _add_migrations()
    _add_campaigns()
    _chain_firmware()


def downgrade() -> None:
    """Back to the revision before."""
    _drop_campaigns()
    _drop_migrations()
    _drop_trust()
    _drop_endings()
    _unchain_firmware()
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


_STANDING = sa.text("state NOT IN ('refused', 'revoked')")
_CHANGED = (
    "OLD.signature IS NOT NULL AND (NEW.signature IS NULL OR NEW.signature <> OLD.signature "
    "OR NEW.digest <> OLD.digest)"
)
_LOG_TRIGGERS = (
    ("firmware_log_not_changed", "firmware_log", "UPDATE", ""),
    ("firmware_log_not_deleted", "firmware_log", "DELETE", ""),
    ("firmware_signature_not_changed", "firmware", "UPDATE", _CHANGED),
    ("firmware_signed_not_deleted", "firmware", "DELETE", "OLD.signature IS NOT NULL"),
)


def _chain_firmware() -> None:
    """Firmware orders grow: who decides, what is bound, and the log. A refused release may be ordered again."""
    _make_firmware_anew()
    op.create_table(
        "firmware_log",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("firmware_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("leaf", sa.String(), nullable=False),
        sa.Column("frontier", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_firmware_log_firmware_id", "firmware_log", ["firmware_id"])
    _keep_the_log()
    _let_people_decide()


def _let_people_decide() -> None:
    op.create_table(
        "firmware_rules",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("approvals", sa.Integer(), nullable=False),
        sa.Column("people", sa.Text(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "firmware_votes",
        sa.Column("firmware_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["firmware_id"], ["firmware.id"]),
        sa.PrimaryKeyConstraint("firmware_id", "person"),
    )
    op.create_table(
        "firmware_attachments",
        sa.Column("firmware_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("form", sa.String(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["firmware_id"], ["firmware.id"]),
        sa.PrimaryKeyConstraint("firmware_id", "sha256"),
    )
    op.create_table(
        "oidc_uses",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti"),
    )
    op.create_index("ix_oidc_uses_expires_at", "oidc_uses", ["expires_at"])
    with op.batch_alter_table("api_tokens") as batch:
        batch.add_column(sa.Column("owner", sa.String(), nullable=False, server_default=""))


def _make_firmware_anew() -> None:
    """SQLite cannot drop a constraint that has no name, so the table is made again and filled from the old one."""
    old = "id, vendor, model, version, digest, scheme, state, signature, signing_serial, signing_certificate, "
    old += "requested_by, created_at, signed_at"
    op.rename_table("firmware", "firmware_before")
    op.drop_index("ix_firmware_created_at", "firmware_before")
    op.create_table(
        "firmware",
        *_old_columns(),
        sa.Column("origin", sa.String(length=16), nullable=False, server_default="here"),
        sa.Column("requested_for", sa.String(), nullable=False, server_default=""),
        sa.Column("release_counter", sa.Integer(), nullable=True),
        sa.Column("minimum_counter", sa.Integer(), nullable=True),
        sa.Column("hardware", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("requirements", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.String(), nullable=False, server_default=""),
        sa.Column("names_salt", sa.String(length=32), nullable=False, server_default=""),
        sa.Column("stamp", sa.LargeBinary(), nullable=True),
        sa.Column("log_number", sa.Integer(), nullable=True),
    )
    op.execute(f"INSERT INTO firmware ({old}) SELECT {old} FROM firmware_before")  # noqa: S608 -- names of ours
    op.drop_table("firmware_before")
    op.create_index("ix_firmware_created_at", "firmware", ["created_at"])
    op.create_index("ix_firmware_signing_serial", "firmware", ["signing_serial"])
    op.create_index(
        "ux_firmware_release", "firmware", ["vendor", "model", "version", "scheme"],
        unique=True, sqlite_where=_STANDING, postgresql_where=_STANDING,
    )  # fmt: skip


def _old_columns() -> list[sa.Column[Any]]:
    texts = [sa.Column(name, sa.String(), nullable=False) for name in ("vendor", "model", "version", "digest")]
    return [
        sa.Column("id", sa.String(), nullable=False, primary_key=True),
        *texts,
        sa.Column("scheme", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=True),
        sa.Column("signing_serial", sa.String(), nullable=True),
        sa.Column("signing_certificate", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
    ]


def _keep_the_log() -> None:
    """What is logged stays as it is, and so does what is signed: the database itself refuses."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, act, condition in _LOG_TRIGGERS:
        when = f"WHEN {condition}" if is_sqlite and condition else f"WHEN ({condition})" if condition else ""
        if is_sqlite:
            refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {table} {when} {refuse}")
        else:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION refuse_change()"
            )
    if not is_sqlite:
        op.execute(
            "CREATE TRIGGER firmware_log_not_emptied BEFORE TRUNCATE ON firmware_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _unchain_firmware() -> None:
    """Refused orders and older ones of a release go: the table before had room for one of each scheme."""
    names = [column.name for column in _old_columns()]
    kept = ", ".join(names)
    for table in ("oidc_uses", "firmware_attachments", "firmware_votes", "firmware_rules", "firmware_log"):
        op.drop_table(table)
    with op.batch_alter_table("api_tokens") as batch:
        batch.drop_column("owner")
    op.rename_table("firmware", "firmware_after")
    for index in ("ix_firmware_created_at", "ix_firmware_signing_serial", "ux_firmware_release"):
        op.drop_index(index, "firmware_after")
    op.create_table("firmware", *_old_columns(), sa.UniqueConstraint("vendor", "model", "version", "scheme"))
    standing = "state NOT IN ('refused', 'revoked')"
    op.execute(f"INSERT INTO firmware ({kept}) SELECT {kept} FROM firmware_after WHERE {standing}")  # noqa: S608 -- names of ours
    op.drop_table("firmware_after")
    op.create_index("ix_firmware_created_at", "firmware", ["created_at"])


def _add_migrations() -> None:
    """Stations that change to another version of OCPP."""
    moment = sa.DateTime(timezone=True)
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("expected_version", sa.String(length=8), nullable=True))
    op.create_table(
        "migrations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("from_version", sa.String(length=8), nullable=False),
        sa.Column("to_version", sa.String(length=8), nullable=False),
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("criteria", sa.Text(), nullable=False),
        sa.Column("prepared", sa.Text(), nullable=False),
        sa.Column("profile", sa.Integer(), nullable=True),
        sa.Column("firmware", sa.String(), nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.Column("arrived_at", moment, nullable=True),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("began_by", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("migrations", schema=None) as batch_op:
        batch_op.create_index("ix_migrations_station_state", ["station", "state"], unique=False)
        batch_op.create_index("ix_migrations_campaign_state", ["campaign", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_migrations_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_migrations_ended_at"), ["ended_at"], unique=False)


def _drop_migrations() -> None:
    op.drop_table("migrations")
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.drop_column("expected_version")

"""Recovery and roll-out"""

import secrets
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
    _add_passkeys()
    _add_renewal()
    _add_firmware_updates()
    _add_recoveries()
    _add_firmware_images()
    _add_ranks()


def downgrade() -> None:
    """Back to the revision before."""
    _drop_ranks()
    _drop_recoveries()
    _drop_passkeys()
    for table in (
        "firmware_emergency_votes", "firmware_emergencies", "firmware_links", "firmware_images", "firmware_updates",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_table("rsa_products")
    _drop_renewal()
    _drop_readiness()
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
    _add_renewal_plans()


def _add_renewal_plans() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "renewal_plans",
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("not_before", moment, nullable=False),
        sa.Column("not_after", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("late_at", moment, nullable=False),
        sa.Column("next_at", moment, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("unused", sa.String(), nullable=True),
        sa.Column("unused_since", moment, nullable=True),
        sa.PrimaryKeyConstraint("station"),
    )
    op.create_index("ix_renewal_plans_due", "renewal_plans", ["due_at", "station"])
    op.create_index("ix_renewal_plans_end", "renewal_plans", ["not_after", "station"])
    op.create_index("ix_renewal_plans_unused", "renewal_plans", ["unused"])
    op.create_table(
        "renewal_pace",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("in_flight", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("alarming", sa.Boolean(), nullable=False),
        sa.Column("measured_at", moment, nullable=False),
        sa.Column("paused_by", sa.String(), nullable=False),
        sa.Column("paused_reason", sa.Text(), nullable=False),
        sa.Column("paused_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("renewal_asks") as batch:
        # How far it is of what was asked before is found out by the next look.
        batch.add_column(sa.Column("state", sa.String(length=16), nullable=False, server_default="sent"))
        batch.add_column(sa.Column("reason", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("serial", sa.String(), nullable=True))
        batch.add_column(sa.Column("moved_at", moment, nullable=True))
    op.execute("UPDATE renewal_asks SET moved_at = asked_at")
    with op.batch_alter_table("renewal_asks") as batch:
        batch.alter_column("moved_at", existing_type=moment, nullable=False)
        batch.create_index("ix_renewal_asks_asked", ["asked_at"])
        batch.create_index("ix_renewal_asks_moved", ["moved_at"])
        batch.create_index("ix_renewal_asks_state", ["state", "moved_at", "station"])


def _drop_renewal() -> None:
    with op.batch_alter_table("renewal_asks") as batch:
        batch.drop_index("ix_renewal_asks_state")
        batch.drop_index("ix_renewal_asks_moved")
        batch.drop_index("ix_renewal_asks_asked")
        for column in ("moved_at", "serial", "reason", "state"):
            batch.drop_column(column)
    for table in ("renewal_pace", "renewal_plans", "certificate_allowances"):
        op.drop_table(table)


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
        batch_op.create_index("ix_station_readiness_counts", ["goal", "edition", "verdict", "reasons"], unique=False)
        batch_op.create_index(batch_op.f("ix_station_readiness_assessed_at"), ["assessed_at"], unique=False)
    for table, column in _CHANGES:
        op.create_index(f"ix_{table}_{column}", table, [column])


_CHANGES = (("station_postures", "clock_at"), ("root_acts", "settled_at"), ("certificate_asks", "updated_at"))
"""What may change of a station beside its row: who changed is found without reading everybody's."""


def _drop_readiness() -> None:
    for table, column in _CHANGES:
        op.drop_index(f"ix_{table}_{column}", table)
    op.drop_table("station_readiness")


def _add_firmware_updates() -> None:
    """What stations are asked to install, and what comes of it."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "firmware_updates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("firmware", sa.String(length=32), nullable=False),
        sa.Column("campaign", sa.String(length=16), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("signing_serial", sa.String(length=64), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("command", sa.Integer(), nullable=False),
        sa.Column("replaces", sa.Integer(), nullable=True),
        sa.Column("root_act", sa.Integer(), nullable=True),
        sa.Column("emergency", sa.Integer(), nullable=True),
        sa.Column("retries", sa.Integer(), nullable=True),
        sa.Column("retry_interval", sa.Integer(), nullable=True),
        sa.Column("retrieve_at", moment, nullable=True),
        sa.Column("install_at", moment, nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("look_at", moment, nullable=False),
        sa.Column("looked_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("errors_before", sa.Integer(), nullable=True),
        sa.Column("errors_after", sa.Integer(), nullable=True),
        *_progress_columns(),
        sa.PrimaryKeyConstraint("id"),
    )
    is_open = sa.text("state NOT IN ('done', 'failed', 'cancelled', 'replaced')")
    op.create_index("ix_firmware_updates_station_id", "firmware_updates", ["station", "id"])
    op.create_index(
        "ix_firmware_updates_open", "firmware_updates", ["look_at"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("ix_firmware_updates_campaign_state", "firmware_updates", ["campaign", "state"])
    for name in ("firmware", "signing_serial", "command", "cancel_command", "created_at", "state"):
        op.create_index(f"ix_firmware_updates_{name}", "firmware_updates", [name])


def _add_firmware_images() -> None:
    """Images that are here, and the addresses at which stations fetch them."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "firmware_images",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("node", sa.String(length=63), nullable=False),
        sa.Column("kept_by", sa.String(), nullable=False),
        sa.Column("kept_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "firmware_links",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("update", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("firmware", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("once", sa.Boolean(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("good_until", moment, nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("first_at", moment, nullable=True),
        sa.Column("last_at", moment, nullable=True),
        sa.Column("fetched_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("token_sha256"),
    )
    for column in ("update", "station", "made_at"):
        op.create_index(f"ix_firmware_links_{column}", "firmware_links", [column])
    op.create_table(
        "firmware_emergencies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("firmware", sa.String(length=32), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_for", sa.String(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.Column("withdrawn_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("firmware", "until"):
        op.create_index(f"ix_firmware_emergencies_{column}", "firmware_emergencies", [column])
    op.create_table(
        "firmware_emergency_votes",
        sa.Column("emergency", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["emergency"], ["firmware_emergencies.id"]),
        sa.PrimaryKeyConstraint("emergency", "person"),
    )


def _progress_columns() -> list[sa.Column[object]]:
    moment = sa.DateTime(timezone=True)
    return [
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("since", moment, nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("told", sa.String(length=50), nullable=False),
        sa.Column("told_at", moment, nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("seen", sa.String(), nullable=False),
        sa.Column("failing_at", moment, nullable=True),
        sa.Column("steady_since", moment, nullable=True),
        sa.Column("sent_at", moment, nullable=True),
        sa.Column("status_asked_at", moment, nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("cancelling", sa.Boolean(), nullable=False),
        sa.Column("cancel_command", sa.Integer(), nullable=True),
    ]


_ONE_AT_A_TIME = sa.text("state IN ('waiting', 'open')")


def _add_recoveries() -> None:
    """Ways back of stations, who approved them, and what is open for a station now."""
    with op.batch_alter_table("stations") as batch:
        batch.add_column(sa.Column("recovery", sa.String(16), nullable=False, server_default=""))
        batch.add_column(sa.Column("recovery_lane", sa.String(16), nullable=False, server_default=""))
        batch.add_column(sa.Column("recovery_maker", sa.String(100), nullable=False, server_default=""))
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "recoveries",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("loss", sa.String(length=16), nullable=False),
        sa.Column("proof", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("maker", sa.String(length=100), nullable=False),
        sa.Column("old_serial", sa.String(length=64), nullable=False),
        sa.Column("new_serial", sa.String(length=64), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("then_walk", sa.Integer(), nullable=True),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_for", sa.String(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("approvals", sa.Integer(), nullable=False),
        sa.Column("opened_at", moment, nullable=True),
        sa.Column("until", moment, nullable=True),
        sa.Column("came_at", moment, nullable=True),
        sa.Column("came_from", sa.String(), nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_by", sa.String(), nullable=False),
        sa.Column("ended_why", sa.Text(), nullable=False),
        sa.Column("revokes", sa.Text(), nullable=False),
        sa.Column("revoked_at", moment, nullable=True),
        sa.Column("walk", sa.String(length=16), nullable=False),
        sa.Column("unfinished", sa.Boolean(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_recoveries_one_at_a_time", "recoveries", ["station"], unique=True, sqlite_where=_ONE_AT_A_TIME,
        postgresql_where=_ONE_AT_A_TIME,
    )  # fmt: skip
    op.create_index("ix_recoveries_station_asked", "recoveries", ["station", "asked_at"])
    op.create_index("ix_recoveries_asked", "recoveries", ["asked_at", "id"])
    op.create_index("ix_recoveries_state", "recoveries", ["state", "until"])
    op.create_index("ix_recoveries_unfinished", "recoveries", ["unfinished"])
    op.create_table(
        "recovery_votes",
        sa.Column("recovery", sa.String(length=16), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["recovery"], ["recoveries.id"]),
        sa.ForeignKeyConstraint(["station"], ["stations.id"]),
        sa.PrimaryKeyConstraint("recovery", "person"),
    )
    op.create_index("ix_recovery_votes_station", "recovery_votes", ["station"])
    _take_over_open_lanes()


_OPEN_LANES = """
    SELECT id, serial, recovery_since, recovery_until, recovery_reason, recovery_by
    FROM stations WHERE recovery_until IS NOT NULL AND recovery_since IS NOT NULL
"""
_AS_RECOVERY = """
    INSERT INTO recoveries (id, station, loss, proof, state, reason, maker, old_serial, new_serial, seconds, asked_by,
        asked_for, asked_at, approvals, opened_at, until, came_from, ended_by, ended_why, revokes, walk, unfinished,
        says)
    VALUES (:name, :id, 'expired', 'certificate', 'open', :recovery_reason, '', :serial, '', 0, :recovery_by,
        :recovery_by, :recovery_since, 0, :recovery_since, :recovery_until, '', '', '', '[]', '', :no, '[]')
"""


def _take_over_open_lanes() -> None:
    """A lane that is open stays so, and has a record like any other now."""
    connection = op.get_bind()
    for lane in connection.execute(sa.text(_OPEN_LANES)).mappings().all():
        name = f"r{secrets.token_hex(6)}"
        connection.execute(sa.text(_AS_RECOVERY), {**lane, "name": name, "no": False})
        named = sa.text("UPDATE stations SET recovery = :name, recovery_lane = 'recovery' WHERE id = :id")
        connection.execute(named, {"name": name, "id": lane["id"]})


def _drop_recoveries() -> None:
    op.drop_table("recovery_votes")
    op.drop_table("recoveries")
    with op.batch_alter_table("stations") as batch:
        for column in ("recovery_maker", "recovery_lane", "recovery"):
            batch.drop_column(column)


def _add_passkeys() -> None:
    """Passkeys, what waits to be signed with them, and rules and approvals of firmware that know of them."""
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(length=1400), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user"], ["users.name"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_passkeys_user", "passkeys", ["user"])
    op.create_table(
        "passkey_challenges",
        sa.Column("challenge", sa.String(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("challenge"),
    )
    op.create_index("ix_passkey_challenges_user", "passkey_challenges", ["user"])
    op.create_index("ix_passkey_challenges_expires_at", "passkey_challenges", ["expires_at"])
    with op.batch_alter_table("firmware_rules") as batch:
        batch.add_column(sa.Column("passkey", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("firmware_votes") as batch:
        batch.add_column(sa.Column("passkey", sa.Text(), nullable=False, server_default=""))


def _drop_passkeys() -> None:
    with op.batch_alter_table("firmware_votes") as batch:
        batch.drop_column("passkey")
    with op.batch_alter_table("firmware_rules") as batch:
        batch.drop_column("passkey")
    op.drop_table("passkey_challenges")
    op.drop_table("passkeys")


def _add_ranks() -> None:
    """Campaigns: samples of each model go first, and where the stations stood at the end is kept."""
    with op.batch_alter_table("campaigns") as batch:
        batch.add_column(sa.Column("counts", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("campaign_targets") as batch:
        batch.add_column(sa.Column("rank", sa.Integer(), nullable=False, server_default="0"))
        batch.drop_index("ix_campaign_targets_due")
        batch.create_index("ix_campaign_targets_due", ["campaign", "state", "rank", "due_at", "station"])


def _drop_ranks() -> None:
    with op.batch_alter_table("campaign_targets") as batch:
        batch.drop_index("ix_campaign_targets_due")
        batch.create_index("ix_campaign_targets_due", ["campaign", "state", "due_at", "station"])
        batch.drop_column("rank")
    with op.batch_alter_table("campaigns") as batch:
        batch.drop_column("counts")

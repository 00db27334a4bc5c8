"""The authority"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "alarms",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("thing", sa.String(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("repeated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleared_by", sa.String(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tell_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tell_tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("alarms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alarms_cleared_at"), ["cleared_at"], unique=False)
        batch_op.create_index("ix_alarms_thing", ["kind", "thing", "cleared_at"], unique=False)

    op.create_table(
        "anchors",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("stamp", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "authority_requests",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("hierarchy", sa.String(), nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("key_name", sa.String(), nullable=False),
        sa.Column("spki_sha256", sa.String(), nullable=False),
        sa.Column("csr", sa.LargeBinary(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    with op.batch_alter_table("authority_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_authority_requests_spki_sha256"), ["spki_sha256"], unique=False)

    op.create_table(
        "blocked_keys",
        sa.Column("spki_sha256", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("blocked_by", sa.String(), nullable=False),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("spki_sha256"),
    )
    op.create_table(
        "ceremonies",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("held_by", sa.String(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "chain_choices",
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("chosen_by", sa.String(), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station"),
    )
    op.create_table(
        "cross_certificates",
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("serial"),
    )
    with op.batch_alter_table("cross_certificates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cross_certificates_authority"), ["authority"], unique=False)

    op.create_table(
        "enrolment_codes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spki_sha256", sa.String(), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_for", sa.String(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    with op.batch_alter_table("enrolment_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrolment_codes_station"), ["station"], unique=False)

    op.create_table(
        "linted_shapes",
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("linter", sa.String(), nullable=False),
        sa.Column("linted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.create_table(
        "marks",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job"),
    )
    op.create_table(
        "rollovers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("old", sa.String(), nullable=False),
        sa.Column("new", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("rollovers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rollovers_old"), ["old"], unique=False)

    op.create_table(
        "renewal_asks",
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("command", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station"),
    )

    with op.batch_alter_table("authorities", schema=None) as batch_op:
        batch_op.add_column(sa.Column("post", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("status", sa.String(), nullable=False, server_default="active"))
        batch_op.add_column(sa.Column("custody", sa.String(), nullable=False, server_default="here"))
        batch_op.create_index(batch_op.f("ix_authorities_post"), ["post"], unique=False)
    op.execute("UPDATE authorities SET post = replace(name, '-rsa', '')")

    op.create_table(
        "status_changes",
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("authority", "shard"),
    )
    # `seen` starts at -1: no list is taken for current, so that all are signed again.
    with op.batch_alter_table("crls", schema=None) as batch_op:
        batch_op.add_column(sa.Column("listed", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("seen", sa.BigInteger(), nullable=False, server_default="-1"))
        batch_op.add_column(sa.Column("entries", sa.Integer(), nullable=False, server_default="0"))
        batch_op.alter_column("number", existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=False)
        batch_op.drop_column("dirty")
    op.execute("UPDATE crls SET listed = number")

    with op.batch_alter_table("revoked", schema=None) as batch_op:
        batch_op.drop_index("ix_revoked_recorded_at")
        batch_op.create_index("ix_revoked_recorded_at", ["recorded_at", "serial"], unique=False)

    with op.batch_alter_table("certificates", schema=None) as batch_op:
        batch_op.create_index("ix_certificates_authority_id", ["authority", "id"], unique=False)
        batch_op.create_index("ix_certificates_profile_id", ["profile", "id"], unique=False)
        batch_op.create_index(
            "ix_certificates_common_name",
            ["common_name"],
            unique=False,
            postgresql_ops={"common_name": "text_pattern_ops"},
        )
        batch_op.create_index("ix_certificates_not_after", ["not_after", "id", "station", "serial"], unique=False)
        batch_op.drop_index("ix_certificates_station")
        batch_op.create_index("ix_certificates_station", ["station", "id", "serial"], unique=False)


def downgrade() -> None:
    """Back to the one before."""
    with op.batch_alter_table("revoked", schema=None) as batch_op:
        batch_op.drop_index("ix_revoked_recorded_at")
        batch_op.create_index("ix_revoked_recorded_at", ["recorded_at"], unique=False)

    with op.batch_alter_table("certificates", schema=None) as batch_op:
        batch_op.drop_index("ix_certificates_station")
        batch_op.create_index("ix_certificates_station", ["station", "not_after"], unique=False)
        batch_op.drop_index("ix_certificates_not_after")
        batch_op.drop_index("ix_certificates_common_name")
        batch_op.drop_index("ix_certificates_profile_id")
        batch_op.drop_index("ix_certificates_authority_id")

    with op.batch_alter_table("crls", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dirty", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch_op.alter_column("number", existing_type=sa.BigInteger(), type_=sa.Integer(), existing_nullable=False)
        batch_op.drop_column("entries")
        batch_op.drop_column("seen")
        batch_op.drop_column("listed")
    op.execute("DELETE FROM crls WHERE shard < 0")

    op.drop_table("status_changes")
    with op.batch_alter_table("authorities", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_authorities_post"))
        batch_op.drop_column("custody")
        batch_op.drop_column("status")
        batch_op.drop_column("post")

    with op.batch_alter_table("rollovers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rollovers_old"))

    op.drop_table("rollovers")
    op.drop_table("marks")
    op.drop_table("renewal_asks")
    op.drop_table("linted_shapes")
    with op.batch_alter_table("enrolment_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_enrolment_codes_station"))

    op.drop_table("enrolment_codes")
    with op.batch_alter_table("cross_certificates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cross_certificates_authority"))

    op.drop_table("cross_certificates")
    op.drop_table("chain_choices")
    op.drop_table("ceremonies")
    op.drop_table("blocked_keys")
    with op.batch_alter_table("authority_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_authority_requests_spki_sha256"))

    op.drop_table("authority_requests")
    op.drop_table("audit_checkpoints")
    op.drop_table("anchors")
    with op.batch_alter_table("alarms", schema=None) as batch_op:
        batch_op.drop_index("ix_alarms_thing")
        batch_op.drop_index(batch_op.f("ix_alarms_cleared_at"))

    op.drop_table("alarms")

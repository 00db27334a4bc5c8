"""The endpoint"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OF_ADMISSION = (
    "bootstrap", "recovery_until", "recovery_since", "recovery_reason", "recovery_by", "lane", "told",
    "works_when_accepted",
)  # fmt: skip


def upgrade() -> None:
    """To this revision."""
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("quiet", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("takes_root", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("bootstrap", sa.String(length=100), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("recovery_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("recovery_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("recovery_reason", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("recovery_by", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("lane", sa.String(length=16), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("told", sa.String(length=16), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("works_when_accepted", sa.Boolean(), nullable=False, server_default=sa.false()))

    op.create_table(
        "unknown_stations",
        sa.Column("id", sa.String(length=48), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("shown", sa.String(), nullable=False),
        sa.Column("credential", sa.String(), nullable=True),
        sa.Column("contested", sa.Boolean(), nullable=False),
        sa.Column("ocpp_version", sa.String(length=8), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("firmware", sa.String(), nullable=False),
        sa.Column("booted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_unknown_stations_network", "unknown_stations", ["network"])
    op.create_index("ix_unknown_stations_last_seen", "unknown_stations", ["last_seen"])
    with op.batch_alter_table("anchors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("use", sa.String(length=16), nullable=False, server_default="first-contact"))
    _let_security_events_count()
    _let_commands_be_errands()
    _keep_stations_roots()
    _keep_charging()
    _add_postures()
    _make_room_for_logs()


def downgrade() -> None:
    """To the one before."""
    op.drop_table("unknown_stations")
    _forget_stations_roots()
    for table in ("id_tokens", "connectors", "charging_messages"):
        op.drop_table(table)
    with op.batch_alter_table("transactions", schema=None) as batch_op:
        for column in ("evse", "connector", "token", "told_ended"):
            batch_op.drop_column(column)
    for table in ("station_differences", "station_postures", "station_variables"):
        op.drop_table(table)
    with op.batch_alter_table("anchors", schema=None) as batch_op:
        batch_op.drop_column("use")
    op.drop_table("station_logs")
    op.drop_table("password_rotations")
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.drop_column("sealed")
        batch_op.drop_column("errand")
    with op.batch_alter_table("security_events", schema=None) as batch_op:
        for index in ("type_id", "severity_id"):
            batch_op.drop_index(f"ix_security_events_{index}")
        for column in ("told", "severity", "last_at", "last_received_at", "times", "clock"):
            batch_op.drop_column(column)
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.drop_column("takes_root")
        for name in _OF_ADMISSION:
            batch_op.drop_column(name)
        batch_op.drop_column("quiet")


_CRITICAL = (
    "FirmwareUpdated", "SettingSystemTime", "StartupOfTheDevice", "ResetOrReboot", "SecurityLogWasCleared",
    "MemoryExhaustion", "TamperDetectionActivated", "InvalidFirmwareSignature", "InvalidFirmwareSigningCertificate",
    "InvalidCsmsCertificate", "InvalidChargingStationCertificate", "InvalidTLSVersion", "InvalidTLSCipherSuite",
    "DiscardedRenewedClientCertificate", "MaintenanceLoginAccepted", "MaintenanceLoginFailed",
)  # fmt: skip
_NOTICE = (
    "FailedToAuthenticationAtCsms", "CsmsFailedToAuthentication", "InvalidMessages", "AttemptedReplayAttacks",
)  # fmt: skip
_OF_16 = {
    "FailedToAuthenticationAtCentralSystem": "FailedToAuthenticationAtCsms",
    "CentralSystemFailedToAuthentication": "CsmsFailedToAuthentication",
    "InvalidCentralSystemCertificate": "InvalidCsmsCertificate",
    "InvalidChargePointCertificate": "InvalidChargingStationCertificate",
}


def _let_security_events_count() -> None:
    """What was told before counts once each, under its canonical name."""
    with op.batch_alter_table("security_events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("told", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("severity", sa.String(length=16), nullable=False, server_default="unknown"))
        for name in ("last_at", "last_received_at"):
            batch_op.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("times", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("clock", sa.String(length=16), nullable=False, server_default="fits"))
    row = sa.table(
        "security_events",
        *(sa.column(n) for n in ("type", "told", "severity", "at", "received_at", "last_at", "last_received_at")),
    )
    op.execute(row.update().values(told=row.c.type, last_at=row.c.at, last_received_at=row.c.received_at))
    for old, new in _OF_16.items():
        op.execute(row.update().where(sa.func.replace(row.c.type, " ", "") == old).values(type=new))
    for severity, names in (
        ("critical", _CRITICAL),
        ("notice", _NOTICE),
        ("info", ("ReconfigurationOfSecurityParameters",)),
    ):
        op.execute(row.update().where(row.c.type.in_(names)).values(severity=severity))
    with op.batch_alter_table("security_events", schema=None) as batch_op:
        for name in ("last_at", "last_received_at"):
            batch_op.alter_column(name, existing_type=sa.DateTime(timezone=True), nullable=False)
        batch_op.create_index("ix_security_events_severity_id", ["severity", "id"], unique=False)
        batch_op.create_index("ix_security_events_type_id", ["type", "id"], unique=False)


def _let_commands_be_errands() -> None:
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.add_column(sa.Column("errand", sa.String(length=24), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("sealed", sa.Text(), nullable=True))
    op.create_table(
        "password_rotations",
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("command", sa.Integer(), nullable=False),
        sa.Column("password", sa.String(length=20), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("restart", sa.Boolean(), nullable=False),
        sa.Column("restarted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station"),
    )


def _keep_stations_roots() -> None:
    """What stations list, what was done about it, and roots of others that are known."""
    op.create_table(
        "recorded_roots",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "root_acts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("deed", sa.String(length=16), nullable=False),
        sa.Column("kinds", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("signed_by", sa.String(), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=True),
        sa.Column("command", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["station"],
            ["stations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("root_acts", schema=None) as batch_op:
        batch_op.create_index("ix_root_acts_command", ["command"], unique=False)
        batch_op.create_index(batch_op.f("ix_root_acts_state"), ["state"], unique=False)
        batch_op.create_index("ix_root_acts_station", ["station", "id"], unique=False)

    op.create_table(
        "root_listings",
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["station"],
            ["stations.id"],
        ),
        sa.PrimaryKeyConstraint("station", "kind"),
    )
    with op.batch_alter_table("root_listings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_root_listings_due_at"), ["due_at"], unique=False)

    op.create_table(
        "station_roots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("issuer_name_hash", sa.String(length=128), nullable=False),
        sa.Column("issuer_key_hash", sa.String(length=128), nullable=False),
        sa.Column("serial_number", sa.String(length=64), nullable=False),
        sa.Column("children", sa.Text(), nullable=False),
        sa.Column("known_as", sa.String(length=16), nullable=False),
        sa.Column("known_name", sa.String(), nullable=False),
        sa.Column("known_by", sa.String(), nullable=False),
        sa.Column("deviations", sa.String(), nullable=False),
        sa.Column("alarmed", sa.Boolean(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["station"],
            ["stations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("station_roots", schema=None) as batch_op:
        batch_op.create_index("ix_station_roots_known", ["known_as", "known_name", "gone_at"], unique=False)
        batch_op.create_index("ix_station_roots_station", ["station", "gone_at"], unique=False)


def _forget_stations_roots() -> None:
    with op.batch_alter_table("station_roots", schema=None) as batch_op:
        batch_op.drop_index("ix_station_roots_station")
        batch_op.drop_index("ix_station_roots_known")

    op.drop_table("station_roots")
    with op.batch_alter_table("root_listings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_root_listings_due_at"))

    op.drop_table("root_listings")
    with op.batch_alter_table("root_acts", schema=None) as batch_op:
        batch_op.drop_index("ix_root_acts_station")
        batch_op.drop_index(batch_op.f("ix_root_acts_state"))
        batch_op.drop_index("ix_root_acts_command")

    op.drop_table("root_acts")
    op.drop_table("recorded_roots")


def _keep_charging() -> None:
    """Messages about charging, connectors, and the tokens that may charge."""
    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("evse", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("connector", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("token", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("told_ended", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "charging_messages",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("ocpp_version", sa.String(length=8), nullable=False),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("transaction", sa.Integer(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_charging_messages_station_digest", "charging_messages", ["station", "digest"])
    op.create_index("ix_charging_messages_handed_received", "charging_messages", ["handed_over_at", "received_at"])
    op.create_table(
        "connectors",
        sa.Column("station", sa.String(), sa.ForeignKey("stations.id"), primary_key=True),
        sa.Column("evse", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("connector", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(length=50), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "id_tokens",
        sa.Column("key", sa.String(length=255), primary_key=True),
        sa.Column("token", sa.String(length=255), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )


def _add_postures() -> None:
    """What stations told of their settings, when they were read, and what does not fit."""
    op.create_table(
        "station_variables",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("component", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("instance", sa.String(length=50), nullable=False),
        sa.Column("variable_instance", sa.String(length=50), nullable=False),
        sa.Column("evse", sa.Integer(), nullable=False),
        sa.Column("connector", sa.Integer(), nullable=False),
        sa.Column("attribute", sa.String(length=8), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("mutability", sa.String(length=9), nullable=False),
        sa.Column("data_type", sa.String(length=20), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("lowest", sa.Float(), nullable=True),
        sa.Column("highest", sa.Float(), nullable=True),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "station", "component", "name", "instance", "variable_instance", "evse", "connector", "attribute",
            name="uq_station_variables",
        ),
    )  # fmt: skip
    op.create_table(
        "station_postures",
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_whole", sa.Boolean(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("firmware", sa.String(), nullable=False),
        sa.Column("ocpp_version", sa.String(length=8), nullable=True),
        sa.Column("profile", sa.Integer(), nullable=True),
        sa.Column("extension", sa.Boolean(), nullable=True),
        sa.Column("report", sa.String(), nullable=False),
        sa.Column("report_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reveals", sa.String(), nullable=False),
        sa.Column("clock_offset", sa.Float(), nullable=True),
        sa.Column("clock_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("station"),
    )
    with op.batch_alter_table("station_postures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_station_postures_asked_at"), ["asked_at"], unique=False)
    op.create_table(
        "station_differences",
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("next_act", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station", "kind"),
    )
    with op.batch_alter_table("station_differences", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_station_differences_kind"), ["kind"], unique=False)


def _make_room_for_logs() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "station_logs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("command", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=True, unique=True),
        sa.Column("good_until", moment, nullable=True),
        sa.Column("oldest", moment, nullable=True),
        sa.Column("latest", moment, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given_up", sa.Boolean(), nullable=False),
        sa.Column("told", sa.String(length=50), nullable=False),
        sa.Column("told_words", sa.String(length=500), nullable=False),
        sa.Column("told_at", moment, nullable=True),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("received_at", moment, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("node", sa.String(length=63), nullable=True),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("station_logs", schema=None) as batch_op:
        batch_op.create_index("ix_station_logs_station_id", ["station", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_station_logs_command"), ["command"], unique=False)
        batch_op.create_index(batch_op.f("ix_station_logs_asked_at"), ["asked_at"], unique=False)

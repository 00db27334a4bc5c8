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
    _let_security_events_count()
    _let_commands_be_errands()


def downgrade() -> None:
    """To the one before."""
    with op.batch_alter_table("anchors", schema=None) as batch_op:
        batch_op.drop_column("use")
    op.drop_table("password_rotations")
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.drop_column("errand")
    with op.batch_alter_table("security_events", schema=None) as batch_op:
        for index in ("type_id", "severity_id"):
            batch_op.drop_index(f"ix_security_events_{index}")
        for column in ("told", "severity", "last_at", "last_received_at", "times", "clock"):
            batch_op.drop_column(column)
    with op.batch_alter_table("stations", schema=None) as batch_op:
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

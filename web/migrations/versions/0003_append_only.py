"""Append only

What is written into the audit trail stays as it is: the database itself refuses to change or delete it. Heads move and
are never deleted; a checkpoint gets its time stamp once. Whoever may change the schema can take the triggers away, but
not by mistake, and the chain and the checkpoints would still tell.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_RECORDS, _HEADS, _CHECKPOINTS = "audit_records", "audit_heads", "audit_checkpoints"
_STAMPED = (
    "NEW.id <> OLD.id OR NEW.made_at <> OLD.made_at OR NEW.statement <> OLD.statement OR "
    "NEW.signature <> OLD.signature OR NEW.certificate <> OLD.certificate OR OLD.stamp IS NOT NULL"
)


def upgrade() -> None:
    """To this revision."""
    if op.get_bind().dialect.name == "sqlite":
        for name, table, act, condition in _TRIGGERS:
            when = f"WHEN {condition}" if condition else ""
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} {when} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for name, table, act, condition in _TRIGGERS:
        when = f"WHEN ({condition})" if condition else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION refuse_change()"
        )
    for table in (_RECORDS, _HEADS, _CHECKPOINTS):
        name = f"{table}_not_emptied"
        op.execute(
            f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Back to the one before."""
    if op.get_bind().dialect.name == "sqlite":
        for name, *_ in _TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        return
    op.execute("DROP FUNCTION refuse_change() CASCADE")


_TRIGGERS = (
    ("audit_records_not_changed", _RECORDS, "UPDATE", ""),
    ("audit_records_not_deleted", _RECORDS, "DELETE", ""),
    ("audit_heads_not_deleted", _HEADS, "DELETE", ""),
    ("audit_checkpoints_not_changed", _CHECKPOINTS, "UPDATE", _STAMPED),
    ("audit_checkpoints_not_deleted", _CHECKPOINTS, "DELETE", ""),
)

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, col, select

from csms_bridge.recovery.book import RecoveryBook
from csms_bridge.tables import SecurityEventRow, StationRow
from pki.clock import utc_now
from pki.store import Store
from pki.tables import AuditHeadRow, AuditRow, CheckpointRow
from web.errors import FolderNewer
from web.schema import SchemaState, drop_everything, migrate, migrate_to, schema_state

_TEXTS = dict.fromkeys(("writer", "by", "act", "kind", "thing", "reason", "mac"), "x")
RECORD = {**_TEXTS, "id": 1, "sequence": 1, "at": utc_now(), "details": "{}"}
CHECKPOINT = {"id": 1, "made_at": utc_now(), "statement": "{}", "signature": "", "certificate": ""}


def empty(folder: Path) -> Store:
    return Store(f"sqlite:///{folder / 'voltward.db'}")


def test_the_migrations_make_exactly_the_tables_of_the_three_rooms(tmp_path: Path) -> None:
    store = empty(tmp_path)
    migrate(store)
    with store.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    store.close()


def test_every_migration_can_be_taken_back(tmp_path: Path) -> None:
    store = empty(tmp_path)
    migrate(store)
    drop_everything(store)
    assert set(inspect(store.engine).get_table_names()) <= {"alembic_version", "sqlite_sequence"}
    assert schema_state(store) is SchemaState.EMPTY
    store.close()


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    store = empty(tmp_path)
    assert schema_state(store) is SchemaState.EMPTY
    migrate(store)
    migrate(store)
    assert schema_state(store) is SchemaState.CURRENT
    store.close()


def test_refuses_a_database_of_a_newer_version(tmp_path: Path) -> None:
    store = empty(tmp_path)
    migrate(store)
    with store.writing() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert schema_state(store) is SchemaState.NEWER
    with pytest.raises(FolderNewer):
        migrate(store)
    store.close()


FORBIDDEN = [
    "UPDATE audit_records SET thing = 'x'",
    "DELETE FROM audit_records",
    "DELETE FROM audit_heads",
    "DELETE FROM audit_checkpoints",
    "UPDATE audit_checkpoints SET statement = 'x'",
    "UPDATE audit_checkpoints SET stamp = NULL",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_database_itself_keeps_the_audit_trail_as_it_is(tmp_path: Path, statement: str) -> None:
    store = empty(tmp_path)
    migrate(store)
    with store.writing() as session:
        session.execute(insert(AuditRow).values({**RECORD}))
        session.execute(insert(AuditHeadRow).values(writer="main", sequence=1, mac="m", seal="s"))
        session.execute(insert(CheckpointRow).values({**CHECKPOINT, "stamp": b"stamp"}))
    with pytest.raises(IntegrityError, match="append-only"), store.writing() as session:
        session.execute(text(statement))
    store.close()


def test_a_checkpoint_takes_its_stamp_once(tmp_path: Path) -> None:
    store = empty(tmp_path)
    migrate(store)
    with store.writing() as session:
        session.execute(insert(CheckpointRow).values(CHECKPOINT))
    with store.writing() as session:
        session.execute(text("UPDATE audit_checkpoints SET stamp = x'01'"))
    with pytest.raises(IntegrityError, match="append-only"), store.writing() as session:
        session.execute(text("UPDATE audit_checkpoints SET stamp = x'02'"))
    store.close()


def test_security_events_of_an_older_database_get_names_and_severities(tmp_path: Path) -> None:
    told = ("InvalidCentralSystemCertificate", "Central SystemFailedToAuthentication", "FirmwareUpdated", "Vendor")
    insert_one = (
        "INSERT INTO security_events (station, type, at, received_at, tech_info) VALUES ('A', :t, :at, :at, '')"
    )
    store = empty(tmp_path)
    with store.writing() as session:
        migrate_to(session.connection(), "0003")
        for name in told:
            session.connection().execute(text(insert_one), {"t": name, "at": "2026-03-02 12:00:00.000000"})
    migrate(store)
    with store.reading() as session:
        rows = session.exec(select(SecurityEventRow).order_by(col(SecurityEventRow.id))).all()
    assert [(row.told, row.type, row.severity) for row in rows] == [
        ("InvalidCentralSystemCertificate", "InvalidCsmsCertificate", "critical"),
        ("Central SystemFailedToAuthentication", "CsmsFailedToAuthentication", "notice"),
        ("FirmwareUpdated", "FirmwareUpdated", "critical"),
        ("Vendor", "Vendor", "unknown"),
    ]
    assert {(row.times, row.clock, row.last_at == row.at) for row in rows} == {(1, "fits", True)}
    store.close()


SIGNED = (
    "INSERT INTO firmware (id, vendor, model, version, digest, scheme, state, signature, requested_by, created_at) "
    "VALUES ('{id}', 'v', 'm', '1', 'aa', 's', '{state}', {signature}, 'x', '2026-03-02 12:00:00.000000')"
)
LOGGED = "INSERT INTO firmware_log VALUES (0, 'a', '2026-03-02 12:00:00.000000', '{}', 'aa', 'aa', 'head')"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE firmware_log SET entry = 'x'",
        "DELETE FROM firmware_log",
        "UPDATE firmware SET signature = 'x'",
        "UPDATE firmware SET digest = 'x'",
        "DELETE FROM firmware",
    ],
)
def test_the_database_itself_keeps_the_firmware_log_as_it_is(tmp_path: Path, statement: str) -> None:
    store = empty(tmp_path)
    migrate(store)
    with store.writing() as session:
        session.execute(text(SIGNED.format(id="a", state="signed", signature="'sig'")))
        session.connection().exec_driver_sql(LOGGED)
        session.execute(text("UPDATE firmware SET state = 'revoked', log_number = 0"))  # what may change
    with pytest.raises(IntegrityError, match="append-only"), store.writing() as session:
        session.execute(text(statement))
    store.close()


def test_firmware_of_an_older_database_is_kept_and_a_refused_release_makes_room(tmp_path: Path) -> None:
    store = empty(tmp_path)
    with store.writing() as session:
        migrate_to(session.connection(), "0004")
        session.execute(text(SIGNED.format(id="a", state="signed", signature="'sig'")))
    migrate(store)
    with store.writing() as session:
        found = session.execute(text("SELECT signature, origin, log_number, hardware FROM firmware")).one()
        assert tuple(found) == ("sig", "here", None, "[]")
        session.execute(text(SIGNED.format(id="b", state="refused", signature="NULL")))
    with pytest.raises(IntegrityError), store.writing() as session:
        session.execute(text(SIGNED.format(id="c", state="pending", signature="NULL")))
    store.close()


OPEN_LANE = """
    INSERT INTO stations (id, serial, floor, settled_floor, wanted_profile, site, tags, quiet, bootstrap, lane, told,
        works_when_accepted, takes_root, added_at, updated_at, online, node, vendor, model, firmware,
        recovery_since, recovery_until, recovery_reason, recovery_by)
    VALUES (:id, :id, 3, 3, 3, '', '[]', 0, '', '', '', 0, 0, :at, :at, 0, '', '', '', '', :since, :until, :why, :by)
"""


def test_a_recovery_lane_that_was_open_in_an_older_database_stays_open_and_has_a_record(tmp_path: Path) -> None:
    store = empty(tmp_path)
    at = "2026-03-02 12:00:00.000000"
    lane = {"since": at, "until": "2026-03-03 12:00:00.000000", "why": "stood in a warehouse", "by": "user:anna"}
    closed = {"since": None, "until": None, "why": "", "by": ""}
    with store.writing() as session:
        migrate_to(session.connection(), "0005")
        for station in ({"id": "CS-1", **lane}, {"id": "CS-2", **closed}):
            session.connection().execute(text(OPEN_LANE), {"at": at, **station})
    migrate(store)
    (known,) = RecoveryBook(store).page()
    assert (known.station, known.state, known.loss, known.reason) == ("CS-1", "open", "expired", lane["why"])
    with store.reading() as session:
        found = session.get_one(StationRow, "CS-1")
        assert (found.recovery, found.recovery_lane) == (known.id, "recovery")
        assert session.get_one(StationRow, "CS-2").recovery == ""
    assert known.until == found.recovery_until
    store.close()

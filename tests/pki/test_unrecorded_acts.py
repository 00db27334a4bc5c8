"""DESIGN §3.7: if the audit record cannot be written, the act does not happen."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from pki.alarms import AlarmKind
from pki.authority import RevocationReason
from tests.pki.checkpointed import with_checkpoints
from tests.pki.conftest import Room

FULL = "CREATE TRIGGER full BEFORE INSERT ON audit_records BEGIN SELECT RAISE(ABORT, 'disk full'); END"
TABLES = ("audit_records", "audit_heads", "serials", "intents", "certificates", "revocations", "blocked_keys", "crls",
          "alarms", "audit_checkpoints")  # fmt: skip


def everything(room: Room) -> dict[str, list[object]]:
    with room.store.reading() as session:
        known = set(session.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())
        query = "SELECT * FROM {}"
        return {
            name: [tuple(row) for row in session.execute(text(query.format(name)))] for name in TABLES if name in known
        }


def revoke(room: Room, serial: str) -> None:
    room.authority.revoke(serial, RevocationReason.SUPERSEDED, "user:a")


def hold(room: Room, serial: str) -> None:
    room.authority.revoke(serial, RevocationReason.CERTIFICATE_HOLD, "user:a")


def revoke_many(room: Room, serial: str) -> None:
    room.authority.revoke_each([serial], RevocationReason.SUPERSEDED, "user:a")


def issue(room: Room, _serial: str) -> None:
    room.issue()


def block(room: Room, _serial: str) -> None:
    room.authority.block_key("0" * 64, "user:a")


def clear_alarm(room: Room, _serial: str) -> None:
    room.authority.alarms.clear(1, "user:a")


def accept_a_restored_backup(room: Room, _serial: str) -> None:
    kept = with_checkpoints(room)
    kept.authority.accept_set_back("restored", "user:a")


ACTS = [revoke, hold, revoke_many, issue, block, clear_alarm]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_an_act_that_cannot_be_recorded_does_not_happen(room: Room, act: Callable[[Room, str], None]) -> None:
    certificate = room.issue(serial="SN-7", station="CS-7")
    room.authority.alarms.sound(AlarmKind.LINT_FINDING, "x", "y")
    with room.store.writing() as session:
        session.execute(text(FULL))
    before = everything(room)
    with pytest.raises(DBAPIError, match="disk full"):
        act(room, certificate.serial)
    assert everything(room) == before


def test_a_restored_backup_is_not_accepted_without_a_record(room: Room) -> None:
    kept = with_checkpoints(room)
    kept.checkpoint()
    copy = kept.copy_of_database()
    kept.checkpoint()
    kept.set_back_to(copy)
    with room.store.writing() as session:
        session.execute(text(FULL))
    before = everything(room)
    with pytest.raises(DBAPIError, match="disk full"):
        accept_a_restored_backup(room, "")
    assert everything(room) == before


def on_a_full_disk(room: Room, serial: str, room_left: int) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.pki.full_disk", str(room.folder), serial, str(room_left)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_on_a_full_disk_nothing_happens(room: Room) -> None:
    certificate = room.issue(serial="SN-7", station="CS-7")
    before = everything(room)
    outcomes = on_a_full_disk(room, certificate.serial, 4096)
    assert set(outcomes) == {"issue", "revoke", "block"}
    assert "done" not in outcomes.values()
    assert everything(room) == before
    revoke(room, certificate.serial)  # and with room again everything goes on
    assert "certificate:revoked" in room.acts()


@pytest.mark.parametrize("room_left", [50_000, 120_000, 250_000])
def test_on_a_disk_that_fills_up_everything_that_happened_is_recorded(room: Room, room_left: int) -> None:
    certificate = room.issue(serial="SN-7", station="CS-7")
    on_a_full_disk(room, certificate.serial, room_left)
    made = [row for row in everything(room)["certificates"] if "SN-1" in str(row)]
    with room.store.reading() as session:
        issued = [one for one in room.trail.records(session, limit=10_000) if one.act == "certificate:issued"]
        assert len([one for one in issued if one.by == "station:CS-1"]) == len(made)
        assert room.trail.verify(session) == []

"""Verifying finds what was done to trail, checkpoints and file, and says which of them it was."""

from pathlib import Path

import pytest
from sqlalchemy import delete, select
from sqlmodel import col

from pki.audit import Entry, PkiAct
from pki.audit_chain import Damage
from pki.checkpoint_file import CheckpointFile
from pki.tables import AuditHeadRow, AuditRow
from tests.pki.checkpointed import Checkpointed, edited_statement, with_checkpoints
from tests.pki.conftest import Room

IS_TEST = col(AuditRow.writer) == "test"
EMPTY = ("DELETE FROM audit_records", "DELETE FROM audit_heads", "DELETE FROM audit_checkpoints")


@pytest.fixture
def kept(room: Room) -> Checkpointed:
    """Three checkpoints, and a record after them."""
    kept = with_checkpoints(room)
    kept.record("x", "y", writer="node-2")
    for thing in "abc":
        kept.checkpoint(thing)
    kept.record("d")
    return kept


def of(kept: Checkpointed, number: int) -> int:
    """Where the chain of `test` was at a checkpoint."""
    found = next(one for one in kept.authority.checkpoints.page() if one.number == number)
    return next(head.sequence for head in found.heads if head.writer == "test")


def test_an_untouched_trail_is_whole(kept: Checkpointed) -> None:
    verdict = kept.verify()
    assert (verdict.findings, verdict.notes, verdict.checkpoints) == ((), (), 3)
    assert verdict.records == of(kept, 3) + 2 + 1


def test_tells_the_emptied_trail(kept: Checkpointed) -> None:
    kept.tamper(*EMPTY)
    assert kept.damages() == {Damage.EMPTIED}
    assert "checkpoint file tells of" in kept.sentences()


def test_tells_the_emptied_trail_by_the_checkpoints_in_the_database(kept: Checkpointed) -> None:
    kept.tamper(*EMPTY[:2])
    assert kept.damages() == {Damage.WRITER_REMOVED}
    assert f"test: all {of(kept, 1)} records that checkpoint 1" in kept.sentences()


def test_tells_a_writer_that_was_taken_away_with_its_head(kept: Checkpointed) -> None:
    kept.tamper("DELETE FROM audit_records WHERE writer='node-2'", "DELETE FROM audit_heads WHERE writer='node-2'")
    findings = kept.verify().findings
    assert [(found.damage, found.writer) for found in findings] == [(Damage.WRITER_REMOVED, "node-2")]


def test_tells_a_cut_off_end_even_with_the_key_for_the_head(kept: Checkpointed) -> None:
    """An intruder who has the MAC key can make a good head, but not the checkpoint's signature."""
    last = of(kept, 3)
    with kept.room.store.writing() as session:
        session.execute(delete(AuditRow).where(IS_TEST, col(AuditRow.sequence) >= last))
        mac = session.execute(select(AuditRow.mac).where(IS_TEST, col(AuditRow.sequence) == last - 1)).scalar_one()
        head = session.get_one(AuditHeadRow, "test")
        head.sequence, head.mac = last - 1, mac
        head.seal = kept.room.trail.key.seal("test", last - 1, mac)
        session.add(head)
    found = kept.verify().findings
    assert [(one.damage, one.sequence) for one in found] == [(Damage.END_REMOVED, last)]
    assert f"ends at record {last - 1}; record {last} is gone, and checkpoint 3 of " in found[0].sentence


def test_tells_a_record_that_was_written_again_with_the_key(kept: Checkpointed) -> None:
    """The chain of the intruder holds; it is just not the one that was signed."""
    kept.tamper("DELETE FROM audit_records WHERE writer='node-2'", "DELETE FROM audit_heads WHERE writer='node-2'")
    kept.record("other", "records", writer="node-2")
    found = kept.verify().findings
    assert [(one.damage, one.writer, one.sequence) for one in found] == [(Damage.REPLACED, "node-2", 2)]


def test_tells_an_edit_and_nothing_else(kept: Checkpointed) -> None:
    kept.tamper("UPDATE audit_records SET reason = 'other' WHERE writer='node-2' AND sequence=1")
    assert [(one.damage, one.sequence) for one in kept.verify().findings if one.writer == "node-2"] == [
        (Damage.EDITED, 1),
        (Damage.REPLACED, 2),
    ]


# --- checkpoints in the database


def test_tells_an_altered_checkpoint(kept: Checkpointed) -> None:
    kept.tamper('UPDATE audit_checkpoints SET statement = replace(statement, \'"made_at":"20\', \'"made_at":"19\')')
    assert Damage.CHECKPOINT_ALTERED in kept.damages()
    assert "checkpoint 2 in the database was altered" in kept.sentences()


def test_tells_a_checkpoint_taken_out_of_the_database(kept: Checkpointed) -> None:
    kept.tamper("DELETE FROM audit_checkpoints WHERE id = 2")
    assert kept.damages() == {Damage.CHECKPOINT_REMOVED}
    assert "checkpoint 2 is in the file and not in the database" in kept.sentences()


def test_tells_the_last_checkpoints_taken_out_of_the_database(kept: Checkpointed) -> None:
    kept.tamper("DELETE FROM audit_checkpoints WHERE id > 1")
    assert kept.damages() == {Damage.CHECKPOINT_REMOVED}
    assert "checkpoints 2 to 3 are in the file and not in the database, and their records are here" in kept.sentences()


def test_tells_a_checkpoint_taken_out_of_both(kept: Checkpointed) -> None:
    kept.tamper("DELETE FROM audit_checkpoints WHERE id = 2")
    kept.edit_file(lambda lines: [lines[0], lines[2]])
    assert kept.damages() == {Damage.CHECKPOINT_REMOVED}
    assert "checkpoint 2 is neither in the database nor in the file" in kept.sentences()


# --- the file


def test_tells_an_altered_line(kept: Checkpointed) -> None:
    kept.edit_file(lambda lines: [lines[0], edited_statement(lines[1]), lines[2]])
    assert Damage.CHECKPOINT_ALTERED in kept.damages()
    assert "line 2 of the checkpoint file was altered" in kept.sentences()


def test_tells_a_line_taken_out(kept: Checkpointed) -> None:
    kept.edit_file(lambda lines: [lines[0], lines[2]])
    assert kept.damages() == {Damage.CHECKPOINT_REMOVED}
    assert "checkpoint 2 is in the database and not in the file" in kept.sentences()


def test_tells_lines_in_another_order(kept: Checkpointed) -> None:
    kept.edit_file(lambda lines: [lines[1], lines[0], lines[2]])
    assert "line 2 of the checkpoint file was altered: checkpoint 1 stands after checkpoint 2" in kept.sentences()


def test_tells_garbage_in_the_file(kept: Checkpointed) -> None:
    kept.edit_file(lambda lines: [*lines, "nonsense\n"])
    assert "line 4 of the checkpoint file was altered: it is not a checkpoint" in kept.sentences()


def test_tells_a_file_older_than_the_database(kept: Checkpointed) -> None:
    kept.edit_file(lambda lines: lines[:1])
    assert kept.damages() == {Damage.FILE_OLDER}
    assert "ends before checkpoint 2, the database goes on to checkpoint 3" in kept.sentences()


def test_tells_a_file_that_is_not_there(kept: Checkpointed) -> None:
    kept.file.unlink()
    assert kept.damages() == {Damage.FILE_OLDER}
    assert "the checkpoint file is not there" in kept.sentences()


# --- the database set back


def set_back(kept: Checkpointed) -> None:
    """To where it was after three checkpoints, when two more had been made."""
    copy = kept.copy_of_database()
    kept.checkpoint("e")
    kept.checkpoint("f")
    kept.set_back_to(copy)


def test_tells_a_restored_backup_from_tampering(kept: Checkpointed) -> None:
    set_back(kept)
    found = kept.verify().findings
    assert found[0].damage is Damage.SET_BACK
    said = found[0].sentence
    assert "its last checkpoint is 3, the file goes on to checkpoint 5 of " in said
    assert "What is here holds together" in said
    assert "as after restoring a backup" in said
    assert [one.damage for one in found[1:]] == [Damage.END_REMOVED]


def test_a_set_back_database_that_went_on_is_told_by_its_other_records(kept: Checkpointed) -> None:
    set_back(kept)
    kept.record(*"uvwxyz")
    found = kept.verify().findings
    assert [one.damage for one in found] == [Damage.SET_BACK, Damage.REPLACED]
    assert "holds together" in found[0].sentence


def test_a_set_back_database_that_was_edited_is_no_restored_backup_alone(kept: Checkpointed) -> None:
    set_back(kept)
    kept.tamper("UPDATE audit_records SET thing='other' WHERE writer='node-2' AND sequence=2")
    assert kept.damages() >= {Damage.SET_BACK, Damage.EDITED}
    assert "does not hold together" in kept.sentences()


def test_a_restored_backup_that_somebody_answers_for_is_a_note(kept: Checkpointed) -> None:
    set_back(kept)
    kept.authority.accept_set_back("disk failed", "user:anna")
    kept.checkpoint("g")
    verdict = kept.verify()
    assert verdict.findings == ()
    assert len(verdict.notes) == 1
    assert "checkpoints 4 to 5 are given up, as checkpoint 6 of " in verdict.notes[0]


def test_only_the_checkpoints_that_were_given_up_are_let_pass(kept: Checkpointed) -> None:
    set_back(kept)
    kept.authority.accept_set_back("disk failed", "user:anna")
    kept.edit_file(lambda lines: [*lines[:4], edited_statement(lines[4]), *lines[5:]])
    assert Damage.CHECKPOINT_ALTERED in kept.damages()


def test_findings_are_bounded(kept: Checkpointed) -> None:
    with kept.room.store.writing() as session:
        kept.room.trail.record_all(session, [_entry(n) for n in range(1500)], kept.room.clock.now)
    kept.tamper("UPDATE audit_records SET reason = 'x'")
    assert len(kept.verify().findings) == 1000


def _entry(number: int) -> Entry:
    return Entry(PkiAct.CERTIFICATE_REVOKED, "user:admin", "certificate", str(number))


def test_a_trail_without_checkpoints_is_judged_by_its_chains(room: Room, tmp_path: Path) -> None:
    fresh = with_checkpoints(room)
    assert fresh.verify().findings == ()
    assert not CheckpointFile(tmp_path / "none").exists()

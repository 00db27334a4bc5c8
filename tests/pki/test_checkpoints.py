"""Checkpoints: what is signed, when, and where it is kept."""

import hashlib
import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlmodel import Session

from pki import checkpoints
from pki.alarms import AlarmKind
from pki.checkpoint import Checkpoint, NoCheckpoint, checkpoint_of, read_line, signature_fault
from pki.checkpoint_file import CheckpointFile
from pki.checkpoints import last_checkpoint
from pki.errors import NothingToAccept, SignerUnavailable, TrailDamaged, TrailSetBack
from pki.keystore import KeyStore
from pki.tables import AuditRow, CheckpointRow
from tests.pki.checkpointed import Checkpointed, edited_statement, with_checkpoints
from tests.pki.conftest import Room, openssl
from tests.tools_needed import needs_openssl


@pytest.fixture
def kept(room: Room) -> Checkpointed:
    return with_checkpoints(room)


def test_a_checkpoint_names_the_heads_of_all_chains(kept: Checkpointed) -> None:
    kept.record("a", "b", writer="node-2")
    made = kept.authority.checkpoint()
    assert made is not None
    assert (made.number, made.previous) == (1, "")
    assert {head.writer for head in made.heads} == {"test", "node-2"}
    with kept.room.store.reading() as session:
        rows = session.execute(select(AuditRow).where(AuditRow.writer == "node-2")).scalars().all()
    assert next((head.sequence, head.mac) for head in made.heads if head.writer == "node-2") == (2, rows[-1].mac)


def test_the_running_digest_needs_no_key(kept: Checkpointed) -> None:
    kept.record("a", "b", writer="node-2")
    made = kept.authority.checkpoint()
    assert made is not None
    digest = bytes(32)
    with kept.room.store.reading() as session:
        for row in session.execute(select(AuditRow).where(AuditRow.writer == "node-2")).scalars():
            said = {name: getattr(row, name) for name in ("writer", "sequence", "by", "act", "kind", "thing", "reason")}
            said |= {"at": row.at.isoformat(), "details": json.loads(row.details)}
            line = json.dumps(said, sort_keys=True, separators=(",", ":"))
            digest = hashlib.sha256(digest + hashlib.sha256(line.encode()).digest()).digest()
    assert next(head.sha256 for head in made.heads if head.writer == "node-2") == digest.hex()


def test_each_checkpoint_names_the_one_before(kept: Checkpointed) -> None:
    kept.checkpoint()
    first = kept.authority.checkpoints.page()[0]
    kept.checkpoint()
    second = kept.authority.checkpoints.page()[0]
    assert (second.number, second.previous) == (2, hashlib.sha256(first.statement.encode()).hexdigest())


def test_nothing_recorded_means_no_new_checkpoint(kept: Checkpointed) -> None:
    kept.checkpoint()
    assert kept.authority.checkpoint() is None


def test_it_is_made_when_it_is_time_and_something_was_recorded(kept: Checkpointed) -> None:
    kept.authority.keep_checkpoints()
    kept.record("a")
    kept.authority.keep_checkpoints()
    assert len(kept.authority.checkpoints.page()) == 1
    kept.room.clock.advance(kept.authority.settings.checkpoint_every)
    kept.authority.keep_checkpoints()
    kept.room.clock.advance(kept.authority.settings.checkpoint_every)
    kept.authority.keep_checkpoints()
    assert len(kept.authority.checkpoints.page()) == 2


@needs_openssl
def test_openssl_agrees_with_signature_and_certificate(kept: Checkpointed) -> None:
    kept.checkpoint()
    made = kept.authority.checkpoints.page()[0]
    room = kept.room
    signer, above = made.certificate_pem.split("-----END CERTIFICATE-----\n", 1)
    leaf = room.write("signer.pem", signer + "-----END CERTIFICATE-----\n")
    root = room.write("root.pem", kept.authority.authority("root").certificate_pem)
    chain = room.write("above.pem", above)
    assert openssl("verify", "-CAfile", root, "-untrusted", chain, leaf).returncode == 0
    key = room.write("key.pem", openssl("x509", "-in", leaf, "-noout", "-pubkey").stdout)
    statement, signature = room.write("statement", made.statement), room.write("signature", made.signature)
    judged = openssl("dgst", "-sha256", "-verify", key, "-signature", signature, statement)
    assert judged.stdout == "Verified OK\n"


def test_a_folder_without_authorities_has_nobody_to_certify_the_key(fresh_room: Room) -> None:
    kept = with_checkpoints(fresh_room)
    kept.record("a")
    kept.authority.keep_checkpoints()
    assert kept.authority.alarms.page() == []
    assert kept.verify().findings == ()


def test_an_rsa_hierarchy_alone_certifies_the_key(kept: Checkpointed) -> None:
    with kept.room.store.writing() as session:
        session.execute(text("UPDATE authorities SET status = 'retired' WHERE name = 'csms'"))
    kept.checkpoint()
    made = kept.authority.checkpoints.page()[0]
    assert signature_fault(made, kept.authority.audit_roots()) is None
    assert kept.authority.chain_pem("csms-rsa").startswith(
        made.certificate_pem.split("-----END CERTIFICATE-----\n", 1)[1]
    )


def test_the_file_has_what_the_database_has(kept: Checkpointed) -> None:
    for _ in range(3):
        kept.checkpoint()
    lines = kept.file.read_text().splitlines()
    stored = reversed(kept.authority.checkpoints.page())
    assert [read_line(line).statement for line in lines] == [one.statement for one in stored]
    assert kept.file.stat().st_mode & 0o777 == 0o600


def test_half_a_line_is_written_again(kept: Checkpointed) -> None:
    """The process was killed between the database and the end of the line."""
    kept.checkpoint()
    kept.checkpoint()
    whole = kept.file.read_text()
    kept.file.write_text(whole[:-100])
    kept.authority.keep_checkpoints()
    assert kept.file.read_text() == whole


def test_a_file_that_was_taken_away_comes_back_from_the_database(kept: Checkpointed) -> None:
    kept.checkpoint()
    kept.checkpoint()
    whole = kept.file.read_text()
    kept.file.unlink()
    kept.authority.keep_checkpoints()
    assert kept.file.read_text() == whole


def test_nothing_is_signed_over_an_edited_record(kept: Checkpointed) -> None:
    kept.checkpoint()
    kept.record("a", "b")
    kept.tamper("UPDATE audit_records SET thing = 'x' WHERE thing = 'a'")
    with pytest.raises(TrailDamaged, match="is not what was written"):
        kept.authority.checkpoint()


def test_a_damaged_trail_raises_an_alarm_that_ends_by_itself(kept: Checkpointed) -> None:
    kept.checkpoint()
    kept.record("a")
    kept.tamper("UPDATE audit_records SET thing = 'x' WHERE thing = 'a'")
    kept.room.clock.advance(timedelta(hours=1))
    kept.authority.keep_checkpoints()
    assert [alarm.kind for alarm in kept.authority.alarms.page()] == [AlarmKind.AUDIT_CHECKPOINT]
    kept.tamper("UPDATE audit_records SET thing = 'a' WHERE thing = 'x'")
    kept.authority.keep_checkpoints()
    assert kept.authority.alarms.page() == []


def test_a_file_that_cannot_be_written_raises_an_alarm(kept: Checkpointed) -> None:
    kept.file.mkdir()
    kept.authority.keep_checkpoints()
    assert [alarm.kind for alarm in kept.authority.alarms.page()] == [AlarmKind.AUDIT_CHECKPOINT]


def test_without_its_key_nothing_is_signed(kept: Checkpointed) -> None:
    kept.checkpoint()
    kept.record("a")
    for path in (kept.room.folder / "keys").rglob("*.key"):
        path.unlink()
    blind = with_checkpoints(kept.room.__class__(**{**vars(kept.room), "keys": _reopened(kept.room)}))
    with pytest.raises(SignerUnavailable):
        blind.authority.checkpoint()


def _reopened(room: Room) -> KeyStore:
    from tests.pki.conftest import PASSPHRASE

    return KeyStore.open(room.folder / "keys", PASSPHRASE)


def test_a_set_back_database_is_not_signed_until_somebody_says_why(kept: Checkpointed) -> None:
    kept.checkpoint("a")
    copy = kept.copy_of_database()
    kept.checkpoint("b")
    kept.checkpoint("c")
    kept.set_back_to(copy)
    with pytest.raises(TrailSetBack, match="last checkpoint is 1, the file's is 3"):
        kept.authority.checkpoint()
    made = kept.authority.accept_set_back("disk failed, backup of Monday restored", "user:anna")
    assert (made.number, made.abandons and (made.abandons.first, made.abandons.last)) == (4, (2, 3))
    assert "audit:set-back-accepted" in kept.room.acts()
    assert kept.checkpoint("d") == 5


def test_there_is_nothing_to_accept_when_the_database_was_not_set_back(kept: Checkpointed) -> None:
    kept.checkpoint()
    with pytest.raises(NothingToAccept):
        kept.authority.accept_set_back("why not", "user:anna")


def test_several_at_once_make_one_chain(kept: Checkpointed) -> None:
    def work() -> None:
        for number in range(5):
            kept.record(f"{number}")
            kept.authority.checkpoint()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.verify().findings == ()
    assert [one.number for one in kept.authority.checkpoints.page()] == list(
        range(len(kept.file.read_text().splitlines()), 0, -1)
    )


def test_a_checkpoint_that_another_makes_meanwhile_is_no_set_back(
    kept: Checkpointed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is ahead of what was read of the database a moment ago, and of nothing else."""
    meanwhile = iter([kept.checkpoint])

    def slow(session: Session) -> Checkpoint | None:
        found = last_checkpoint(session)
        for other in meanwhile:
            other()
        return found

    monkeypatch.setattr(checkpoints, "last_checkpoint", slow)
    kept.record("mine")
    assert kept.authority.checkpoint() is None
    assert [one.number for one in kept.authority.checkpoints.page()] == [1]


# --- reading them


def test_an_altered_statement_is_no_longer_signed(kept: Checkpointed) -> None:
    kept.checkpoint()
    line = kept.file.read_text().splitlines()[0]
    roots = kept.authority.audit_roots()
    assert signature_fault(read_line(line), roots) is None
    assert signature_fault(read_line(edited_statement(line)), roots) is not None


def test_another_certificate_of_ours_does_not_sign_checkpoints(kept: Checkpointed) -> None:
    """Whoever has a server's key could else write checkpoints."""
    kept.checkpoint()
    made = kept.authority.checkpoints.page()[0]
    server = next(one for one in kept.authority.server_credentials() if one.family == "ec")
    forged = checkpoint_of(made.statement, "AAAA", server.chain_pem)
    fault = signature_fault(forged, kept.authority.audit_roots())
    assert fault == "its certificate is not one for signing checkpoints"


def test_another_root_is_not_ours(kept: Checkpointed, fresh_room: Room) -> None:
    kept.checkpoint()
    made = kept.authority.checkpoints.page()[0]
    fresh_room.authority.establish("operator")
    assert signature_fault(made, fresh_room.authority.audit_roots()) == "its certificate does not come from our root"


HOSTILE_LINES = [
    "", "null", "[]", "{}", "x" * 100, '{"statement": 1, "signature": "", "certificate": ""}',
    '{"statement": "{}", "signature": "", "certificate": ""}', "[" * 100_000, '{"statement": null}',
    json.dumps({"statement": json.dumps({"format": "voltward-checkpoint/1", "number": "x"}), "signature": "",
                "certificate": ""}),
]  # fmt: skip


@pytest.mark.parametrize("line", HOSTILE_LINES)
def test_what_is_no_checkpoint_is_refused_as_such(line: str) -> None:
    with pytest.raises(NoCheckpoint):
        read_line(line)


def test_a_file_of_garbage_has_no_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.jsonl"
    path.write_bytes(b"\xff\xfe\n" * 50_000 + b"x" * 3_000_000)
    assert CheckpointFile(path).last() is None


def test_an_unreadable_row_does_not_stop_the_next_checkpoint(kept: Checkpointed) -> None:
    kept.checkpoint()
    kept.checkpoint()
    kept.tamper("UPDATE audit_checkpoints SET statement = 'x' WHERE id = 2")
    with kept.room.store.reading() as session:
        found = last_checkpoint(session)
        assert session.execute(text("SELECT count(*) FROM audit_checkpoints")).scalar() == 2
        assert session.get(CheckpointRow, 2) is not None
    assert found is not None
    assert found.number == 1

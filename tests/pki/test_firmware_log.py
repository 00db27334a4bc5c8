"""The transparency log: one entry for each signature in its transaction, proofs, and every tampering found."""

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from pki.audit import PkiAct
from pki.errors import UnknownLogEntry
from pki.firmware_log import FirmwareLog
from pki.firmware_tables import FirmwareLogRow
from pki.hash_tree import is_consistent
from pki.keys import SignatureScheme
from pki.log_heads import LogSigner
from tests.pki.conftest import Room
from tests.pki.test_firmware import ECDSA, order, signed
from tests.pki.test_hash_tree import included, mth
from tests.pki.test_issuance import CutTrail, PowerCut


def fill(room: Room, count: int = 5) -> None:
    for number in range(count):
        room.authority.sign_firmware(order(version=f"1.{number}"), "token:ci")


def entries(room: Room) -> list[bytes]:
    return [entry.entry.encode() for entry in room.authority.firmware_log.page()]


def sentences(room: Room) -> list[str]:
    with room.store.reading() as session:
        return [finding.sentence for finding in room.authority.firmware_log.verify(session)]


def test_each_signature_is_one_entry_that_commits_to_it(room: Room) -> None:
    made = [signed(room, scheme)[0] for scheme in SignatureScheme]
    signed(room)  # again
    found = room.authority.firmware_log.page()
    assert [entry.firmware_id for entry in found] == [firmware.id for firmware in made]
    said = json.loads(found[0].entry)
    assert (said["digest"], said["signature"]) == (made[0].digest, made[0].signature)
    assert said["signing_serial"] == made[0].signing_serial
    assert "token:ci" not in found[0].entry  # the log may be shown to outsiders


def test_entry_and_signature_come_in_one_transaction(room: Room) -> None:
    cut = room.rebuilt(trail=CutTrail(room.trail, PkiAct.FIRMWARE_SIGNED))
    with pytest.raises(PowerCut):
        cut.sign_firmware(order(), "token:ci")
    assert room.authority.firmware_log.head().size == 0
    firmware = signed(room)[0]
    assert firmware.log_number == 0
    assert room.authority.firmware_log.head().size == 1


def test_proofs_convince_a_verifier_that_is_not_ours(room: Room) -> None:
    fill(room)
    log = room.authority.firmware_log
    written = entries(room)
    for number, entry in enumerate(written):
        for size in range(number + 1, 6):
            shown = log.prove(number, size)
            root = bytes.fromhex(shown.head.root)
            assert root == mth(written[:size])
            assert included(entry, number, size, [bytes.fromhex(node) for node in shown.proof], root)
    for old in range(1, 6):
        shown_growth = log.prove_growth(old)
        nodes = [bytes.fromhex(node) for node in shown_growth.proof]
        assert is_consistent(old, 5, nodes, mth(written[:old]), mth(written))


def test_heads_are_signed_by_the_logs_key_which_stays_the_same(room: Room) -> None:
    fill(room, 3)
    log = room.authority.firmware_log
    again = room.rebuilt().firmware_log
    assert again.key.pem == log.key.pem
    for size in range(1, 4):
        assert log.key.opened(again.head(size).head).size == size


def test_an_empty_log_has_a_head_too(room: Room) -> None:
    log = room.authority.firmware_log
    assert log.key.opened(log.head().head).size == 0
    for ask in (lambda: log.prove(0), lambda: log.prove_growth(1), lambda: log.head(1)):
        with pytest.raises(UnknownLogEntry):
            ask()


def test_a_whole_log_has_no_findings(room: Room) -> None:
    fill(room)
    assert sentences(room) == []
    assert room.authority.verify_audit().whole


TAMPERINGS: dict[str, tuple[str, str]] = {
    "an entry": ("UPDATE firmware_log SET entry = replace(entry, '1.2', '9.9') WHERE number = 2", "entry 2"),
    "a leaf": ("UPDATE firmware_log SET leaf = '00' WHERE number = 1", "entry 1"),
    "a frontier": ("UPDATE firmware_log SET frontier = '00' WHERE number = 4", "entry 4"),
    "a head": ("UPDATE firmware_log SET head = (SELECT head FROM firmware_log WHERE number = 1) WHERE number = 3", "3"),
    "one taken out": ("DELETE FROM firmware_log WHERE number = 2", "entry 2 of the firmware log is missing"),
    "the last taken off": ("DELETE FROM firmware_log WHERE number = 4", "is gone"),
    "another signature": ("UPDATE firmware SET signature = 'AAAA' WHERE log_number = 0", "differ in signature"),
    "another digest": ("UPDATE firmware SET digest = 'ab' WHERE log_number = 0", "differ in digest"),
    "another counter": ("UPDATE firmware SET release_counter = 9 WHERE log_number = 0", "differ in release_counter"),
    "a certificate": (
        "UPDATE firmware SET signing_certificate = (SELECT signing_certificate FROM firmware WHERE log_number = 5)",
        "differ in signing_certificate",
    ),
    "the firmware taken away": ("DELETE FROM firmware WHERE log_number = 0", "differ in firmware"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_tampering_is_found(room: Room, tampering: str) -> None:
    """The tests' tables have no triggers, as after an intruder took them away."""
    statement, words = TAMPERINGS[tampering]
    fill(room)
    signed(room, SignatureScheme.RSA_PSS_SHA256)
    if tampering == "the last taken off":
        statement = statement.replace("4", "5")
    with room.store.writing() as session:
        session.execute(text(statement))
    found = sentences(room)
    assert any(words in sentence for sentence in found), found
    assert not room.authority.verify_audit().whole


def test_a_tail_cut_off_everywhere_but_in_the_trail_is_found(room: Room) -> None:
    fill(room, 3)
    with room.store.writing() as session:
        session.execute(text("DELETE FROM firmware_log WHERE number = 2"))
        session.execute(text("DELETE FROM firmware WHERE log_number = 2"))
    assert any("the audit trail tells of" in sentence for sentence in sentences(room))


def test_a_log_written_anew_with_the_key_is_found(room: Room) -> None:
    fill(room, 2)
    with room.store.writing() as session:
        session.execute(text("DELETE FROM firmware_log"))
    forger = FirmwareLog(room.store, LogSigner(room.keys.secret("firmware log 1")))
    with room.store.writing() as session:
        for number in range(2):
            forger.append(session, "x", '{"format":"voltward-firmware-entry/1"}', room.clock.now)
            assert session.get(FirmwareLogRow, number) is not None
    assert any("the audit trail tells of" in sentence for sentence in sentences(room))


def test_what_was_signed_before_there_was_a_log_is_entered_when_asked_for_again(room: Room) -> None:
    firmware = signed(room)[0]
    with room.store.writing() as session:
        session.execute(text("DELETE FROM firmware_log"))
        session.execute(text("UPDATE firmware SET log_number = NULL, names_salt = ''"))
        session.execute(text("DELETE FROM audit_records WHERE act = 'firmware:signed'"))
    again = signed(room)[0]
    assert (again.signature, again.log_number) == (firmware.signature, 0)
    assert sentences(room) == []


def test_two_schemes_at_once_get_numbers_one_after_the_other(room: Room, at_once: Callable[..., None]) -> None:
    at_once(*(lambda scheme=scheme: signed(room, scheme) for scheme in (ECDSA, SignatureScheme.RSA_PSS_SHA256)))
    assert [entry.number for entry in room.authority.firmware_log.page()] == [0, 1]
    assert sentences(room) == []


@pytest.fixture
def at_once() -> Callable[..., None]:
    from threading import Thread

    def run(*works: Callable[[], object]) -> None:
        threads = [Thread(target=work) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run


def test_the_fixture_of_tables_has_no_triggers(room: Room) -> None:
    """Else the tamperings above would be refused and prove nothing."""
    fill(room, 1)
    with suppress(IntegrityError), room.store.writing() as session:
        assert session.execute(text("UPDATE firmware_log SET leaf = leaf")).rowcount == 1  # type: ignore[attr-defined]

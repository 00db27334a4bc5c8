"""Time stamps on checkpoints, by OpenSSL's time-stamping authority. Nothing waits for it and nothing is lost by it."""

from pathlib import Path

import pytest

from pki.alarms import AlarmKind
from pki.audit_chain import Damage
from pki.audit_export import Wanted, export_lines
from pki.authority import Authority
from pki.errors import StampRefused
from pki.export_verifier import verify_export
from pki.timestamps import Stamper, fresh_stamp, read_certificates, stamp_check, stamped_at
from tests.pki.checkpointed import Checkpointed
from tests.pki.conftest import SETTINGS, Room, openssl
from tests.pki.time_stamper import TimeStamper, time_stamper
from tests.tools_needed import needs_openssl

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> TimeStamper:
    return time_stamper(tmp_path_factory.mktemp("tsa") / "tower")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> TimeStamper:
    return time_stamper(tmp_path_factory.mktemp("tsa") / "stranger", "Stranger")


def stamped_by(room: Room, stamper: Stamper | None) -> Checkpointed:
    file = room.folder / "checkpoints.jsonl"
    parts = (room.store, room.keys, room.trail, SETTINGS, room.clock)
    return Checkpointed(room, file, Authority(*parts, checkpoint_file=file, stamper=stamper))


@pytest.fixture
def kept(room: Room, tower: TimeStamper) -> Checkpointed:
    return stamped_by(room, Stamper(tower.answer, (tower.root,)))


def test_a_checkpoint_is_stamped_and_openssl_agrees(kept: Checkpointed, tower: TimeStamper) -> None:
    kept.checkpoint()
    made = kept.authority.checkpoints.page()[0]
    assert made.stamp is not None
    stamp, statement = kept.room.write("stamp.tsr", made.stamp), kept.room.write("statement", made.statement)
    judged = openssl("ts", "-verify", "-data", statement, "-in", stamp, "-CAfile", tower.root_file)
    assert "Verification: OK" in judged.stdout + judged.stderr
    verdict = kept.verify()
    assert (verdict.findings, verdict.stamps) == ((), 1)


def test_a_stamp_over_other_data_is_not_good(tower: TimeStamper) -> None:
    stamp = fresh_stamp(Stamper(tower.answer, (tower.root,)), b"one thing")
    with pytest.raises(StampRefused):
        stamped_at(stamp, b"another thing", (tower.root,))


def test_a_stamp_of_a_stranger_is_not_good(tower: TimeStamper, stranger: TimeStamper) -> None:
    with pytest.raises(StampRefused):
        fresh_stamp(Stamper(stranger.answer, (tower.root,)), b"one thing")


def test_the_answer_to_another_request_is_not_taken(tower: TimeStamper) -> None:
    """RFC 3161 §2.4.2: the nonce must be that of the request, else an old answer could be sent again."""
    old: list[bytes] = []

    def once(request: bytes) -> bytes:
        old.append(tower.answer(request))
        return old[0]

    stamper = Stamper(once, (tower.root,))
    fresh_stamp(stamper, b"one thing")
    with pytest.raises(StampRefused, match="Nonce"):
        fresh_stamp(stamper, b"one thing")


@pytest.mark.parametrize("answer", [b"", b"junk", b"\x30\x03\x02\x01\x02", b"\x30\x05\x30\x03\x02\x01\x02"])
def test_what_is_no_stamp_is_refused(tower: TimeStamper, answer: bytes) -> None:
    with pytest.raises(StampRefused):
        fresh_stamp(Stamper(lambda _request: answer, (tower.root,)), b"one thing")


def away(_request: bytes) -> bytes:
    raise StampRefused("it cannot be reached")


def test_without_an_answer_the_checkpoint_is_made_and_stamped_later(room: Room, tower: TimeStamper) -> None:
    kept = stamped_by(room, Stamper(away, (tower.root,)))
    kept.checkpoint()
    assert not kept.authority.checkpoints.page()[0].is_stamped
    assert [alarm.kind for alarm in kept.authority.alarms.page()] == [AlarmKind.CHECKPOINT_NOT_STAMPED]
    assert kept.verify().findings == ()
    again = stamped_by(room, Stamper(tower.answer, (tower.root,)))
    again.authority.keep_checkpoints()
    assert again.authority.checkpoints.page()[0].is_stamped
    assert again.authority.alarms.page() == []


def test_a_stamp_asks_for_no_further_checkpoint(kept: Checkpointed) -> None:
    kept.checkpoint()
    assert kept.authority.checkpoint() is None


def test_an_exchanged_stamp_is_found(kept: Checkpointed) -> None:
    kept.checkpoint()
    kept.checkpoint()
    kept.tamper("UPDATE audit_checkpoints SET stamp = (SELECT stamp FROM audit_checkpoints WHERE id = 1)")
    assert kept.damages() == {Damage.STAMP_WRONG}
    assert "the time stamp of checkpoint 2 is not good" in kept.sentences()


def test_an_outsider_verifies_the_stamps_of_an_export(
    kept: Checkpointed, tower: TimeStamper, stranger: TimeStamper
) -> None:
    kept.checkpoint()
    with kept.room.store.reading() as session:
        lines = [line.encode() + b"\n" for line in export_lines(session, Wanted())]
    verdict = verify_export(lines, kept.authority.audit_roots(), stamp_check((tower.root,)))
    assert (verdict.findings, verdict.stamps) == ((), 1)
    verdict = verify_export(lines, kept.authority.audit_roots(), stamp_check((stranger.root,)))
    assert [found.damage for found in verdict.findings] == [Damage.STAMP_WRONG]


def test_without_a_root_nothing_is_trusted(tower: TimeStamper) -> None:
    with pytest.raises(StampRefused, match="no root certificate"):
        fresh_stamp(Stamper(tower.answer, ()), b"one thing")


def test_a_file_without_certificates_is_told(tmp_path: Path) -> None:
    with pytest.raises(StampRefused, match="cannot be read"):
        read_certificates(tmp_path / "absent")

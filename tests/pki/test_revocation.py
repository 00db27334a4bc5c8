"""Revoking, holding, releasing."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from pki.audit import PkiAct
from pki.authority import CertificateState
from pki.errors import AlreadyRevoked, NotHeld, RevocationRefused, UnknownCertificate
from pki.revocation import RevocationReason
from pki.tables import RevokedRow
from tests.pki.conftest import Room

HOLD, COMPROMISE = RevocationReason.CERTIFICATE_HOLD, RevocationReason.KEY_COMPROMISE


def test_a_revoked_certificate_says_so_with_reason_and_time(room: Room) -> None:
    serial = room.issue().serial
    room.clock.advance(timedelta(minutes=1))
    revoked = room.authority.revoke(serial, COMPROMISE, "user:admin", "stolen")
    assert (revoked.state, revoked.reason) == (CertificateState.REVOKED, COMPROMISE)
    assert revoked.revoked_at == room.clock.now
    assert room.authority.certificate(serial) == revoked


def test_the_trail_names_who_and_why(room: Room) -> None:
    serial = room.issue().serial
    room.authority.revoke(serial, COMPROMISE, "user:admin", "stolen")
    with room.store.reading() as session:
        last = room.trail.records(session, kind="certificate", thing=serial, newest_first=True)[0]
    assert (last.act, last.by, last.reason) == (PkiAct.CERTIFICATE_REVOKED, "user:admin", "stolen")
    assert last.details["reason"] == "keyCompromise"


def test_only_revoked_certificates_have_rows(room: Room) -> None:
    serials = [room.issue().serial for _ in range(3)]
    room.authority.revoke(serials[0], COMPROMISE, "user:admin")
    with room.store.reading() as session:
        assert session.execute(select(func.count()).select_from(RevokedRow)).scalar_one() == 1


@pytest.mark.parametrize("reason", RevocationReason)
def test_every_reason_has_its_number(reason: RevocationReason) -> None:
    """RFC 5280 §5.3.1: 7 is unused, 8 is removeFromCRL."""
    assert reason.number in {0, 1, 2, 3, 4, 5, 6, 9, 10}
    assert len({other.number for other in RevocationReason}) == len(RevocationReason) == 9


def test_refuses_to_revoke_twice(room: Room) -> None:
    serial = room.issue().serial
    room.authority.revoke(serial, COMPROMISE, "user:admin")
    with pytest.raises(AlreadyRevoked):
        room.authority.revoke(serial, RevocationReason.SUPERSEDED, "user:admin")
    with pytest.raises(AlreadyRevoked):
        room.authority.revoke(serial, HOLD, "user:admin")
    assert room.authority.certificate(serial).reason is COMPROMISE


def test_a_hold_can_be_released(room: Room) -> None:
    serial = room.issue().serial
    assert room.authority.revoke(serial, HOLD, "user:admin").state is CertificateState.HELD
    released = room.authority.release(serial, "user:admin", "was a mistake")
    assert (released.state, released.reason, released.revoked_at) == (CertificateState.GOOD, None, None)
    assert room.acts()[-2:] == [PkiAct.CERTIFICATE_HELD, PkiAct.CERTIFICATE_RELEASED]


def test_a_hold_can_become_final_and_keeps_its_date(room: Room) -> None:
    """X.509 §9.5.2.2."""
    serial = room.issue().serial
    held = room.authority.revoke(serial, HOLD, "user:admin")
    room.clock.advance(timedelta(days=1))
    with pytest.raises(AlreadyRevoked):
        room.authority.revoke(serial, HOLD, "user:admin")
    final = room.authority.revoke(serial, COMPROMISE, "user:admin")
    assert (final.state, final.revoked_at) == (CertificateState.REVOKED, held.revoked_at)


def test_only_a_hold_can_be_released(room: Room) -> None:
    serial = room.issue().serial
    with pytest.raises(NotHeld):
        room.authority.release(serial, "user:admin")
    room.authority.revoke(serial, COMPROMISE, "user:admin")
    with pytest.raises(NotHeld):
        room.authority.release(serial, "user:admin")


def test_unknown_serial_numbers_are_told(room: Room) -> None:
    with pytest.raises(UnknownCertificate):
        room.authority.revoke("1234", COMPROMISE, "user:admin")
    with pytest.raises(UnknownCertificate):
        room.authority.release("1234", "user:admin")


def test_a_root_cannot_revoke_itself(room: Room) -> None:
    with pytest.raises(RevocationRefused):
        room.authority.revoke(room.authority.authority("root").serial, COMPROMISE, "user:admin")


def test_listeners_hear_of_it_after_the_commit(room: Room) -> None:
    heard: list[CertificateState] = []

    def listen(serials: Sequence[str]) -> None:
        heard.extend(room.rebuilt().certificate(serial).state for serial in serials)

    room.authority.when_revoked(listen)
    serial = room.issue().serial
    room.authority.revoke(serial, HOLD, "user:admin")
    room.authority.revoke(serial, COMPROMISE, "user:admin")
    assert heard == [CertificateState.HELD, CertificateState.REVOKED]


def test_one_deaf_listener_does_not_keep_it_from_the_others(room: Room) -> None:
    heard: list[str] = []
    room.authority.when_revoked(lambda _: 1 / 0)
    room.authority.when_revoked(heard.extend)
    serial = room.issue().serial
    with capture_logs() as logs:
        room.authority.revoke(serial, COMPROMISE, "user:admin")
    assert heard == [serial]
    assert [entry["event"] for entry in logs] == ["revocation_listener_failed"]


def test_what_another_process_revoked_is_found(room: Room) -> None:
    since = room.clock.now
    serial = room.issue().serial
    room.clock.advance(timedelta(seconds=5))
    room.rebuilt().revoke(serial, COMPROMISE, "operator")
    assert room.authority.revoked_since(since) == [serial]
    assert room.authority.revoked_since(room.clock.now + timedelta(seconds=1)) == []


def test_many_are_revoked_at_once_and_what_is_odd_is_named(room: Room) -> None:
    serials = [room.issue(serial=f"SN-{n}", station=f"CS-{n}").serial for n in range(5)]
    room.authority.revoke(serials[0], COMPROMISE, "user:admin")
    heard: list[str] = []
    room.authority.when_revoked(heard.extend)
    asked = [*serials, "1234abcd", serials[1]]
    planned = room.authority.revoke_each(asked, COMPROMISE, "user:admin", dry_run=True)
    assert (planned.revoked, planned.already, planned.unknown) == (tuple(serials[1:]), (serials[0],), ("1234abcd",))
    assert heard == []
    assert room.authority.revoke_each(asked, COMPROMISE, "user:admin", "line 3 was stolen") == planned
    assert heard == serials[1:]
    assert all(room.authority.certificate(serial).state is CertificateState.REVOKED for serial in serials)
    assert room.authority.revoke_each(asked, COMPROMISE, "user:admin").revoked == ()


def test_more_than_one_transaction_holds_are_revoked(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pki.revocation._AT_ONCE", 2)
    serials = [room.issue(serial=f"SN-{n}", station=f"CS-{n}").serial for n in range(5)]
    assert room.authority.revoke_each(serials, HOLD, "user:admin").revoked == tuple(serials)
    assert room.authority.revoke_each(serials, COMPROMISE, "user:admin").revoked == tuple(serials)
    assert room.acts().count(PkiAct.CERTIFICATE_REVOKED) == 5


def test_a_root_among_many_stops_all_of_them(room: Room) -> None:
    serial = room.issue().serial
    with pytest.raises(RevocationRefused):
        room.authority.revoke_each([serial, room.authority.authority("root").serial], COMPROMISE, "user:admin")
    assert room.authority.certificate(serial).state is CertificateState.GOOD


def test_the_certificates_of_a_station_that_could_still_be_used(room: Room) -> None:
    first, second, third = (room.issue().serial for _ in range(3))
    room.issue(serial="SN-2", station="CS-2")
    room.authority.revoke(first, COMPROMISE, "user:admin")
    room.authority.revoke(second, HOLD, "user:admin")
    assert room.authority.serials_of_station("CS-1") == [second, third]
    room.clock.advance(timedelta(days=91))
    assert room.authority.serials_of_station("CS-1") == []

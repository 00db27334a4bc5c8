"""A database fault at the last insert: the certificate may exist, so it can be found and revoked (DESIGN §3.1)."""

from datetime import timedelta

import pytest
from cryptography.x509.ocsp import OCSPCertStatus
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from pki.authority import CertificateState, RevocationReason
from pki.errors import AlreadyRevoked, MisSigned
from pki.issuance import Warrant, record_intents, record_outcomes, reserve_serials, sign
from pki.tables import IntentRow
from tests.pki.conftest import Room
from tests.pki.test_ocsp import ask, cert_id, several

COMPROMISE = RevocationReason.KEY_COMPROMISE


def break_the_last_insert(room: Room) -> None:
    with room.store.writing() as session:
        session.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON certificates BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )


def mend(room: Room) -> None:
    with room.store.writing() as session:
        session.execute(text("DROP TRIGGER full"))


def fail_to_issue(room: Room) -> tuple[str, str]:
    """The serial number and the key of a certificate that was signed and not recorded."""
    order = room.order()
    break_the_last_insert(room)
    with pytest.raises(IntegrityError, match="disk full"):
        room.authority.issue(order, "station:CS-1")
    mend(room)
    with room.store.reading() as session:
        intent = session.exec(select(IntentRow).where(IntentRow.settled == None)).one()  # noqa: E711
    return intent.serial, order.request.spki_sha256


def test_it_is_found_by_serial_number_and_by_key(room: Room) -> None:
    serial, key = fail_to_issue(room)
    found = room.authority.certificate(serial)
    assert (found.state, found.station, found.common_name) == (CertificateState.UNFINISHED, "CS-1", "SN-1")
    assert (found.pem, found.der) == ("", b"")
    assert room.authority.certificates_of_key(key) == [found]


@pytest.mark.parametrize("by", ["serial number", "key"])
def test_it_is_revoked_by_serial_number_and_by_key(room: Room, by: str) -> None:
    serial, key = fail_to_issue(room)
    if by == "serial number":
        assert room.authority.revoke(serial, COMPROMISE, "user:admin").state is CertificateState.REVOKED
    else:
        serials = [one.serial for one in room.authority.certificates_of_key(key)]
        assert room.authority.revoke_each(serials, COMPROMISE, "user:admin").revoked == (serial,)
    assert room.authority.certificate(serial).reason is COMPROMISE
    answer = ask(room.authority, several(cert_id(room, "stations", int(serial, 16))))
    assert answer.certificate_status is OCSPCertStatus.REVOKED
    with pytest.raises(AlreadyRevoked):
        room.authority.revoke(serial, COMPROMISE, "user:admin")


def test_nobody_gets_it_who_was_still_at_it(room: Room) -> None:
    """Revoked between the signature and the outcome: the outcome is not recorded any more."""
    now = room.clock.now
    plan = room.authority._decisions.decide(room.order(), now)
    claim = reserve_serials(room.store, room.trail, [Warrant(plan, "user:admin")], now)[0]
    signed = sign(record_intents(room.store, room.trail, [room.linted(claim)], now)[0], room.keys.signer("stations"))
    room.authority.revoke(signed.serial, COMPROMISE, "user:admin")
    with pytest.raises(MisSigned, match="given up"):
        record_outcomes(room.store, room.trail, [signed], now)


def test_left_alone_it_is_revoked_after_some_minutes(room: Room) -> None:
    serial, _ = fail_to_issue(room)
    room.clock.advance(timedelta(minutes=11))
    room.authority.refresh_crls()
    assert room.authority.certificate(serial).state is CertificateState.REVOKED


def test_the_same_order_ends_well_afterwards(room: Room) -> None:
    order = room.order()
    break_the_last_insert(room)
    with pytest.raises(IntegrityError):
        room.authority.issue(order, "station:CS-1")
    mend(room)
    assert room.authority.issue(order, "station:CS-1").state is CertificateState.GOOD


def test_others_in_the_same_batch_share_a_fault_of_the_database_and_nothing_else(room: Room) -> None:
    """A key that is taken stops its own order alone."""
    taken = room.order(serial="SN-9", station="CS-9")
    room.authority.issue(taken, "user:admin")
    thief = room.authority.read_request(taken.request.der)
    good = [room.order(serial=f"SN-{n}", station=f"CS-{n}") for n in range(3)]
    bad = type(taken)(thief, "station", "SN-9", station="CS-0")
    outcomes = room.authority.issue_each([good[0], bad, good[1], good[2]], "user:admin")
    assert [type(one).__name__ for one in outcomes] == ["Certificate", "CsrRejected", "Certificate", "Certificate"]

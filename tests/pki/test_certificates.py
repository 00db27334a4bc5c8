"""Finding certificates, and what state they are in."""

from datetime import timedelta

import pytest

from pki.certificates import CertificateState, state_of
from pki.errors import UnknownCertificate
from pki.revocation import RevocationReason
from tests.pki.conftest import Room

GOOD, HELD, REVOKED, EXPIRED, UNFINISHED = CertificateState


@pytest.mark.parametrize(
    ("reason", "days", "state"),
    [
        (None, 1, GOOD),
        (None, -1, EXPIRED),
        (RevocationReason.CERTIFICATE_HOLD, 1, HELD),
        (RevocationReason.CERTIFICATE_HOLD, -1, EXPIRED),
        (RevocationReason.KEY_COMPROMISE, 1, REVOKED),
        (RevocationReason.KEY_COMPROMISE, -1, REVOKED),  # the reason outlasts the end
    ],
)
def test_the_database_and_the_rule_agree_on_the_state(
    room: Room, reason: RevocationReason | None, days: int, state: CertificateState
) -> None:
    serial = room.issue(station="CS-9").serial
    if reason:
        room.authority.revoke(serial, reason, "user:admin")
    not_after = room.authority.certificate(serial).not_after
    room.clock.now = not_after - timedelta(days=days)
    assert state_of(not_after, reason, room.clock.now) is state
    assert room.authority.certificate(serial).state is state
    for other in CertificateState:
        listed = room.authority.certificates(station="CS-9", state=other)
        assert [found.serial for found in listed] == ([serial] if other is state else [])


def test_the_last_second_counts(room: Room) -> None:
    """RFC 5280 §4.1.2.5: notAfter is inclusive."""
    certificate = room.issue()
    room.clock.now = certificate.not_after
    assert room.authority.certificate(certificate.serial).state is GOOD
    room.clock.advance(timedelta(seconds=1))
    assert room.authority.certificate(certificate.serial).state is EXPIRED


def test_lists_are_newest_first_and_paged_by_serial_number(room: Room) -> None:
    serials = [room.issue(station="CS-9").serial for _ in range(5)][::-1]
    first = room.authority.certificates(station="CS-9", limit=2)
    rest = room.authority.certificates(station="CS-9", limit=10, after=first[-1].serial)
    assert [found.serial for found in [*first, *rest]] == serials
    with pytest.raises(UnknownCertificate):
        room.authority.certificates(after="1234")


def test_lists_can_be_of_one_authority(room: Room) -> None:
    serial = room.issue().serial
    assert [found.serial for found in room.authority.certificates(authority="stations", limit=1)] == [serial]
    roots = room.authority.certificates(authority="root")
    assert {found.profile for found in roots} == {"root", "issuing"}


def test_the_chain_is_leaf_then_sub_without_root(room: Room) -> None:
    """OCPP CertificateSigned: leaf first, then the issuing sub-CAs."""
    certificate = room.issue()
    sub = room.authority.authority("stations").certificate_pem
    assert certificate.chain_pem == certificate.pem + sub
    assert certificate.root == "root"
    assert "\r" not in certificate.chain_pem
    assert certificate.chain_pem.endswith("-----END CERTIFICATE-----\n")


def test_a_certificate_is_recognised_octet_by_octet(room: Room) -> None:
    certificate = room.issue()
    assert room.authority.identify(certificate.der) == certificate
    assert room.authority.identify(certificate.der + b"\x00") is None
    assert room.authority.identify(b"") is None


def test_its_repr_is_short(room: Room) -> None:
    assert "BEGIN" not in repr(room.issue())

"""Cross-certificates: who may certify whom, and whether other people's tools follow the chain."""

from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509

from pki.audit import PkiAct
from pki.certificates import CertificateState
from pki.cross_certificates import CrossCertificates, check_pair
from pki.errors import CrossRefused, UnknownAuthority
from pki.hierarchy import AuthorityInfo, AuthorityStatus, Custody, Hierarchy
from pki.revocation import RevocationReason
from tests.pki.conftest import SETTINGS, Room, openssl
from tests.tools_needed import needs_openssl


def crosses(room: Room) -> CrossCertificates:
    desk = room.desk()
    return CrossCertificates(room.store, room.trail, desk, Hierarchy(room.store), SETTINGS)


@pytest.mark.parametrize(
    ("authority", "issuer"), [("root", "root-rsa"), ("root-rsa", "root"), ("stations", "root-rsa")]
)
def test_a_cross_certificate_repeats_name_and_key_of_the_authority(room: Room, authority: str, issuer: str) -> None:
    """RFC 5280 §3.2, §4.1.2.6: the subject octet by octet; asn1crypto reads the same."""
    made = crosses(room).make(authority, issuer, "user:admin", room.clock.now)
    own = asn1_x509.Certificate.load(room.authority.authority(authority).der, strict=True)
    above = asn1_x509.Certificate.load(room.authority.authority(issuer).der, strict=True)
    found = asn1_x509.Certificate.load(made.der, strict=True)
    assert found.subject.dump() == own.subject.dump()
    assert found.public_key.dump() == own.public_key.dump()
    assert found.key_identifier == own.key_identifier
    assert found.issuer.dump() == above.subject.dump()
    assert found.authority_key_identifier == above.key_identifier
    assert found.ca is True
    assert found.max_path_length == (0 if authority == "stations" else 1)
    assert made.not_after <= min(room.authority.authority(name).not_after for name in (authority, issuer))


@needs_openssl
@pytest.mark.parametrize("family", ["ec", "rsa"])
def test_openssl_follows_the_cross_certificate_to_the_other_root(room: Room, family: str, rsa_key) -> None:  # type: ignore[no-untyped-def]
    """The leaf's own root is not trusted: only the cross-certificate leads up."""
    certificate = room.issue(rsa_key) if family == "rsa" else room.issue()
    own, other = ("root-rsa", "root") if family == "rsa" else ("root", "root-rsa")
    made = crosses(room).make(own, other, "user:admin", room.clock.now)
    root = room.write("other.pem", room.authority.authority(other).certificate_pem)
    leaf = room.write("leaf.pem", certificate.pem)
    plain = room.write("plain.pem", certificate.chain_pem)
    crossed = room.write("crossed.pem", certificate.chain_pem + made.pem)
    strict = ("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", root, "-untrusted")
    assert openssl(*strict, plain, leaf).returncode != 0
    done = openssl(*strict, crossed, leaf)
    assert done.returncode == 0, done.stderr


def test_it_is_on_record_like_every_certificate(room: Room) -> None:
    made = crosses(room).make("root", "root-rsa", "user:admin", room.clock.now)
    assert [act for act in room.acts() if act != PkiAct.SHAPE_LINTED][-4:] == [
        PkiAct.CERTIFICATE_REQUESTED,
        PkiAct.CERTIFICATE_INTENDED,
        PkiAct.AUTHORITY_CROSS_CERTIFIED,
        PkiAct.CERTIFICATE_ISSUED,
    ]
    found = room.authority.certificate(made.serial)
    assert (found.profile, found.authority, found.der) == ("cross", "root-rsa", made.der)
    assert crosses(room).all(room.clock.now) == crosses(room).of("root", room.clock.now) == [made]


def test_it_is_revoked_like_every_certificate(room: Room) -> None:
    """It stands on its issuer's list."""
    made = crosses(room).make("root", "root-rsa", "user:admin", room.clock.now)
    room.authority.revoke(made.serial, RevocationReason.SUPERSEDED, "user:admin")
    listed = x509.load_der_x509_crl(room.authority.crl("root-rsa", 0))
    assert listed.get_revoked_certificate_by_serial_number(int(made.serial, 16)) is not None
    assert crosses(room).all(room.clock.now)[0].state is CertificateState.REVOKED


def test_a_second_one_waits_until_the_first_is_revoked_or_half_worn(room: Room) -> None:
    first = crosses(room).make("root", "root-rsa", "user:admin", room.clock.now)
    with pytest.raises(CrossRefused, match="already"):
        crosses(room).make("root", "root-rsa", "user:admin", room.clock.now)
    room.authority.revoke(first.serial, RevocationReason.SUPERSEDED, "user:admin")
    second = crosses(room).make("root", "root-rsa", "user:admin", room.clock.now)
    room.clock.advance(timedelta(days=365 * 11))
    third = crosses(room).make("root", "root-rsa", "user:admin", room.clock.now)
    assert third.serial not in (first.serial, second.serial)


def test_a_validity_shortens_and_never_lengthens(room: Room) -> None:
    made = crosses(room).make("root", "root-rsa", "user:admin", room.clock.now, timedelta(days=30))
    assert made.not_after == room.clock.now + timedelta(days=30) - timedelta(seconds=1)
    endless = crosses(room).make("root-rsa", "root", "user:admin", room.clock.now, timedelta(days=365 * 49))
    assert endless.not_after <= room.authority.authority("root").not_after


def test_nothing_is_certified_when_a_life_is_over(room: Room) -> None:
    room.clock.advance(timedelta(days=365 * 20))
    with pytest.raises(CrossRefused, match="at its end"):
        crosses(room).make("root", "root-rsa", "user:admin", room.clock.now)


@pytest.mark.parametrize(
    ("authority", "issuer", "why"),
    [
        ("root", "root", "the same authority"),
        ("stations", "root", "its parent"),
        ("root", "manufacturer", "stay apart"),
        ("root", "stations", "path length"),
        ("root-rsa", "stations", "path length"),
    ],
)
def test_some_pairs_make_no_sense(room: Room, authority: str, issuer: str, why: str) -> None:
    before = room.acts()
    with pytest.raises(CrossRefused, match=why):
        crosses(room).make(authority, issuer, "user:admin", room.clock.now)
    assert room.acts() == before


@pytest.mark.parametrize(("authority", "issuer"), [("nobody", "root"), ("root", "nobody")])
def test_both_must_exist(room: Room, authority: str, issuer: str) -> None:
    with pytest.raises(UnknownAuthority):
        crosses(room).make(authority, issuer, "user:admin", room.clock.now)


@pytest.fixture
def roots(room: Room) -> tuple[AuthorityInfo, AuthorityInfo]:
    return room.authority.authority("root"), room.authority.authority("root-rsa")


@pytest.mark.parametrize("status", [AuthorityStatus.PENDING, AuthorityStatus.RETIRED])
def test_what_is_gone_or_not_there_yet_is_left_alone(
    roots: tuple[AuthorityInfo, AuthorityInfo], status: AuthorityStatus
) -> None:
    subject, issuer = roots
    with pytest.raises(CrossRefused, match=status.value):
        check_pair(replace(subject, status=status), issuer, None)
    with pytest.raises(CrossRefused, match=status.value):
        check_pair(subject, replace(issuer, status=status), None)


def test_a_key_on_another_machine_signs_there(roots: tuple[AuthorityInfo, AuthorityInfo]) -> None:
    subject, issuer = roots
    with pytest.raises(CrossRefused, match="not here"):
        check_pair(subject, replace(issuer, custody=Custody.ELSEWHERE), None)
    check_pair(replace(subject, custody=Custody.ELSEWHERE), issuer, None)


@pytest.mark.parametrize(("limit", "may"), [(None, True), (2, True), (1, False), (0, False)])
def test_the_issuers_path_length_must_leave_room(
    roots: tuple[AuthorityInfo, AuthorityInfo], limit: int | None, may: bool
) -> None:
    """RFC 5280 §4.2.1.9: below the cross-certificate of a root stand an issuing authority and a leaf."""
    if may:
        check_pair(*roots, limit)
    else:
        with pytest.raises(CrossRefused, match="path length"):
            check_pair(*roots, limit)

"""The full linter finds what is wrong, and nothing in what we issue."""

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from pki.full_lint import full_lint
from tests.pki.conftest import SETTINGS, Room


def test_nothing_speaks_against_what_we_issue(room: Room) -> None:
    room.issue()
    for certificate in room.authority.certificates(limit=100):
        assert full_lint(certificate.der) == (), certificate.profile


def test_a_host_name_of_one_label_is_a_host_name(room: Room) -> None:
    """RFC 1034 §3.5: `localhost`, which is what a service without a name of its own is called, and hosts of a LAN."""
    names = {"hostnames": ("localhost", "127.0.0.1"), "public_url": "http://csms:8080"}
    served = room.rebuilt(settings=SETTINGS.model_copy(update=names))
    assert len(served.server_credentials()) == 2
    for certificate in served.certificates(limit=2):
        assert full_lint(certificate.der) == ()


def test_a_host_name_that_is_none_is_found(room: Room) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    now = room.clock.now
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1).not_valid_before(now)
    builder = builder.not_valid_after(now.replace(year=now.year + 1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("local_host")]), critical=False)
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert any("domain_name" in finding for finding in full_lint(der))


def test_a_certificate_without_key_identifiers_is_found(room: Room) -> None:
    """RFC 5280 §4.2.1.1: conforming CAs MUST include the authority key identifier."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    now = room.clock.now
    certificate = builder.not_valid_before(now).not_valid_after(now.replace(year=now.year + 1))
    der = certificate.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert any("authority_key_identifier" in finding for finding in full_lint(der))


@pytest.mark.parametrize("junk", [b"", b"0", b"\x30\x80\x00\x00", b"\x00" * 100])
def test_what_is_no_certificate_is_a_finding_and_no_fault(junk: bytes) -> None:
    assert full_lint(junk)


def test_bytes_after_the_end_are_found(room: Room) -> None:
    assert full_lint(room.issue().der + b"\x00")


def test_an_encoding_that_is_not_the_canonical_one_is_found(room: Room) -> None:
    """X.690 §11: DER leaves one way to write a thing; a BOOLEAN of 0x01 is another."""
    der = room.issue().der
    spoilt = der.replace(b"\x01\x01\xff", b"\x01\x01\x01", 1)
    assert spoilt != der
    assert asn1.Certificate.load(spoilt).native
    assert full_lint(spoilt)


@pytest.mark.parametrize("address", ["http://[2001:db8::1]:8080", "http://192.0.2.7:8080", "http://pki"])
def test_addresses_that_an_operator_may_have_are_no_finding(room: Room, address: str) -> None:
    authority = room.rebuilt(settings=SETTINGS.model_copy(update={"public_url": address}))
    assert full_lint(authority.issue(room.order(), "test").der) == ()

"""RFC 7030 §4.2.2 (the names of a renewal) and §3.5 (the connection a request belongs to)."""

from base64 import b64encode
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from pki.authority import Certificate
from pki.errors import CsrRejected
from pki.keys import KeyAlgorithm, PrivateKey, generate_key
from pki.request_claims import check_channel, check_same_names
from tests.pki.conftest import Room
from tests.pki.requests import der_request, request_of

FINISHED = bytes(range(12))


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return generate_key(KeyAlgorithm.EC_P256)


@pytest.fixture
def certificate(room: Room) -> Certificate:
    return room.issue()


def code_of(request: bytes, certificate: Certificate) -> str:
    with pytest.raises(CsrRejected) as refusal:
        check_same_names(request, certificate.der)
    return refusal.value.code


def challenging(key: PrivateKey, *passwords: bytes) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    for password in passwords:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, password)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_the_same_names_are_the_same_in_any_order(key: PrivateKey, certificate: Certificate) -> None:
    subject = list(x509.load_der_x509_certificate(certificate.der).subject)
    for names in (subject, subject[::-1]):
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
        check_same_names(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER), certificate.der)


def test_another_string_type_of_the_same_text_is_the_same_name(key: PrivateKey, certificate: Certificate) -> None:
    """RFC 5280 §7.1: PrintableString and UTF8String compare by their characters, letters in any case."""
    subject = x509.load_der_x509_certificate(certificate.der).subject
    printable = [
        x509.NameAttribute(one.oid, str(one.value).upper(), x509.name._ASN1Type.PrintableString) for one in subject
    ]
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(printable)).sign(key, hashes.SHA256())
    check_same_names(request.public_bytes(Encoding.DER), certificate.der)


@pytest.mark.parametrize(
    ("name", "organisation"),
    [("SN-2", "Acme Charging"), ("SN-1", None), (None, "Acme Charging"), ("Acme Charging", "SN-1")],
)
def test_another_subject_is_refused(
    key: PrivateKey, certificate: Certificate, name: str | None, organisation: str | None
) -> None:
    assert code_of(der_request(key, name, organisation), certificate) == "other-subject"


def test_an_alternative_name_that_the_certificate_has_not_is_refused(key: PrivateKey, certificate: Certificate) -> None:
    subject = x509.load_der_x509_certificate(certificate.der).subject
    organisation = str(subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
    names = x509.SubjectAlternativeName([x509.DNSName("csms.example")])
    request = request_of(key, "SN-1", organisation, extensions=(names,))
    assert code_of(request.public_bytes(Encoding.DER), certificate) == "other-subject"


def test_attributes_that_cannot_be_read_are_refused(key: PrivateKey) -> None:
    password = b64encode(FINISHED)
    text = bytes([12, len(password)]) + password  # a UTF8String
    broken = challenging(key, password).replace(text, b"\x02" + text[1:])  # an INTEGER
    with pytest.raises(CsrRejected) as refusal:
        check_channel(broken, FINISHED)
    assert refusal.value.code == "unreadable"


def test_a_request_that_names_this_connection_is_fine(key: PrivateKey) -> None:
    check_channel(challenging(key, b64encode(FINISHED)), FINISHED)


def test_a_request_that_names_another_connection_is_refused(key: PrivateKey) -> None:
    with pytest.raises(CsrRejected) as refusal:
        check_channel(challenging(key, b64encode(bytes(12))), FINISHED)
    assert (refusal.value.code, refusal.value.clause) == ("other-channel", "RFC 7030 §3.5")


def test_under_tls_1_3_there_is_nothing_to_compare_with(key: PrivateKey) -> None:
    check_channel(challenging(key, b64encode(bytes(12))), None)


@pytest.mark.parametrize("password", [b"", b"secret", b64encode(bytes(32)), "gehe!m€".encode()])
def test_other_passwords_are_left_alone(key: PrivateKey, password: bytes) -> None:
    check_channel(challenging(key, password), FINISHED)


def test_a_request_without_attributes_names_no_connection(key: PrivateKey) -> None:
    check_channel(der_request(key), FINISHED)


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    with suppress(CsrRejected):
        check_channel(octets, FINISHED)

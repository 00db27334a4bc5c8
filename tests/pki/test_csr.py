"""Requests are read leniently and checked strictly."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest
from asn1crypto import csr
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pki.csr import read_request
from pki.errors import CsrRejected
from pki.keys import KeyFamily, spki_sha256
from tests.pki.requests import der_request, pem_request, request_of, tampered

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = pem_request(KEY, "SN-1", "Acme")
DER = b64decode("".join(PEM.splitlines()[1:-1]))


def code_of(request: str | bytes) -> str:
    with pytest.raises(CsrRejected) as caught:
        read_request(request)
    assert caught.value.sentence
    return caught.value.code


def test_takes_the_key_and_the_claimed_names() -> None:
    request = read_request(PEM)
    assert (request.common_name, request.organisation) == ("SN-1", "Acme")
    assert request.key_family is KeyFamily.EC
    assert request.spki_sha256 == spki_sha256(KEY.public_key())
    assert request.der == DER
    assert request.oddities == ()


@pytest.mark.parametrize(
    "spelling",
    [
        lambda pem: pem,
        lambda pem: pem.encode(),
        lambda pem: pem.rstrip("\n"),
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", "\\n"),  # line ends escaped twice on their way through JSON
        lambda pem: pem.replace("\n", "\\r\\n"),
        lambda pem: "Certificate Request:\n    Data: ...\n" + pem + "\ntrailing words",
        lambda pem: pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        lambda pem: "  " + pem.replace("\n", "\n  "),
        lambda pem: "\ufeff" + pem,
        lambda pem: ("\ufeff" + pem).encode(),
        lambda pem: pem.replace("\n", ""),  # one long line
        lambda pem: pem.replace("\n", "\t"),  # as a proxy passes it on in a header
        lambda pem: pem.replace("\n", "\n\n"),
        lambda _: DER,
    ],
)
def test_tolerates_the_spellings_of_the_field(spelling: Callable[[str], str | bytes]) -> None:
    assert read_request(spelling(PEM)).der == DER


@pytest.mark.parametrize(
    "request_text",
    [
        "",
        "hello",
        b64encode(DER).decode()[:60],
        PEM.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
        "-----BEGIN CERTIFICATE REQUEST-----\n!!!\n-----END CERTIFICATE REQUEST-----",
        PEM.replace("-----END", "-----ENDE"),
        b"\xff\xfe\x00",
    ],
    ids=["empty", "a word", "cut off", "another label", "no base64", "another end", "no text"],
)
def test_refuses_what_is_no_pem(request_text: str | bytes) -> None:
    assert code_of(request_text) == "not-pem"


def test_refuses_two_requests_at_once() -> None:
    assert code_of(PEM + PEM) == "several-requests"


def test_refuses_what_is_too_long() -> None:
    assert code_of(PEM + " " * 20_000) == "too-long"


@pytest.mark.parametrize("der", [b"\x30\x00", b"\x30\x03\x02\x01\x00", DER[:-1], DER + b"\x00", b"\x30\x80\x00\x00"])
def test_refuses_what_is_no_request(der: bytes) -> None:
    assert code_of(der) == "unreadable"


def test_refuses_a_signature_by_another_key() -> None:
    """RFC 2986 §4.2: the signature is the proof of possession."""
    other = csr.CertificationRequest.load(der_request(ec.generate_private_key(ec.SECP256R1())))
    request = csr.CertificationRequest.load(DER)
    request["signature"] = other["signature"].native
    assert code_of(request.dump()) == "bad-signature"


def test_refuses_a_changed_name() -> None:
    assert code_of(DER.replace(b"SN-1", b"SN-2")) == "bad-signature"


def test_refuses_a_signature_of_another_kind(rsa_key: rsa.RSAPrivateKey) -> None:
    request = csr.CertificationRequest.load(der_request(rsa_key))
    request["signature_algorithm"] = {"algorithm": "sha256_ecdsa"}
    assert code_of(request.dump()) == "bad-signature"


def test_accepts_a_wrong_version_whose_signature_holds() -> None:
    """open-ocpp writes version 2 into its requests, and the signature covers it."""

    def second_version(information: csr.CertificationRequestInfo) -> None:
        information["version"] = 1

    odd = tampered(KEY, second_version)
    with pytest.raises(x509.InvalidVersion):
        x509.load_der_x509_csr(odd).public_key()
    request = read_request(odd)
    assert request.common_name == "SN-1"
    assert request.oddities == ("version 2",)


@pytest.mark.parametrize("common_name", [None, "   "])
def test_a_request_may_have_no_name(common_name: str | None) -> None:
    request = read_request(der_request(KEY, common_name))
    assert request.common_name is None
    assert request.organisation is None


@pytest.mark.parametrize("name", ["line\nbreak", "nul\x00", "bell\x07", "right\u202eleft"])
def test_refuses_names_that_hide_something(name: str) -> None:
    assert code_of(der_request(KEY, name)) == "bad-name"


def test_refuses_two_common_names() -> None:
    """Two names let one reader see the one and another reader the other."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("SN-1", "SN-2")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(KEY, hashes.SHA256())
    assert code_of(request.public_bytes(Encoding.DER)) == "bad-name"


@pytest.mark.parametrize(
    ("make_key", "code"),
    [
        (lambda: ec.generate_private_key(ec.SECP224R1()), "key-type"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "key-type"),
        (lambda: rsa.generate_private_key(65537, 1024), "weak-key"),  # noqa: S505 - that is the point
        (lambda: rsa.generate_private_key(3, 2048), "bad-exponent"),
    ],
)
def test_refuses_weak_keys(make_key: Callable[[], Any], code: str) -> None:
    assert code_of(der_request(make_key())) == code


def test_refuses_ed25519() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    assert code_of(builder.sign(key, None).public_bytes(Encoding.DER)) == "key-type"


def test_refuses_a_weak_signature_hash(rsa_key: rsa.RSAPrivateKey) -> None:
    """A00.FR.506: SHA-256 is the least."""
    request = csr.CertificationRequest.load(der_request(rsa_key))
    request["signature_algorithm"] = {"algorithm": "sha1_rsa", "parameters": None}
    assert code_of(request.dump()) == "weak-signature"


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
@pytest.mark.parametrize("hash_algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_accepts_every_strong_ecdsa_signature(curve: Any, hash_algorithm: Any) -> None:
    key = ec.generate_private_key(curve)
    request = request_of(key, hash_algorithm=hash_algorithm)
    assert read_request(request.public_bytes(Encoding.DER)).spki_sha256 == spki_sha256(key.public_key())


@pytest.mark.parametrize(
    "rsa_padding",
    [None, padding.PSS(padding.MGF1(hashes.SHA256()), 32), padding.PSS(padding.MGF1(hashes.SHA256()), 20)],
)
def test_accepts_both_rsa_paddings(rsa_key: rsa.RSAPrivateKey, rsa_padding: Any) -> None:
    request = request_of(rsa_key, rsa_padding=rsa_padding)
    assert read_request(request.public_bytes(Encoding.DER)).key_family is KeyFamily.RSA


@given(st.binary(max_size=600).map(lambda octets: b"\x30" + octets))
def test_any_octets_are_answered_by_a_rejection(octets: bytes) -> None:
    assert code_of(octets)


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_any_damage_is_answered_by_a_rejection_or_changes_nothing(place: int, value: int) -> None:
    damaged = DER[:place] + bytes([value]) + DER[place + 1 :]
    if damaged != DER:
        assert code_of(damaged)


@given(st.text(max_size=200))
def test_any_text_is_answered_by_a_rejection(text: str) -> None:
    assert code_of(text)

"""What reads octets from outside, each as a function that takes any octets and raises nothing but a finding.

A refusal in the reader's own words is an answer; every other exception is a fault of ours. What is accepted must hold
what acceptance promises.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from asn1crypto import csr as asn1_csr
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from pki.anchor_file import read_root
from pki.csr import read_request
from pki.errors import AnchorRefused, CsrRejected
from pki.firmware import verify_firmware
from pki.key_files import fingerprint_in
from pki.keys import SignatureScheme, spki_of
from pki.ocsp_request import MalformedRequestError, read_status_request
from pki.request_claims import check_channel, check_same_names
from pki.request_text import LONGEST
from tests.pki.hostile.pieces import ec_key, information, pem, signed_request
from tests.pki.hostile.tolerated import TOLERATED, everest_request
from tests.pki.hostile_requests import HOSTILE

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass(frozen=True)
class Target:
    """`run` takes any octets; `seeds` makes good and bad inputs to begin with."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]

    def __str__(self) -> str:
        return self.name


# --- certificate requests


def certificate_request(data: bytes) -> None:
    """A request in any spelling. What is read must be signed, octet by octet, by the key that would be certified."""
    with suppress(CsrRejected):
        _check_accepted(data)


def signed_by_its_sender(data: bytes) -> None:
    """The same for what a station signs: any octets in place of the information, under a good signature."""
    with suppress(CsrRejected):
        _check_accepted(signed_request(data))


def _check_accepted(data: bytes) -> None:
    request = read_request(data)
    second = asn1_csr.CertificationRequest.load(request.der, strict=True)
    assert second.dump() == request.der
    spki = second["certification_request_info"]["subject_pk_info"]
    theirs = load_der_public_key(spki.dump())
    assert spki_of(theirs) == spki_of(request.public_key)  # type: ignore[arg-type]
    if isinstance(theirs, ec.EllipticCurvePublicKey):
        digest = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
        named = ec.ECDSA(digest[second["signature_algorithm"].hash_algo])
        signed = second["certification_request_info"].dump()
        try:
            theirs.verify(second["signature"].native, signed, named)
        except InvalidSignature:
            raise AssertionError("a request was accepted whose signature does not verify") from None
    for name in (request.common_name, request.organisation):
        assert name is None or (name.isprintable() and 0 < len(name) <= 64)


def _requests() -> list[bytes]:
    made = (case.make() for case in (*TOLERATED, *HOSTILE))
    octets = (one if isinstance(one, bytes) else one.encode("utf-8", "replace") for one in made)
    return [one for one in octets if len(one) <= LONGEST]


def _informations() -> list[bytes]:
    with_extensions = asn1_csr.CertificationRequest.load(everest_request())
    return [information(), information(attributes=None), with_extensions["certification_request_info"].dump()]


# --- the body of an EST request


def est_body(data: bytes) -> None:
    """RFC 7030 §4.2.1: base64 of a PKCS#10, then the two comparisons that EST asks for."""
    with suppress(CsrRejected):
        request = read_request(data)
        check_channel(request.der, bytes(12))
        check_same_names(request.der, _root())


def est_comparisons(data: bytes) -> None:
    """The same for a body whose signature is good."""
    with suppress(CsrRejected):
        request = read_request(b64encode(signed_request(data)))
        with suppress(CsrRejected):
            check_channel(request.der, bytes(12))
        check_same_names(request.der, _root())


def _bodies() -> list[bytes]:
    return [b64encode(octets) for octets in _requests() if octets[:1] == b"\x30"]


# --- OCSP requests


def ocsp_request(data: bytes) -> None:
    """RFC 6960 §4.1."""
    with suppress(MalformedRequestError):
        asked = read_status_request(data)
        assert 1 <= len(asked.questions) <= 100
        for question in asked.questions:
            assert len(question.serial) % 2 == 0
            assert question.cert_id


def _status_requests() -> list[bytes]:
    root = x509.load_der_x509_certificate(_root())
    plain = ocsp.OCSPRequestBuilder().add_certificate(root, root, hashes.SHA1())  # noqa: S303 - RFC 6960's own hash
    nonce = plain.add_extension(x509.OCSPNonce(b"n" * 16), critical=False)
    return [plain.build().public_bytes(Encoding.DER), nonce.build().public_bytes(Encoding.DER)]


# --- certificates and chains in PEM


def root_file(data: bytes) -> None:
    """A manufacturer's root that somebody wants trusted."""
    with suppress(AnchorRefused):
        read_root(data, NOW)


def key_file(data: bytes) -> None:
    """A certificate, request or public key whose fingerprint is wanted."""
    with suppress(CsrRejected):
        assert len(fingerprint_in(data.decode("utf-8", "replace"))) == 64


def firmware_certificate(data: bytes) -> None:
    """The signing certificate of a firmware image, with a root above it."""
    root = x509.load_der_x509_certificate(_root())
    text = data.decode("utf-8", "replace")
    for scheme in SignatureScheme:
        verify_firmware(bytes(32), bytes(64), text, scheme, [root], NOW)


@cache
def _root() -> bytes:
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"), x509.NameAttribute(NameOID.COMMON_NAME, "SN-1")]
    )
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(ec_key().public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("acme.example")]), critical=False)
    )
    return builder.sign(ec_key(), hashes.SHA256()).public_bytes(Encoding.DER)


def _certificates() -> list[bytes]:
    key = ec_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    one = pem(_root(), "CERTIFICATE").encode()
    return [one, one + one, _root(), key, *_requests()[:3]]


TARGETS = (
    Target("certificate-request", certificate_request, _requests),
    Target("signed-by-its-sender", signed_by_its_sender, _informations),
    Target("est-body", est_body, _bodies),
    Target("est-comparisons", est_comparisons, _informations),
    Target("ocsp-request", ocsp_request, _status_requests),
    Target("root-file", root_file, _certificates),
    Target("key-file", key_file, _certificates),
    Target("firmware-certificate", firmware_certificate, _certificates),
)

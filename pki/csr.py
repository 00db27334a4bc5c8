"""Certificate requests (PKCS#10, RFC 2986), read leniently and checked strictly.

Stations send requests with CR LF, without a last line end, with the line ends spelled as `\\n`, and with a wrong
version field. All that is tolerated. The signature is verified over the bytes as they came, because it proves
the possession of the key; of the rest we take only names, to compare them. No extension is ever looked at.
"""

import re
from base64 import b64decode
from dataclasses import dataclass, field

from asn1crypto import csr, x509
from cryptography import x509 as crypto_x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import NameOID, PublicKeyAlgorithmOID, SignatureAlgorithmOID

from pki.errors import CsrRejected
from pki.keys import KeyFamily, PublicKey, check_key_strength, family_of, spki_sha256

_LONGEST = 16_384  # OCPP allows 5,500 characters; RSA-8192 with a long subject still fits here
_ARMOUR = re.compile(r"-----BEGIN (?P<label>(?:NEW )?CERTIFICATE REQUEST)-----(?P<body>[^-]*)-----END (?P=label)-----")
_SIMPLE_KEYS = (PublicKeyAlgorithmOID.EC_PUBLIC_KEY, PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5)
_SIMPLE_SCHEMES = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: (KeyFamily.EC, hashes.SHA256()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: (KeyFamily.EC, hashes.SHA384()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: (KeyFamily.EC, hashes.SHA512()),
    SignatureAlgorithmOID.RSA_WITH_SHA256: (KeyFamily.RSA, hashes.SHA256()),
    SignatureAlgorithmOID.RSA_WITH_SHA384: (KeyFamily.RSA, hashes.SHA384()),
    SignatureAlgorithmOID.RSA_WITH_SHA512: (KeyFamily.RSA, hashes.SHA512()),
}
_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose sender has proved to hold the key. The names are claims, to be compared with our records."""

    der: bytes = field(repr=False)
    public_key: PublicKey = field(repr=False)
    key_family: KeyFamily
    common_name: str | None
    organisation: str | None
    spki_sha256: str  # hex
    oddities: tuple[str, ...] = ()  # what was tolerated, for the audit trail


def read_request(text_or_bytes: str | bytes) -> CertificateRequest:
    """Read PEM (text or bytes) or DER, and verify the proof of possession (RFC 2986 §4.2).

    Raises CsrRejected, whose code is one of `too-long`, `not-pem`, `several-requests`, `unreadable`,
    `key-type`, `weak-key`, `key-too-large`, `weak-signature`, `bad-signature`, `bad-name`.
    """
    if len(text_or_bytes) > _LONGEST:
        raise CsrRejected("too-long", f"the request is longer than {_LONGEST} characters")
    der = _der_of(text_or_bytes)
    try:
        return _read(der)
    except CsrRejected:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as fault:
        # asn1crypto parses lazily and answers malformed input with whatever went wrong first
        raise CsrRejected("unreadable", "the request is not a PKCS#10 structure", "RFC 2986 §4") from fault


def _read(der: bytes) -> CertificateRequest:
    """By `cryptography` where it can, which is ten times faster; by asn1crypto what it refuses but the field needs."""
    try:
        request = crypto_x509.load_der_x509_csr(der)
        scheme = _SIMPLE_SCHEMES.get(request.signature_algorithm_oid)
        key_algorithm = request.public_key_algorithm_oid  # type: ignore[attr-defined]  # the stubs miss it
        if scheme is not None and key_algorithm in _SIMPLE_KEYS:
            return _read_simple(request, der, *scheme)
    except (ValueError, UnsupportedAlgorithm, crypto_x509.InvalidVersion):
        pass
    return _read_odd(der)


def _read_simple(
    request: crypto_x509.CertificateSigningRequest, der: bytes, family: KeyFamily, hash_algorithm: hashes.HashAlgorithm
) -> CertificateRequest:
    names = [(name.oid, name.value) for name in request.subject if isinstance(name.value, str)]
    public_key = check_key_strength(request.public_key())
    if family_of(public_key) is not family:
        raise _wrong_kind()
    _verify(public_key, request.signature, request.tbs_certrequest_bytes, padding.PKCS1v15(), hash_algorithm)
    return CertificateRequest(
        der=der,
        public_key=public_key,
        key_family=family,
        common_name=_sole("common_name", [text for kind, text in names if kind == NameOID.COMMON_NAME]),
        organisation=_sole("organization_name", [text for kind, text in names if kind == NameOID.ORGANIZATION_NAME]),
        spki_sha256=spki_sha256(public_key),
    )


def _read_odd(der: bytes) -> CertificateRequest:
    request = csr.CertificationRequest.load(der, strict=True)
    information = request["certification_request_info"]
    public_key = _public_key(information["subject_pk_info"])
    _check_possession(request, public_key)
    version = int.from_bytes(information["version"].contents, "big") + 1  # v1 is written as 0, RFC 2986 §4.1
    return CertificateRequest(
        der=der,
        public_key=public_key,
        key_family=family_of(public_key),
        common_name=_only(information["subject"], "common_name"),
        organisation=_only(information["subject"], "organization_name"),
        spki_sha256=spki_sha256(public_key),
        oddities=() if version == 1 else (f"version {version}",),
    )


def _der_of(text_or_bytes: str | bytes) -> bytes:
    if isinstance(text_or_bytes, bytes):
        if text_or_bytes[:1] == b"\x30" and b"-----BEGIN" not in text_or_bytes:
            return text_or_bytes
        text_or_bytes = text_or_bytes.decode("utf-8", "replace")
    text = text_or_bytes.replace("\\r", "\r").replace("\\n", "\n")
    found = list(_ARMOUR.finditer(text))
    if not found:
        sentence = "there is no PEM block called CERTIFICATE REQUEST"
        raise CsrRejected("not-pem", sentence, "OCPP 2.0.1 edition 3 A00.FR.507")
    if len(found) > 1:
        raise CsrRejected("several-requests", f"there are {len(found)} requests, where one was expected")
    return _base64(found[0]["body"])


def _base64(body: str) -> bytes:
    try:
        return b64decode("".join(body.split()), validate=True)
    except ValueError:
        raise CsrRejected("not-pem", "the PEM block is not base64", "RFC 7468 §3") from None


def _public_key(information: csr.PublicKeyInfo) -> PublicKey:
    algorithm = information["algorithm"]["algorithm"].native
    if algorithm not in ("rsa", "ec"):  # an RSASSA-PSS key would change its type on the way into a certificate
        raise CsrRejected("key-type", f"keys of the type {algorithm} are not certified")
    try:
        return check_key_strength(load_der_public_key(information.dump()))
    except (ValueError, UnsupportedAlgorithm):
        raise CsrRejected("key-type", "the public key cannot be used") from None


def _check_possession(request: csr.CertificationRequest, public_key: PublicKey) -> None:
    algorithm = request["signature_algorithm"]
    scheme = algorithm.signature_algo
    if (scheme == "ecdsa") != (family_of(public_key) is KeyFamily.EC):
        raise _wrong_kind()
    hash_algorithm = _HASHES.get(algorithm.hash_algo)
    if hash_algorithm is None or scheme not in ("ecdsa", "rsassa_pkcs1v15", "rsassa_pss"):
        sentence = f"the request is signed by {algorithm['algorithm'].native}; SHA-256 is the least"
        raise CsrRejected("weak-signature", sentence, "OCPP 2.0.1 edition 3 A00.FR.506")
    signed = request["certification_request_info"].dump()  # the original bytes, whatever the version says
    padded = padding.PKCS1v15() if scheme == "ecdsa" else _padding(scheme, hash_algorithm)
    _verify(public_key, request["signature"].native, signed, padded, hash_algorithm)


def _verify(
    public_key: PublicKey,
    signature: bytes,
    signed: bytes,
    padded: padding.AsymmetricPadding,
    hash_algorithm: hashes.HashAlgorithm,
) -> None:
    try:
        if isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(signature, signed, ec.ECDSA(hash_algorithm))
        else:
            public_key.verify(signature, signed, padded, hash_algorithm)
    except InvalidSignature:
        sentence = "the request is not signed by the key it names"
        raise CsrRejected("bad-signature", sentence, "RFC 2986 §4.2") from None


def _wrong_kind() -> CsrRejected:
    return CsrRejected("bad-signature", "the signature is of another kind than the key", "RFC 2986 §4.2")


def _padding(scheme: str, hash_algorithm: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if scheme == "rsassa_pss":
        return padding.PSS(padding.MGF1(hash_algorithm), padding.PSS.AUTO)
    return padding.PKCS1v15()


def _only(name: x509.Name, kind: str) -> str | None:
    """The one attribute of this kind; None when absent or empty."""
    return _sole(kind, [pair["value"].native for rdn in name.chosen for pair in rdn if pair["type"].native == kind])


def _sole(kind: str, values: list[str]) -> str | None:
    if len(values) > 1:
        raise CsrRejected("bad-name", f"the subject has {len(values)} attributes {kind}, where one was expected")
    if not values or not values[0].strip():
        return None
    value = values[0]
    if not value.isprintable() or len(value) > 255:
        raise CsrRejected("bad-name", f"the {kind} holds characters that no name has", "RFC 5280 §4.1.2.4")
    return value

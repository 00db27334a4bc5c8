"""The pieces of a certificate request, put together octet by octet."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.der import bit_string, integer, octet_string, sequence, tlv
from pki.keys import PrivateKey

UTF8, PRINTABLE, IA5, TELETEX, BMP, UNIVERSAL = 0x0C, 0x13, 0x16, 0x14, 0x1E, 0x1C
COMMON_NAME, ORGANISATION, COUNTRY = "550403", "55040a", "550406"
NULL = b"\x05\x00"
P256 = ec.SECP256R1()
SHORT_HASH = hashes.SHA1()  # noqa: S303 - that is the point


@dataclass(frozen=True)
class Case:
    """A request that must be refused with `code`."""

    name: str
    code: str
    make: Callable[[], str | bytes]

    def __str__(self) -> str:
        return self.name


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Always the same one, so that the fuzz targets begin with the same octets in every run."""
    return ec.derive_private_key(int.from_bytes(sha256(b"a key of these tests").digest(), "big"), P256)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def oid(hexadecimal: str) -> bytes:
    return tlv(0x06, bytes.fromhex(hexadecimal))


ECDSA = {"sha1": sequence(oid("2a8648ce3d0401")), "sha256": sequence(oid("2a8648ce3d040302"))}
RSA_SHA256 = sequence(oid("2a864886f70d01010b"), NULL)
EC_OID, RSA_OID = oid("2a8648ce3d0201"), oid("2a864886f70d010101")
P256_OID = oid("2a8648ce3d030107")
EXTENSION_REQUEST = oid("2a864886f70d01090e")


def pair(kind: str, text: str | bytes, tag: int = UTF8) -> bytes:
    """An AttributeTypeAndValue."""
    return sequence(oid(kind), tlv(tag, text.encode() if isinstance(text, str) else text))


def name(*pairs: bytes) -> bytes:
    """A subject with one pair in each RelativeDistinguishedName."""
    return sequence(*(tlv(0x31, one) for one in pairs))


SN_1 = name(pair(COMMON_NAME, "SN-1"))


def spki_of(key: object) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def extension(kind: str, value: bytes = NULL) -> bytes:
    return sequence(oid(kind), octet_string(value))


def extension_request(*extensions: bytes) -> bytes:
    """An attribute that asks for extensions (RFC 2985 §5.4.2)."""
    return sequence(EXTENSION_REQUEST, tlv(0x31, sequence(*extensions)))


def sign(key: PrivateKey, signed: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    algorithm = algorithm or hashes.SHA256()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(signed, ec.ECDSA(algorithm, deterministic_signing=True))
    return key.sign(signed, padding.PKCS1v15(), algorithm)


def information(
    subject: bytes = SN_1, spki: bytes = b"", version: bytes = integer(0), attributes: bytes | None = b""
) -> bytes:
    """A CertificationRequestInfo; without `attributes` even the empty field is missing."""
    last = b"" if attributes is None else tlv(0xA0, attributes)
    return sequence(version, subject, spki or spki_of(ec_key()), last)


def signed_request(
    to_be_signed: bytes, key: PrivateKey | None = None, algorithm: bytes = b"", signature: bytes | None = None
) -> bytes:
    """A request over `to_be_signed`, signed by the EC key of these tests unless told otherwise."""
    key = key or ec_key()
    named = algorithm or (ECDSA["sha256"] if isinstance(key, ec.EllipticCurvePrivateKey) else RSA_SHA256)
    return sequence(to_be_signed, named, bit_string(sign(key, to_be_signed) if signature is None else signature))


def request(**parts: object) -> bytes:
    """A well-signed EC request with these parts of its CertificationRequestInfo."""
    return signed_request(information(**parts))


def of_key(spki: bytes, algorithm: bytes = RSA_SHA256) -> bytes:
    """A request for a key whose private half nobody has."""
    return signed_request(information(spki=spki), algorithm=algorithm, signature=bytes(64))


def pem(der: bytes, label: str = "CERTIFICATE REQUEST") -> str:
    body = b64encode(der).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def as_text(made: str | bytes) -> str:
    """A request as it travels in JSON: DER becomes PEM."""
    if isinstance(made, str):
        return made
    return pem(made) if made[:1] == b"\x30" else made.decode()

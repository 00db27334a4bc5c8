"""Requests whose signature proves nothing."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pki.der import integer, sequence, tlv
from tests.pki.hostile.pieces import (
    ECDSA,
    NULL,
    P256,
    P256_OID,
    RSA_SHA256,
    SHORT_HASH,
    Case,
    ec_key,
    information,
    oid,
    request,
    rsa_key,
    sign,
    signed_request,
    spki_of,
)


def pss(hash_oid: str, mask_oid: str, salt: int, trailer: int = 1) -> bytes:
    """An AlgorithmIdentifier of RSASSA-PSS (RFC 4055 §3.1)."""
    mask = sequence(oid("2a864886f70d010108"), sequence(oid(mask_oid), NULL))
    parts = [tlv(0xA0, sequence(oid(hash_oid), NULL)), tlv(0xA1, mask), tlv(0xA2, integer(salt))]
    if trailer != 1:
        parts.append(tlv(0xA3, integer(trailer)))
    return sequence(oid("2a864886f70d01010a"), sequence(*parts))


SHA1, SHA256, SHA512 = "2b0e03021a", "608648016503040201", "608648016503040203"


def by_rsa(algorithm: bytes, hash_algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """A request whose PKCS#1 v1.5 signature is good, and whose algorithm is called something."""
    to_be_signed = information(spki=spki_of(rsa_key()))
    return signed_request(to_be_signed, rsa_key(), algorithm, sign(rsa_key(), to_be_signed, hash_algorithm))


def by_ec(algorithm: bytes, hash_algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    return signed_request(information(), algorithm=algorithm, signature=sign(ec_key(), information(), hash_algorithm))


def other_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(P256)


SIGNATURES = [
    Case("signed by MD5 and RSA", "weak-signature", lambda: by_rsa(sequence(oid("2a864886f70d010104"), NULL))),
    Case(
        "signed by SHA-1 and RSA",
        "weak-signature",
        lambda: by_rsa(sequence(oid("2a864886f70d010105"), NULL), SHORT_HASH),
    ),
    Case("signed by SHA-1 and ECDSA", "weak-signature", lambda: by_ec(ECDSA["sha1"], SHORT_HASH)),
    Case(
        "signed by SHA-224 and ECDSA",
        "weak-signature",
        lambda: by_ec(sequence(oid("2a8648ce3d040301")), hashes.SHA224()),
    ),
    Case(
        "RSASSA-PSS without parameters, which means SHA-1",
        "odd-signature",
        lambda: by_rsa(sequence(oid("2a864886f70d01010a"))),
    ),
    Case(
        "RSASSA-PSS with defaults, which mean SHA-1",
        "weak-signature",
        lambda: by_rsa(sequence(oid("2a864886f70d01010a"), sequence())),
    ),
    Case("RSASSA-PSS with SHA-1", "weak-signature", lambda: by_rsa(pss(SHA1, SHA1, 20))),
    Case("RSASSA-PSS with another hash for the mask", "odd-signature", lambda: by_rsa(pss(SHA256, SHA1, 32))),
    Case("RSASSA-PSS with a salt longer than the hash", "odd-signature", lambda: by_rsa(pss(SHA256, SHA256, 200))),
    Case("RSASSA-PSS with a salt of 2^2000 octets", "odd-signature", lambda: by_rsa(pss(SHA256, SHA256, 1 << 2000))),
    Case("RSASSA-PSS with another trailer", "odd-signature", lambda: by_rsa(pss(SHA256, SHA256, 32, trailer=2))),
    Case("RSASSA-PSS in name only", "bad-signature", lambda: by_rsa(pss(SHA256, SHA256, 32))),
    Case("an algorithm that nobody knows", "odd-signature", lambda: by_ec(sequence(oid("2a0304")))),
    Case("an algorithm without a name", "odd-signature", lambda: by_ec(sequence())),
    Case("a hash in place of a signature algorithm", "odd-signature", lambda: by_ec(sequence(oid(SHA256)))),
    Case("ECDSA with parameters", "odd-signature", lambda: by_ec(sequence(oid("2a8648ce3d040302"), P256_OID))),
    Case("an RSA algorithm with an EC key", "bad-signature", lambda: by_ec(RSA_SHA256)),
    Case("an ECDSA algorithm with an RSA key", "bad-signature", lambda: by_rsa(ECDSA["sha256"])),
    Case("signed by another hash than it says", "bad-signature", lambda: by_ec(ECDSA["sha256"], hashes.SHA512())),
    Case("signed by another key", "bad-signature", lambda: signed_request(information(), other_key())),
    Case("signed for another name", "bad-signature", lambda: request().replace(b"SN-1", b"SN-2")),
    Case(
        "signed before the version was changed",
        "bad-signature",
        lambda: signed_request(information(version=integer(1)), signature=sign(ec_key(), information())),
    ),
    Case("an empty signature", "bad-signature", lambda: signed_request(information(), signature=b"")),
    Case(
        "an ECDSA signature of zeros",
        "bad-signature",
        lambda: signed_request(information(), signature=sequence(integer(0), integer(0))),
    ),
    Case(
        "an ECDSA signature with huge numbers",
        "bad-signature",
        lambda: signed_request(information(), signature=sequence(integer(1 << 9000), integer(1 << 9000))),
    ),
    Case(
        "an RSA signature one octet short",
        "bad-signature",
        lambda: signed_request(information(spki=spki_of(rsa_key())), rsa_key(), signature=sign(rsa_key(), b"")[:-1]),
    ),
]

"""Keys and signatures: the kinds we make, the kinds we accept, and the Signer that hides where a key is."""

import hashlib
from enum import StrEnum
from math import isqrt
from typing import Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki import der
from pki.errors import CsrRejected

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyFamily(StrEnum):
    """The two worlds of stations: some can do only RSA."""

    EC = "ec"
    RSA = "rsa"


class KeyAlgorithm(StrEnum):
    """The kinds of keys we make. The signature hash follows from it: SHA-384 for P-384, else SHA-256."""

    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"

    @property
    def family(self) -> KeyFamily:
        """Which of the two families a key of this kind belongs to."""
        return KeyFamily.EC if self.value.startswith("ec") else KeyFamily.RSA

    def hash_algorithm(self) -> hashes.SHA256 | hashes.SHA384:
        """The hash that a signature with this key uses."""
        return hashes.SHA384() if self is KeyAlgorithm.EC_P384 else hashes.SHA256()

    @property
    def identifier(self) -> bytes:
        """The DER AlgorithmIdentifier of this key's signatures (RFC 5758 §3.2, RFC 4055 §5)."""
        return _IDENTIFIERS[self]


_ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_ECDSA_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
_RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
_IDENTIFIERS = {
    KeyAlgorithm.EC_P256: _ECDSA_SHA256,
    KeyAlgorithm.EC_P384: _ECDSA_SHA384,
    KeyAlgorithm.RSA_2048: _RSA_SHA256,
    KeyAlgorithm.RSA_3072: _RSA_SHA256,
    KeyAlgorithm.RSA_4096: _RSA_SHA256,
}


class SignatureScheme(StrEnum):
    """How a firmware image is signed. Never inferred from the key: vendors differ (L01.FR.04)."""

    ECDSA_SHA256 = "ecdsa-sha256"
    RSA_PKCS1V15_SHA256 = "rsa-pkcs1v15-sha256"
    RSA_PSS_SHA256 = "rsa-pss-sha256"  # salt as long as the digest, MGF1 with SHA-256

    @property
    def family(self) -> KeyFamily:
        """The keys that can make such a signature."""
        return KeyFamily.EC if self is SignatureScheme.ECDSA_SHA256 else KeyFamily.RSA


class Signer(Protocol):
    """A private key that can sign: a file today, an HSM tomorrow. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """The key's name in its store."""

    @property
    def algorithm(self) -> KeyAlgorithm:
        """What kind of key it is."""

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""

    def sign(self, to_be_signed: bytes) -> bytes:
        """The X.509 signature over `to_be_signed`: DER (r, s) for EC, PKCS#1 v1.5 for RSA.

        Raises SignerUnavailable.
        """

    def sign_digest(self, digest: bytes, scheme: SignatureScheme) -> bytes:
        """The signature over a SHA-256 `digest`. Raises SignerUnavailable, ValueError (wrong family)."""


class FileSigner:
    """A Signer whose key is in memory, read from an encrypted file."""

    def __init__(self, name: str, key: PrivateKey) -> None:
        self.name = name
        self._key = key
        self.public_key: PublicKey = key.public_key()
        self.algorithm = algorithm_of(self.public_key)

    def sign(self, to_be_signed: bytes) -> bytes:
        """See Signer."""
        hash_algorithm = self.algorithm.hash_algorithm()
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(to_be_signed, ec.ECDSA(hash_algorithm))
        return self._key.sign(to_be_signed, padding.PKCS1v15(), hash_algorithm)

    def sign_digest(self, digest: bytes, scheme: SignatureScheme) -> bytes:
        """See Signer."""
        if scheme.family is not self.algorithm.family:
            raise ValueError(f"a key of the {self.algorithm.family} family cannot sign by {scheme}")
        prehashed = utils.Prehashed(hashes.SHA256())
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(digest, ec.ECDSA(prehashed))
        return self._key.sign(digest, padding_of(scheme), prehashed)


def padding_of(scheme: SignatureScheme) -> padding.PKCS1v15 | padding.PSS:
    """The RSA padding of a firmware signature scheme."""
    if scheme is SignatureScheme.RSA_PSS_SHA256:
        return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    return padding.PKCS1v15()


def generate_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """A new private key from the system's randomness."""
    match algorithm:
        case KeyAlgorithm.EC_P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyAlgorithm.EC_P384:
            return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(65537, int(algorithm.value.removeprefix("rsa-")))


def algorithm_of(public_key: PublicKey) -> KeyAlgorithm:
    """The kind of one of our own keys. Raises ValueError for a kind we do not make."""
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return KeyAlgorithm({"secp256r1": "ec-p256", "secp384r1": "ec-p384"}[public_key.curve.name])
    return KeyAlgorithm(f"rsa-{public_key.key_size}")


def family_of(public_key: PublicKey) -> KeyFamily:
    """Which family a public key belongs to."""
    return KeyFamily.EC if isinstance(public_key, ec.EllipticCurvePublicKey) else KeyFamily.RSA


def spki_of(public_key: PublicKey) -> bytes:
    """The SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7).

    The key is encoded afresh, so that a compressed point or an odd encoding does not hide a key seen before.
    """
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(public_key: PublicKey) -> str:
    """SHA-256 over the SubjectPublicKeyInfo, in hex: how a key is named in our records."""
    return hashlib.sha256(spki_of(public_key)).hexdigest()


_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_RSA_BITS = range(2048, 8193)
_STRENGTH = "OCPP 2.0.1 edition 3 A00.FR.502"


def check_key_strength(public_key: object) -> PublicKey:
    """The same key, when it is of a kind and size we certify (≥ 112 bit of strength).

    Raises CsrRejected with code `weak-key`, `key-too-large` or `key-type`.
    """
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        if public_key.curve.name not in _CURVES:
            raise CsrRejected("key-type", f"the curve {public_key.curve.name} is not accepted", _STRENGTH)
        return public_key
    if isinstance(public_key, rsa.RSAPublicKey):
        _check_rsa(public_key)
        return public_key
    raise CsrRejected("key-type", "the key is neither RSA nor on a NIST curve", _STRENGTH)


def _check_rsa(key: rsa.RSAPublicKey) -> None:
    numbers = key.public_numbers()
    if key.key_size < _RSA_BITS.start:
        raise CsrRejected("weak-key", f"the RSA key has {key.key_size} bits; 2048 are the least", _STRENGTH)
    if key.key_size not in _RSA_BITS:
        raise CsrRejected("key-too-large", f"the RSA key has {key.key_size} bits; 8192 are the most")
    if numbers.e < 65537 or numbers.e % 2 == 0:
        raise CsrRejected("weak-key", "the RSA exponent must be odd and at least 65537", "FIPS 186-5 §5.4")
    if numbers.n % 2 == 0 or _is_fermat_weak(numbers.n):
        raise CsrRejected("weak-key", "the RSA modulus can be factored", "FIPS 186-5 §A.1.1")


def _is_fermat_weak(modulus: int, rounds: int = 100) -> bool:
    """Whether the two primes lie so close together that Fermat's method finds them (CVE-2022-26320)."""
    root = isqrt(modulus)
    root += root * root < modulus
    for _ in range(rounds):
        square = root * root - modulus
        if isqrt(square) ** 2 == square:
            return True
        root += 1
    return False


def verify_signature(public_key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether `signature` is the X.509 signature that one of our keys of this kind makes over `data`."""
    hash_algorithm = algorithm_of(public_key).hash_algorithm()
    try:
        if isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(signature, data, ec.ECDSA(hash_algorithm))
        else:
            public_key.verify(signature, data, padding.PKCS1v15(), hash_algorithm)
    except InvalidSignature:
        return False
    return True


def assemble(to_be_signed: bytes, algorithm: KeyAlgorithm, signature: bytes) -> bytes:
    """The DER of a signed X.509 thing: SEQUENCE { toBeSigned, AlgorithmIdentifier, BIT STRING }.

    Certificates (RFC 5280 §4.1) and CRLs (§5.1) share this shape.
    """
    return der.sequence(to_be_signed, algorithm.identifier, der.bit_string(signature))

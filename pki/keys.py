"""Keys and signatures: the kinds we make, the kinds we accept, and the Signer that hides where a key is."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki import der
from pki.errors import PkiError
from pki.refusals import Refusal
from pki.weak_keys import check_rsa

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

    def sign_each(self, many: Sequence[bytes]) -> list[bytes | PkiError]:
        """`sign` for each of them, in one round trip where the key is elsewhere: signatures, or what went wrong."""

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

    def sign_each(self, many: Sequence[bytes]) -> list[bytes | PkiError]:
        """See Signer."""
        return one_by_one(self, many)

    def sign_digest(self, digest: bytes, scheme: SignatureScheme) -> bytes:
        """See Signer."""
        check_scheme(self.algorithm, scheme)
        prehashed = utils.Prehashed(hashes.SHA256())
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(digest, ec.ECDSA(prehashed))
        return self._key.sign(digest, padding_of(scheme), prehashed)


def one_by_one(signer: Signer, many: Sequence[bytes]) -> list[bytes | PkiError]:
    """`sign_each` for keys that sign one thing at a time."""
    outcomes: list[bytes | PkiError] = []
    for to_be_signed in many:
        try:
            outcomes.append(signer.sign(to_be_signed))
        except PkiError as fault:
            outcomes.append(fault)
    return outcomes


def check_scheme(algorithm: KeyAlgorithm, scheme: SignatureScheme) -> None:
    """Raises ValueError when a key of this kind cannot sign by `scheme`."""
    if scheme.family is not algorithm.family:
        raise ValueError(f"a key of the {algorithm.family} family cannot sign by {scheme}")


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


def check_key_strength(public_key: object) -> PublicKey:
    """The same key, when it is of a kind and size we certify (≥ 112 bit of strength).

    Raises CsrRejected: `key-type`, or what `pki.weak_keys` finds about an RSA key.
    """
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        if public_key.curve.name not in _CURVES:
            raise Refusal.KEY_TYPE.because(f"the curve {public_key.curve.name} is not accepted")
        return public_key
    if isinstance(public_key, rsa.RSAPublicKey):
        numbers = public_key.public_numbers()
        check_rsa(numbers.n, numbers.e)
        return public_key
    raise Refusal.KEY_TYPE.because()


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

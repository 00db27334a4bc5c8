"""Keys in a PKCS#11 token (a smart card, an HSM, SoftHSM). They are made there and never leave it.

Every key is a pair of objects whose label is the key's name. The hash is made here and signed there, so the token needs
the plain mechanisms only: CKM_ECDSA, CKM_RSA_PKCS, and CKM_RSA_PKCS_PSS for firmware that is signed so.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import MGF, Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import NoSuchKey
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

from pki.errors import KeyExists, PkiError, SignerUnavailable
from pki.keys import (
    KeyAlgorithm,
    KeyFamily,
    PublicKey,
    SignatureScheme,
    algorithm_of,
    check_key_strength,
    check_scheme,
    one_by_one,
)
from pki.pkcs11_sessions import ABOUT_THE_ACT, TokenSessions
from pki.secret_text import Secret
from pki.vault import check_key_name

_CURVE = {KeyAlgorithm.EC_P256: "secp256r1", KeyAlgorithm.EC_P384: "secp384r1"}
# DER of DigestInfo up to the digest (RFC 8017 §9.2, note 1).
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
}
_PRIVATE = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
_PUBLIC = {Attribute.VERIFY: True, Attribute.ENCRYPT: False, Attribute.WRAP: False, Attribute.DERIVE: False}
_PSS = (Mechanism.SHA256, MGF.SHA256, 32)

Result = TypeVar("Result")


class TokenVault:
    """The keys of one token, found by its label. Nothing is connected to before a key is needed."""

    def __init__(self, module: Path, token: str, pin: Secret, sessions: int) -> None:
        self._token = token
        self._sessions = TokenSessions(module, token, pin, sessions)
        self._making = threading.Lock()
        self._signers: dict[str, TokenSigner] = {}

    def make_signer(self, name: str, algorithm: KeyAlgorithm) -> "TokenSigner":
        """See Vault."""
        check_key_name(name)
        with self._making:
            if self.holds(name):
                raise self._taken(name)
            identifier = secrets.token_bytes(16)
            self._run(name, lambda session: _generate(session, name, identifier, algorithm))
            if self._run(name, lambda session: _count(session, name)) > 1:  # another process was as fast
                self._run(name, lambda session: _destroy(session, {Attribute.ID: identifier}))
                raise self._taken(name)
        return self.signer(name)

    def signer(self, name: str) -> "TokenSigner":
        """See Vault."""
        check_key_name(name)
        if name not in self._signers:
            public_key = self._run(name, lambda session: _public_key(session, name))
            self._signers[name] = TokenSigner(name, public_key, self._run)
        return self._signers[name]

    def holds(self, name: str) -> bool:
        """See Vault."""
        check_key_name(name)
        return self._run(name, lambda session: _count(session, name)) > 0

    def forget(self, name: str) -> None:
        """See Vault."""
        check_key_name(name)
        self._signers.pop(name, None)
        self._run(name, lambda session: _destroy(session, {Attribute.LABEL: name}))

    def where(self, name: str) -> str:
        """See Vault."""
        return f"PKCS#11 token {self._token}, label {name}"

    def _run(self, name: str, act: Callable[[Any], Result]) -> Result:
        """`act` with a session that nobody else uses meanwhile. Raises SignerUnavailable, VaultUnavailable."""
        try:
            return self._sessions.run(act)
        except NoSuchKey:
            raise SignerUnavailable(name, f"the token {self._token!r} has no such key") from None
        except ABOUT_THE_ACT as fault:
            raise SignerUnavailable(name, f"the token {self._token!r} cannot do that: {type(fault).__name__}") from None

    def _taken(self, name: str) -> KeyExists:
        return KeyExists(f"there is a key {name} in the token {self._token!r} already")


class TokenSigner:
    """A key in a token."""

    def __init__(self, name: str, public_key: PublicKey, run: Callable[..., Any]) -> None:
        self.name = name
        self.public_key = public_key
        self.algorithm = algorithm_of(public_key)
        self._run = run

    def sign(self, to_be_signed: bytes) -> bytes:
        """See Signer."""
        hash_name = self.algorithm.hash_algorithm().name
        return self._signature(hashlib.new(hash_name, to_be_signed).digest(), hash_name)

    def sign_each(self, many: Sequence[bytes]) -> list[bytes | PkiError]:
        """See Signer. A token signs one thing at a time; what makes many fast is several sessions."""
        return one_by_one(self, many)

    def sign_digest(self, digest: bytes, scheme: SignatureScheme) -> bytes:
        """See Signer."""
        check_scheme(self.algorithm, scheme)
        if scheme is SignatureScheme.RSA_PSS_SHA256:
            return self._made(digest, Mechanism.RSA_PKCS_PSS, _PSS)
        return self._signature(digest, "sha256")

    def _signature(self, digest: bytes, hash_name: str) -> bytes:
        if self.algorithm.family is KeyFamily.RSA:
            return self._made(_DIGEST_INFO[hash_name] + digest, Mechanism.RSA_PKCS, None)
        raw = self._made(digest, Mechanism.ECDSA, None)
        half = len(raw) // 2  # r and s, each as long as the order of the curve (PKCS#11 v3.0 §2.3.1)
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))

    def _made(self, data: bytes, mechanism: Mechanism, parameters: object) -> bytes:
        def sign(session: Any) -> bytes:
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=self.name)
            return bytes(key.sign(data, mechanism=mechanism, mechanism_param=parameters))

        signature: bytes = self._run(self.name, sign)
        return signature


def _generate(session: Any, name: str, identifier: bytes, algorithm: KeyAlgorithm) -> None:
    said = {"store": True, "label": name, "id": identifier, "private_template": _PRIVATE, "public_template": _PUBLIC}
    if algorithm.family is KeyFamily.EC:
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVE[algorithm])}
        session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(**said)
    else:
        session.generate_keypair(KeyType.RSA, int(algorithm.value.removeprefix("rsa-")), **said)


def _public_key(session: Any, name: str) -> PublicKey:
    """The public half as the token has it; the private half must be there too."""
    session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=name)
    key = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=name)
    try:
        return check_key_strength(_decoded(key))
    except (PkiError, ValueError, KeyError):
        raise SignerUnavailable(name, "the token's key of this name is of a kind that we do not use") from None


def _decoded(key: Any) -> object:
    if key.key_type is KeyType.EC:
        return load_der_public_key(encode_ec_public_key(key))
    modulus, exponent = (int.from_bytes(key[part]) for part in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT))
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _count(session: Any, name: str) -> int:
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: name}
    return sum(1 for _ in session.get_objects(wanted))


def _destroy(session: Any, wanted: dict[Attribute, object]) -> None:
    for one in list(session.get_objects(wanted)):
        one.destroy()

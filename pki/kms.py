"""Keys in AWS KMS. They are made there and never leave it; here the digest is made, there the signature.

Every key has the alias `alias/PREFIX-NAME`. Access comes from where boto3 finds it: the environment, a profile or the
machine's role. Every call is bounded in time.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pki.errors import KeyExists, PkiError, SignerUnavailable, VaultUnavailable
from pki.keys import KeyAlgorithm, PublicKey, SignatureScheme, algorithm_of, check_key_strength, check_scheme
from pki.vault import check_key_name

log = structlog.get_logger()

_SPEC = {
    KeyAlgorithm.EC_P256: "ECC_NIST_P256",
    KeyAlgorithm.EC_P384: "ECC_NIST_P384",
    KeyAlgorithm.RSA_2048: "RSA_2048",
    KeyAlgorithm.RSA_3072: "RSA_3072",
    KeyAlgorithm.RSA_4096: "RSA_4096",
}
_SCHEME = {
    SignatureScheme.ECDSA_SHA256: "ECDSA_SHA_256",
    SignatureScheme.RSA_PKCS1V15_SHA256: "RSASSA_PKCS1_V1_5_SHA_256",
    SignatureScheme.RSA_PSS_SHA256: "RSASSA_PSS_SHA_256",
}
_X509 = {KeyAlgorithm.EC_P256: "ECDSA_SHA_256", KeyAlgorithm.EC_P384: "ECDSA_SHA_384"}
_ABOUT_THE_KEY = {
    "NotFoundException": "there is no such key",
    "DisabledException": "it is disabled",
    "KMSInvalidStateException": "it is about to be deleted or otherwise out of use",
    "AccessDeniedException": "we may not use it",
    "InvalidKeyUsageException": "it is no key for signing",
}
_AT_ONCE = 16  # signatures under way; each is a round trip
_GRACE_DAYS = 7  # the least that AWS keeps a key that is to be deleted

Result = TypeVar("Result")


class KmsVault:
    """The keys of one prefix in one region. Empty `region` and `endpoint` are what boto3 finds by itself."""

    def __init__(self, prefix: str, region: str, endpoint: str, timeout: timedelta) -> None:
        self._prefix = prefix
        self._region = region
        self._endpoint = endpoint
        seconds = timeout.total_seconds()
        self._config = Config(
            connect_timeout=seconds,
            read_timeout=seconds,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=_AT_ONCE,
        )
        self._lock = threading.Lock()
        self._made: Any = None
        self._signers: dict[str, KmsSigner] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="kms")

    def make_signer(self, name: str, algorithm: KeyAlgorithm) -> "KmsSigner":
        """See Vault. The alias is what makes a name unique: of two who are as fast, the second gets KeyExists."""
        alias = self._alias(name)
        if self.holds(name):
            raise KeyExists(f"there is a key {alias} already")
        description = f"Voltward authority key {name}"
        made = self.call(name, "create_key", KeyUsage="SIGN_VERIFY", KeySpec=_SPEC[algorithm], Description=description)
        identifier = made["KeyMetadata"]["KeyId"]
        try:
            self.call(name, "create_alias", AliasName=alias, TargetKeyId=identifier)
        except PkiError:
            with suppress(PkiError):
                self.call(name, "schedule_key_deletion", KeyId=identifier, PendingWindowInDays=_GRACE_DAYS)
            raise
        return self.signer(name)

    def signer(self, name: str) -> "KmsSigner":
        """See Vault. The alias is resolved once, so that pointing it elsewhere later changes no key of ours."""
        alias = self._alias(name)
        if name not in self._signers:
            found = self.call(name, "get_public_key", KeyId=alias)
            self._signers[name] = KmsSigner(name, found["KeyId"], _public_key(name, found["PublicKey"]), self)
        return self._signers[name]

    def holds(self, name: str) -> bool:
        """See Vault."""
        alias = self._alias(name)
        try:
            state: str = self.call(name, "describe_key", KeyId=alias)["KeyMetadata"]["KeyState"]
        except VaultUnavailable:
            raise
        except SignerUnavailable:
            return False
        return state != "PendingDeletion"

    def forget(self, name: str) -> None:
        """See Vault. AWS deletes it after seven days, in which it can be brought back there."""
        alias = self._alias(name)
        self._signers.pop(name, None)
        if self.holds(name):
            identifier = self.call(name, "describe_key", KeyId=alias)["KeyMetadata"]["KeyId"]
            self.call(name, "delete_alias", AliasName=alias)
            self.call(name, "schedule_key_deletion", KeyId=identifier, PendingWindowInDays=_GRACE_DAYS)

    def where(self, name: str) -> str:
        """See Vault."""
        return f"AWS KMS, {self._alias(name)}"

    def call(self, name: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """One call about the key `name`. Raises SignerUnavailable, VaultUnavailable, KeyExists."""
        try:
            answer: dict[str, Any] = getattr(self._client(), operation)(**parameters)
        except ClientError as fault:
            raise _translated(name, fault) from None
        except BotoCoreError as fault:  # no connection, no credentials, no region, too slow
            raise VaultUnavailable("AWS KMS", str(fault)) from None
        return answer

    def each(self, act: Callable[[bytes], bytes | PkiError], many: Sequence[bytes]) -> list[bytes | PkiError]:
        """`act` for each, several round trips at a time."""
        return list(self._pool.map(act, many))

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = boto3.client(
                    "kms", region_name=self._region or None, endpoint_url=self._endpoint or None, config=self._config
                )
            return self._made

    def _alias(self, name: str) -> str:
        return f"alias/{self._prefix}-{check_key_name(name)}"


class KmsSigner:
    """A key in KMS."""

    def __init__(self, name: str, identifier: str, public_key: PublicKey, vault: KmsVault) -> None:
        self.name = name
        self.public_key = public_key
        self.algorithm = algorithm_of(public_key)
        self._identifier = identifier
        self._vault = vault

    def sign(self, to_be_signed: bytes) -> bytes:
        """See Signer."""
        digest = hashlib.new(self.algorithm.hash_algorithm().name, to_be_signed).digest()
        return self._signature(digest, _X509.get(self.algorithm, "RSASSA_PKCS1_V1_5_SHA_256"))

    def sign_each(self, many: Sequence[bytes]) -> list[bytes | PkiError]:
        """See Signer."""
        return self._vault.each(self._sign_or_fault, many)

    def sign_digest(self, digest: bytes, scheme: SignatureScheme) -> bytes:
        """See Signer."""
        check_scheme(self.algorithm, scheme)
        return self._signature(digest, _SCHEME[scheme])

    def _sign_or_fault(self, to_be_signed: bytes) -> bytes | PkiError:
        try:
            return self.sign(to_be_signed)
        except PkiError as fault:
            return fault

    def _signature(self, digest: bytes, algorithm: str) -> bytes:
        answer = self._vault.call(
            self.name,
            "sign",
            KeyId=self._identifier,
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm=algorithm,
        )
        signature: bytes = answer["Signature"]
        return signature


def _public_key(name: str, der: bytes) -> PublicKey:
    try:
        return check_key_strength(load_der_public_key(der))
    except (PkiError, ValueError):
        raise SignerUnavailable(name, "it is of a kind that we do not use") from None


def _translated(name: str, fault: ClientError) -> PkiError:
    """What AWS says about one key, and what it says about itself: throttling, time-outs, missing rights."""
    error = fault.response.get("Error", {})
    code, message = error.get("Code", ""), error.get("Message", "")
    if code == "AlreadyExistsException":
        return KeyExists(f"there is a key {name} in KMS already")
    if code in _ABOUT_THE_KEY:
        return SignerUnavailable(name, _ABOUT_THE_KEY[code])
    log.warning("kms_failed", key=name, code=code)
    return VaultUnavailable("AWS KMS", f"{code}: {message}"[:200])

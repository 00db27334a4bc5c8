"""The folder of encrypted keys.

One root secret, kept in `root-secret.json`, is sealed under the passphrase by scrypt and AES-256-GCM.
Every other secret follows from it by HKDF: the keys of the audit chain and the passwords of the PKCS#8 key
files. So guessing the passphrase always costs scrypt (PKCS#8's own key derivation is weak), and a passphrase
can be changed by sealing one small file again.
"""

import json
import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from pki.errors import KeyExists, KeyStoreMissing, SignerUnavailable, WrongPassphrase
from pki.keys import FileSigner, KeyAlgorithm, generate_key
from pki.secret_text import Secret
from pki.vault import check_key_name

_SEALED = "root-secret.json"
_BOUND_TO = b"voltward root secret 1"
_SCRYPT_COST = 2**16  # with r = 8: 64 MiB and about a quarter of a second


class KeyStore:
    """The keys of one data folder, opened with its passphrase. Safe to use from several threads."""

    def __init__(self, folder: Path, root_secret: bytes) -> None:
        self._folder = folder
        self._root_secret = root_secret
        self._signers: dict[str, FileSigner] = {}

    @classmethod
    def create(cls, folder: Path, passphrase: Secret, *, scrypt_cost: int = _SCRYPT_COST) -> Self:
        """A new key store with a fresh root secret. Raises KeyExists when the folder holds one already."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        root_secret = secrets.token_bytes(32)
        _write_new(folder / _SEALED, _seal(root_secret, passphrase, scrypt_cost))
        return cls(folder, root_secret)

    @classmethod
    def open(cls, folder: Path, passphrase: Secret) -> Self:
        """The key store in `folder`. Raises KeyStoreMissing, WrongPassphrase."""
        try:
            sealed = (folder / _SEALED).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise KeyStoreMissing(
                f"there are no keys in {folder}", "Make a data folder with `voltward init`."
            ) from None
        return cls(folder, _unseal(sealed, passphrase, folder))

    @classmethod
    def resealed(cls, folder: Path, old: Secret, new: Secret) -> bytes | None:
        """What `replace_seal` takes: the root secret sealed under `new`; None when it is under `new` already.

        Raises KeyStoreMissing, WrongPassphrase.
        """
        try:
            root_secret = cls.open(folder, old)._root_secret  # noqa: SLF001 -- our own
        except WrongPassphrase:
            cls.open(folder, new)  # changed before a crash
            return None
        return _seal(root_secret, new, _SCRYPT_COST)

    @staticmethod
    def replace_seal(folder: Path, sealed: bytes) -> None:
        """Put another seal in place of the present one, in one step; the old passphrase is of no use then."""
        passing = folder / f".{_SEALED}.{secrets.token_hex(6)}"
        _write_new(passing, sealed)
        passing.replace(folder / _SEALED)
        _sync_folder(folder)

    def secret(self, purpose: str) -> bytes:
        """32 bytes that belong to `purpose` alone (HKDF-SHA256, RFC 5869)."""
        hkdf = HKDF(hashes.SHA256(), length=32, salt=None, info=b"voltward/" + purpose.encode())
        return hkdf.derive(self._root_secret)

    def key_password(self, name: str) -> Secret:
        """The password of the key file called `name`."""
        return Secret.of(self.secret(f"key-file/{name}").hex())

    def key_path(self, name: str) -> Path:
        """Where the key called `name` lies (or would lie). Raises ValueError for an unfit name."""
        return self._folder / f"{check_key_name(name)}.key"

    def make_signer(self, name: str, algorithm: KeyAlgorithm) -> FileSigner:
        """A new key, written down (encrypted PKCS#8 PEM, mode 0600, fsynced) before it is handed out.

        Raises KeyExists: nothing is ever overwritten.
        """
        path = self.key_path(name)
        if path.exists():
            raise KeyExists(f"there is a key file {path} already")
        key = generate_key(algorithm)
        password = BestAvailableEncryption(self.key_password(name).reveal)
        _write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, password))
        self._signers[name] = FileSigner(name, key)
        return self._signers[name]

    def signer(self, name: str) -> FileSigner:
        """The key called `name`. Raises SignerUnavailable: no such file, or one from another key store."""
        if name not in self._signers:
            self._signers[name] = self._load(name)
        return self._signers[name]

    def holds(self, name: str) -> bool:
        """Whether there is a key file of this name here."""
        return self.key_path(name).exists()

    def forget(self, name: str) -> None:
        """Delete a key that nothing needs any more."""
        self._signers.pop(name, None)
        self.key_path(name).unlink(missing_ok=True)

    def where(self, name: str) -> str:
        """See Vault."""
        return f"file {self.key_path(name)}"

    def _load(self, name: str) -> FileSigner:
        try:
            pem = self.key_path(name).read_bytes()
        except FileNotFoundError:
            raise SignerUnavailable(name, f"there is no such file in {self._folder}") from None
        try:
            key = load_pem_private_key(pem, self.key_password(name).reveal)
        except ValueError:
            raise SignerUnavailable(name, "its file belongs to another key store") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise SignerUnavailable(name, "it is neither an EC nor an RSA key")
        return FileSigner(name, key)


def _seal(root_secret: bytes, passphrase: Secret, cost: int) -> bytes:
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    key = Scrypt(salt, 32, n=cost, r=8, p=1).derive(passphrase.reveal)
    sealed = AESGCM(key).encrypt(nonce, root_secret, _BOUND_TO)
    fields = {"salt": salt, "nonce": nonce, "sealed": sealed}
    document = {"version": 1, "kdf": "scrypt", "n": cost, "r": 8, "p": 1, "cipher": "AES-256-GCM"}
    document |= {name: b64encode(value).decode() for name, value in fields.items()}
    return json.dumps(document, indent=1).encode() + b"\n"


def _unseal(sealed: bytes, passphrase: Secret, folder: Path) -> bytes:
    try:
        document = json.loads(sealed)
        salt, nonce, box = (b64decode(document[field]) for field in ("salt", "nonce", "sealed"))
        kdf = Scrypt(salt, 32, n=document["n"], r=document["r"], p=document["p"])
    except (ValueError, KeyError, TypeError):
        raise KeyStoreMissing(f"{folder / _SEALED} is damaged", "Restore it from a backup.") from None
    try:
        return AESGCM(kdf.derive(passphrase.reveal)).decrypt(nonce, box, _BOUND_TO)
    except InvalidTag:
        raise WrongPassphrase from None


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that did not exist, readable by its owner alone, and see it safely on the disk.

    The content lands under a passing name first, so that a crash leaves either no file or a whole one.
    Raises KeyExists.
    """
    passing = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(passing, path)  # unlike a rename, a link never replaces what is there
    except FileExistsError:
        raise KeyExists(f"there is a file {path} already") from None
    finally:
        passing.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

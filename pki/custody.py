"""Where the authorities' keys are kept: the operator's choice, and opening the place that was chosen."""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from pki.errors import VaultUnavailable
from pki.secret_text import Secret
from pki.vault import Vault


class Custodian(StrEnum):
    """Who keeps the authorities' keys and the firmware signers'."""

    FILES = "files"
    PKCS11 = "pkcs11"
    KMS = "kms"
    PROCESS = "process"
    """Another process on this machine: `voltward serve --roles signer`."""


class CustodySettings(BaseModel):
    """Where the keys are, and how to get there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    custody: Custodian = Custodian.FILES

    authority_keys: Path | None = None
    """The folder of encrypted authority keys; `keys/authorities` in the data folder when not set."""
    authority_passphrase: SecretStr | None = None
    authority_passphrase_file: Path | None = None
    """Without either, the passphrase of the data folder."""

    pkcs11_module: Path | None = None
    pkcs11_token: str = ""
    pkcs11_pin: SecretStr | None = None
    pkcs11_pin_file: Path | None = None
    pkcs11_sessions: int = Field(default=8, ge=1, le=256)

    kms_prefix: str = Field(default="voltward", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    kms_region: str = ""
    kms_endpoint: str = ""
    kms_timeout: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0), le=timedelta(minutes=1))

    signer_socket: Path | None = None
    """Set: every role but the signer signs through it. `signer.sock` in the data folder for custody `process`."""
    signer_users: tuple[str, ...] = ()
    """Names or numbers of the users whose processes may ask for signatures; empty is the signer's own user."""
    signer_log: Path | None = None
    signer_log_full: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024, le=1024**3)
    """Octets of one file of it."""
    signer_log_keep: timedelta | None = Field(default=None, ge=timedelta(days=1))
    """How long full files are kept; not set is for ever."""
    signer_ceremony: bool = False
    signer_timeout: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0), le=timedelta(minutes=5))

    @model_validator(mode="after")
    def _relations(self) -> Self:
        if self.custody is Custodian.PKCS11 and not (self.pkcs11_module and self.pkcs11_token):
            raise ValueError("custody pkcs11 needs pkcs11_module and pkcs11_token")
        return self

    def socket(self, folder: Path) -> Path | None:
        """Where the signer process listens, when signing goes through it."""
        if self.signer_socket is not None:
            return folder / self.signer_socket
        return folder / "signer.sock" if self.custody is Custodian.PROCESS else None


def open_vault(settings: CustodySettings, folder: Path, files: Callable[[], Vault]) -> Vault:
    """The place where this process signs: the signer process when there is one, else what `open_own_vault` opens.

    Raises VaultUnavailable when a package is missing that the place needs.
    """
    socket = settings.socket(folder)
    if socket is None:
        return open_own_vault(settings, files)
    from pki.signer_process.client import ProcessVault

    return ProcessVault(socket, settings.signer_timeout)


def open_own_vault(settings: CustodySettings, files: Callable[[], Vault]) -> Vault:
    """The place itself, for the signer process and for `init`; `files` opens the folder of encrypted keys.

    Nothing is connected to yet: what is out of reach shows when a key is needed. Raises VaultUnavailable.
    """
    match settings.custody:
        case Custodian.PKCS11:
            return _open_token(settings)
        case Custodian.KMS:
            return _open_kms(settings)
    return files()


def _open_token(settings: CustodySettings) -> Vault:
    try:
        from pki.pkcs11 import TokenVault
    except ImportError:
        raise VaultUnavailable("PKCS#11 token", "the package python-pkcs11 is not installed") from None
    if settings.pkcs11_module is None:  # the settings have seen to it
        raise VaultUnavailable("PKCS#11 token", "no module is named")
    pin = read_secret(settings.pkcs11_pin, settings.pkcs11_pin_file) or Secret.of("")
    return TokenVault(settings.pkcs11_module, settings.pkcs11_token, pin, settings.pkcs11_sessions)


def _open_kms(settings: CustodySettings) -> Vault:
    try:
        from pki.kms import KmsVault
    except ImportError:
        raise VaultUnavailable("AWS KMS", "the package boto3 is not installed") from None
    return KmsVault(settings.kms_prefix, settings.kms_region, settings.kms_endpoint, settings.kms_timeout)


def read_secret(value: SecretStr | None, file: Path | None) -> Secret | None:
    """A secret from the settings or from the file that they name; None when neither says anything.

    Raises VaultUnavailable when the file cannot be read.
    """
    if value is not None:
        return Secret.of(value.get_secret_value())
    if file is None:
        return None
    try:
        return Secret.of(file.read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as fault:
        raise VaultUnavailable("secret", f"cannot read {file}: {type(fault).__name__}") from None

"""The places of keys that belong to a data folder: the node's own, and where the authorities' keys are kept."""

from collections.abc import Callable
from pathlib import Path

from pki.custody import CustodySettings, open_own_vault, open_vault, read_secret
from pki.keystore import KeyStore
from pki.secret_text import Secret
from pki.vault import Vault

OWN = "keys"
_AUTHORITIES = "authorities"


def authorities_folder(folder: Path, settings: CustodySettings) -> Path:
    """Where the authorities' keys lie when they are files."""
    return folder / (settings.authority_keys or Path(OWN) / _AUTHORITIES)


def vault_of(folder: Path, settings: CustodySettings, keys: KeyStore, passphrase: Secret) -> Vault:
    """Where this process has things signed. `passphrase` is the node's.

    Raises VaultUnavailable, KeyStoreMissing, WrongPassphrase.
    """
    return open_vault(settings, folder, lambda: _authority_files(folder, settings, lambda: passphrase, keys))


def signers_vault_of(folder: Path, settings: CustodySettings, passphrase: Callable[[], Secret]) -> Vault:
    """Where the signer process signs; `passphrase` is asked for the node's when files have none of their own.

    Raises VaultUnavailable, KeyStoreMissing, WrongPassphrase.
    """
    return open_own_vault(settings, lambda: _authority_files(folder, settings, passphrase, None))


def new_vault_of(folder: Path, settings: CustodySettings, passphrase: Secret) -> Vault:
    """Where a new data folder's first authorities are made: the place itself, also when a signer process is to follow.

    Raises VaultUnavailable, KeyExists.
    """
    own = authority_passphrase(settings) or passphrase
    return open_own_vault(settings, lambda: KeyStore.create(authorities_folder(folder, settings), own))


def authority_passphrase(settings: CustodySettings) -> Secret | None:
    """The passphrase of the authorities' key files, when they have one of their own. Raises VaultUnavailable."""
    return read_secret(settings.authority_passphrase, settings.authority_passphrase_file)


def _authority_files(
    folder: Path, settings: CustodySettings, passphrase: Callable[[], Secret], keys: KeyStore | None
) -> Vault:
    """A folder from before the keys were kept apart has all of them in one place."""
    apart = authorities_folder(folder, settings)
    if apart.exists() or settings.authority_keys is not None:
        return KeyStore.open(apart, authority_passphrase(settings) or passphrase())
    return keys or KeyStore.open(folder / OWN, passphrase())

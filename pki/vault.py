"""Where keys are: a folder of encrypted files, a token, a cloud service, another process.

A place makes keys, finds them again by name, and forgets them. What it hands out are Signers; nobody sees a key.
"""

import re
from typing import Protocol

from pki.keys import KeyAlgorithm, Signer

_KEY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")


class Vault(Protocol):
    """One place. Safe to use from several threads. Every method may raise VaultUnavailable."""

    def make_signer(self, name: str, algorithm: KeyAlgorithm) -> Signer:
        """A new key, which survives a loss of power before it is handed out.

        Raises KeyExists (nothing is ever overwritten), ValueError for an unfit name.
        """

    def signer(self, name: str) -> Signer:
        """The key called `name`. Raises SignerUnavailable when there is none or it is of no use here."""

    def holds(self, name: str) -> bool:
        """Whether there is a key of this name."""

    def forget(self, name: str) -> None:
        """Delete a key that nothing needs any more; nothing happens when there is none."""

    def where(self, name: str) -> str:
        """In words for the operator, where the key called `name` is or would be."""


def check_key_name(name: str) -> str:
    """The same name, when a key may be called that in every place. Raises ValueError."""
    if not _KEY_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a key")
    return name

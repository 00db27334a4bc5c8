"""The envelope of a backup: one file, encrypted under a passphrase, written and read in pieces.

    voltward-backup/1                          one line
    -----BEGIN AGE ENCRYPTED FILE-----         a fresh age identity, under the passphrase (scrypt)
    …                                          what age encrypted to that identity (X25519, ChaCha20-Poly1305 in pieces)

The identity's public half is nowhere, so whoever lacks the passphrase can neither read a backup nor make one that
opens. Each piece is authenticated, and the last one says that it is the last: a file that was altered or cut short does
not open. age's own program opens it as well (docs/operations.md).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyrage

from pki.secret_text import Secret
from web.errors import BackupUnreadable, RequestRefused

_MAGIC = b"voltward-backup/"
_VERSION = b"1"
_END_OF_IDENTITY = b"-----END AGE ENCRYPTED FILE-----\n"
_LONGEST_HEADER = 8192
_SHORTEST_PASSPHRASE = 12


def check_backup_passphrase(passphrase: Secret) -> None:
    """Raises RequestRefused for one that can be guessed."""
    if len(passphrase.reveal) < _SHORTEST_PASSPHRASE:
        why = f"the passphrase of a backup must have at least {_SHORTEST_PASSPHRASE} characters"
        raise RequestRefused("passphrase", why, "All keys are behind it. A few random words are best.")


def seal(content: Iterator[bytes], passphrase: Secret, into: IO[bytes]) -> None:
    """Encrypt `content` into a file. Raises what making the content raises, and OSError."""
    identity = pyrage.x25519.Identity.generate()
    into.write(_MAGIC + _VERSION + b"\n")
    into.write(pyrage.passphrase.encrypt(str(identity).encode(), passphrase.text(), armored=True))
    source, target = _Source(content), _Target(into)
    try:
        pyrage.encrypt_io(source, target, [identity.to_public()])
    except (pyrage.EncryptError, OSError):
        raise source.fault or target.fault or OSError("the backup could not be encrypted") from None


def unseal(file: Path, passphrase: Secret, into: IO[bytes]) -> None:
    """Decrypt a whole backup. What it wrote is good only when it returns. Raises BackupUnreadable, OSError."""
    with file.open("rb") as sealed:
        identity = _identity(_header(sealed), passphrase)
        target = _Target(into)
        try:
            pyrage.decrypt_io(sealed, target, [identity])
        except (pyrage.DecryptError, OSError):
            if target.fault is not None:
                raise target.fault from None
            raise BackupUnreadable("the backup is damaged: it was altered or cut short") from None


def _header(sealed: IO[bytes]) -> bytes:
    """The sealed identity; what follows it is left to be read. Raises BackupUnreadable."""
    first = sealed.readline(_LONGEST_HEADER)
    if not first.startswith(_MAGIC):
        raise BackupUnreadable("this is not a backup of Voltward")
    if (version := first.removeprefix(_MAGIC).strip()) != _VERSION:
        told = version[:20].decode("ascii", "replace")
        raise BackupUnreadable(f"this backup has format {told}; this version of Voltward reads format 1")
    lines = []
    while sealed.tell() < _LONGEST_HEADER and (line := sealed.readline(_LONGEST_HEADER)):
        lines.append(line)
        if line == _END_OF_IDENTITY:
            return b"".join(lines)
    raise BackupUnreadable("the backup is damaged: its beginning is not whole")


def _identity(sealed: bytes, passphrase: Secret) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(sealed, passphrase.text()).decode())
    except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError):
        raise BackupUnreadable(
            "the passphrase does not open this backup, or its beginning was altered",
            "Give the passphrase that the backup was made with; it is not the one of the data folder's keys.",
        ) from None


class _Source:
    """Pieces of any size, read as a file. Keeps the exception that its reader would only retell."""

    def __init__(self, content: Iterator[bytes]) -> None:
        self._content = content
        self._rest = b""
        self.fault: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            while not self._rest:
                self._rest = next(self._content)
        except StopIteration:
            return b""
        except BaseException as fault:
            self.fault = fault
            raise
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


class _Target:
    """A file that keeps the exception of a write that failed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.fault: OSError | None = None

    def write(self, piece: bytes) -> int:
        try:
            return self._file.write(piece)
        except OSError as fault:
            self.fault = fault
            raise

    def flush(self) -> None:
        self._file.flush()

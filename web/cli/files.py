"""Files that a command was told to read or write, with errors in the caller's terms."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from web.cli.failures import CommandFailed, WrongUse


def read_bytes(path: Path) -> bytes:
    """A file's content. Raises WrongUse."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise WrongUse(f"cannot read {path}: {fault.strerror}") from None


def read_text(path: Path) -> str:
    """A file's content as text. Raises WrongUse."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        raise WrongUse(f"{path} is not text; PEM is expected") from None


def key_in(path: Path) -> str:
    """SHA-256 of the key in a certificate, request or public key file, in hex. Raises WrongUse."""
    # Loaded when needed: most commands start faster without the cryptography behind them.
    from pki.errors import CsrRejected
    from pki.key_files import fingerprint_in

    try:
        return fingerprint_in(read_text(path))
    except CsrRejected as fault:
        raise WrongUse(f"{path}: {fault.sentence}", fault.hint) from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file. Raises WrongUse."""
    try:
        path.write_bytes(content)
    except OSError as fault:
        raise WrongUse(f"cannot write {path}: {fault.strerror}") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file. Raises WrongUse."""
    write_bytes(path, text.encode())


@contextmanager
def private_files() -> Iterator[None]:
    """While the block lasts, what this process makes is for its own user alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def appearing(out: Path) -> Iterator[IO[bytes]]:
    """A file for its owner alone that has its name once it is whole and on the disk. Raises WrongUse."""
    passing = out.with_name(f".{out.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:
        raise WrongUse(f"cannot write {out}: {fault.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(passing, out)  # unlike a rename, a link never replaces what is there
    except FileExistsError:
        raise WrongUse(f"there is a file {out} already") from None
    except OSError as fault:
        raise CommandFailed(f"cannot write {out}: {fault.strerror}") from None
    finally:
        passing.unlink()

"""Passphrases that a command needs besides the one of the keys: from a file, the environment, or a person."""

import getpass
import os
import sys
from pathlib import Path

from web.cli.failures import WrongUse
from web.cli.files import read_text


def read_passphrase(variable: str, file: Path | None, *, what: str, repeat: bool) -> str:
    """From `file`, else from the environment's `variable`, else from the terminal. Raises WrongUse."""
    if file is not None:
        return _not_empty(read_text(file).rstrip("\r\n"), what)
    if found := os.environ.get(variable):
        return found
    if not sys.stdin.isatty():
        raise WrongUse(f"there is no passphrase for {what}", f"Set {variable}, or name a file that holds it.")
    first = getpass.getpass(f"Passphrase for {what}: ")
    if repeat and getpass.getpass("The same passphrase again: ") != first:
        raise WrongUse("the two passphrases are not the same", "Try again.")
    return _not_empty(first, what)


def _not_empty(text: str, what: str) -> str:
    if not text:
        raise WrongUse(f"the passphrase for {what} is empty")
    return text

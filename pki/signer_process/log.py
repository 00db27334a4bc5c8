"""The signer's own log: one line of JSON for each request, chained by SHA-256, only ever appended to.

A line is on the disk before anything is signed for it. The log lies where only the signer's user may write, so that
whoever has the other processes and the database cannot make undone what was asked of the keys.
"""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Entry: TypeAlias = dict[str, Any]

_BEGIN = "0" * 64


class LogBroken(Exception):
    """A line is not what was written, or one is missing. `line` counts from 1."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(f"line {line} of {path} is not what the signer wrote")
        self.line = line


class SignerLog:
    """Appends to one file. One process at a time."""

    def __init__(self, path: Path, heard: Callable[[Entry], None] = lambda _: None) -> None:
        """Reads what is there, line by line, to `heard`. Raises LogBroken, OSError (another has it open)."""
        self._lock = threading.Lock()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sequence, self._hash = 0, _BEGIN
            os.ftruncate(self._descriptor, _whole_lines(path))  # half a line was never acted upon
            for entry in read_log(path):
                self._sequence, self._hash = entry["sequence"], entry["hash"]
                heard(entry)
        except BaseException:
            self.close()
            raise

    def append(self, entries: Sequence[Entry]) -> None:
        """Write lines and see them safely on the disk. Raises OSError; then nothing may be signed for them."""
        with self._lock:
            sequence, previous = self._sequence, self._hash
            lines = []
            for entry in entries:
                sequence += 1
                body = {"sequence": sequence, **entry}
                previous = _chained(previous, body)
                lines.append(_canonical({**body, "hash": previous}) + "\n")
            before = os.fstat(self._descriptor).st_size
            try:
                _write_all(self._descriptor, "".join(lines).encode())
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, before)
                raise
            self._sequence, self._hash = sequence, previous

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def read_log(path: Path) -> Iterator[Entry]:
    """Every entry, oldest first, as far as the chain holds. Raises LogBroken at the first line where it does not."""
    previous = _BEGIN
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            entry = _entry(line)
            if entry is None or entry.get("sequence") != number:
                raise LogBroken(path, number)
            body = {name: value for name, value in entry.items() if name != "hash"}
            previous = _chained(previous, body)
            if entry.get("hash") != previous:
                raise LogBroken(path, number)
            yield entry


def _entry(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _whole_lines(path: Path) -> int:
    """How many octets of the file are lines with an end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while size:
            start = max(0, size - 65536)
            file.seek(start)
            end = file.read(size - start).rfind(b"\n")
            if end >= 0:
                return start + end + 1
            size = start
    return 0


def _write_all(descriptor: int, octets: bytes) -> None:
    written = 0
    while written < len(octets):
        written += os.write(descriptor, octets[written:])


def _chained(previous: str, body: Entry) -> str:
    return hashlib.sha256((previous + _canonical(body)).encode()).hexdigest()


def _canonical(value: Entry) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))

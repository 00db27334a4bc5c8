"""The signer's own log: one line of JSON for each request, chained by SHA-256, only ever appended to.

A line is on the disk before anything is signed for it. The log lies where only the signer's user may write, so that
whoever has the other processes and the database cannot make undone what was asked of the keys. A file that is full is
sealed and another one begun (`pki.signer_process.segments`).
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from pki.signer_process.chain import BEGIN, Entry, Head, LogBroken, line_of, read_lines
from pki.signer_process.segments import (
    Deleted,
    delete,
    deleted_in,
    moment_of,
    outlived,
    read_log,
    recent,
    sealed,
    sealed_path,
    sync_folder,
)

__all__ = ["Bounds", "Entry", "LogBroken", "SignerLog", "read_log"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a file is full (octets), and how long sealed files are kept; None is for ever."""

    full: int = 64 * 1024 * 1024
    keep: timedelta | None = None


class SignerLog:
    """Appends to one file. One process at a time."""

    def __init__(
        self,
        path: Path,
        heard: Callable[[Entry], None] = lambda _: None,
        carried: Callable[[], Entry] = dict,
        bounds: Bounds | None = None,
    ) -> None:
        """Reads what is there, line by line, to `heard`: the newest file, and of the sealed ones what may matter still.

        `carried` is what must outlive a file, and comes back in a line to `heard`. Raises LogBroken, OSError (another
        process has it open).
        """
        self._path, self._carried, self._bounds = path, carried, bounds or Bounds()
        self._lock = threading.Lock()
        self._deleted: Deleted | None = None
        self._at: datetime | None = None
        # A file of its own, since the log's own is renamed under the eyes of who waits for it.
        self._guard = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        self._descriptor = -1
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _finish_sealing(path)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.ftruncate(self._descriptor, _whole_lines(path))  # half a line was never acted upon
            self._segment = max(sealed(path), default=0) + 1
            self._head = self._read(heard)
            if self._head != BEGIN and not os.fstat(self._descriptor).st_size:
                self._write([self._first_line()])
        except BaseException:
            self.close()
            raise

    def append(self, entries: Sequence[Entry]) -> None:
        """Write lines and see them safely on the disk. Raises OSError; then nothing may be signed for them."""
        with self._lock:
            if entries and os.fstat(self._descriptor).st_size >= self._bounds.full:
                self._at = moment_of(entries[-1]) or self._at
                self._seal()
            self._write(entries)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        os.close(self._guard)

    # --- files

    def _read(self, heard: Callable[[Entry], None]) -> Head:
        """Everything in the files that matter, and where the chain ends.

        Older files need not be here: whoever keeps them elsewhere verifies them there.
        """
        head: Head | None = None
        for file in (*recent(self._path), self._path):
            for entry, reached in read_lines(file, head):
                head, self._at = reached, moment_of(entry) or self._at
                if entry.get("do") == "begin":
                    self._segment = int(entry["segment"]) + (file != self._path)
                self._deleted = deleted_in(entry) or self._deleted
                heard(entry)
        return head or BEGIN

    def _seal(self) -> None:
        """Give the full file a number and go on in another; a fault leaves all as it was, for the next time."""
        new, old = self._path.with_name(f"{self._path.name}.new"), sealed_path(self._path, self._segment)
        octets, head = line_of(self._first_line(self._segment + 1), self._head)
        try:
            descriptor = _made(new, octets)
        except OSError as fault:
            log.warning("signer_log_not_sealed", fault=str(fault))
            return
        try:
            self._path.rename(old)
            new.rename(self._path)
            sync_folder(self._path)
        except OSError as fault:
            log.warning("signer_log_not_sealed", fault=str(fault))
            os.close(descriptor)
            if old.exists() and not self._path.exists():
                old.rename(self._path)
            return
        os.close(self._descriptor)
        self._descriptor, self._head, self._segment = descriptor, head, self._segment + 1
        log.info("signer_log_sealed", file=str(old))
        self._forget()

    def _first_line(self, segment: int | None = None) -> Entry:
        carried = {"sequence": self._head.sequence, "hash": self._head.hash}
        first = {"do": "begin", "segment": segment or self._segment, "after": carried, **self._carried()}
        first |= {"at": self._at.isoformat()} if self._at else {}
        return first | ({"deleted": self._deleted.as_entry()} if self._deleted else {})

    def _forget(self) -> None:
        """Delete what is old enough, once that is written down."""
        found = outlived(self._path, self._bounds.keep, self._at)
        try:
            if found is not None and self._at is not None:
                self._write([{"do": "delete", "at": self._at.isoformat(), "deleted": found.as_entry()}])
                self._deleted = found
            delete(self._path, self._deleted)
        except OSError as fault:
            log.warning("signer_log_not_deleted", fault=str(fault))

    def _write(self, entries: Sequence[Entry]) -> None:
        head, lines = self._head, []
        for entry in entries:
            octets, head = line_of(entry, head)
            lines.append(octets)
        before = os.fstat(self._descriptor).st_size
        try:
            _write_all(self._descriptor, b"".join(lines))
            os.fsync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):  # of a device that is no file, say
                os.ftruncate(self._descriptor, before)
            raise
        self._head = head


def _finish_sealing(path: Path) -> None:
    """Between two renamings the process died: the new file takes its place. Raises OSError."""
    new = path.with_name(f"{path.name}.new")
    if not path.exists() and new.exists() and sealed(path):
        new.rename(path)
    new.unlink(missing_ok=True)
    sync_folder(path)


def _made(path: Path, octets: bytes) -> int:
    """A new file with these octets, safely on the disk; open to be appended to. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        _write_all(descriptor, octets)
        os.fsync(descriptor)
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return descriptor


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

"""The checkpoint file: a copy of every checkpoint outside the database, one JSON object a line, only ever appended to.

It may lie on another disk, or be shipped elsewhere line by line. Whoever sets the database back, cuts off its end or
empties it has to do the same to every copy of this file.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pki.checkpoint import Checkpoint, NoCheckpoint, read_line

# A statement grows with the number of writers only.
_LONGEST_LINE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line: its number in the file, from 1, and the checkpoint; None for a line that is none."""

    number: int
    checkpoint: Checkpoint | None
    raw: bytes


class CheckpointFile:
    """Reads and appends. Several processes may do so."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.path.exists()

    def lines(self) -> Iterator[FileLine]:
        """Every whole line, in order. A last line without its line feed was not written to its end, and is not one."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
                if line.endswith(b"\n"):
                    yield FileLine(number, _checkpoint_in(line), line)
                elif len(line) == _LONGEST_LINE:
                    yield FileLine(number, None, line)

    def last(self) -> Checkpoint | None:
        """The last checkpoint in the file, found from its end."""
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            reach = 64 * 1024
            while True:
                file.seek(max(0, size - reach))
                found = _last_in(file.read(reach), whole=reach >= size)
                if found is not None or reach >= size:
                    return found
                reach *= 4

    def append(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Add the lines that are not there yet, and see them safely on the disk. Raises OSError."""
        if not checkpoints:
            return
        is_new = not self.path.exists()
        with self._held() as descriptor:
            _take_off_torn_line(descriptor)
            ahead = self.last()  # another process may have been faster
            new = [one for one in checkpoints if ahead is None or one.number > ahead.number]
            _write_all(descriptor, "".join(one.line() + "\n" for one in new).encode())
            os.fsync(descriptor)
        if is_new:
            _sync_folder(self.path.parent)

    @contextmanager
    def _held(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def _checkpoint_in(line: bytes) -> Checkpoint | None:
    try:
        return read_line(line.decode())
    except (NoCheckpoint, UnicodeDecodeError):
        return None


def _last_in(tail: bytes, *, whole: bool) -> Checkpoint | None:
    lines = tail.split(b"\n")[:-1]  # what follows the last line feed is not a line yet
    for line in reversed(lines if whole else lines[1:]):
        if (found := _checkpoint_in(line)) is not None:
            return found
    return None


def _take_off_torn_line(descriptor: int) -> None:
    """A crash in the middle of a write leaves half a line; the whole one is still in the database and comes again."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    start = max(0, size - _LONGEST_LINE)
    tail = os.pread(descriptor, size - start, start)
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(descriptor, start + tail.rfind(b"\n") + 1)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

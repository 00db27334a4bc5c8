"""The files that the signer's log is in: the one that is written, and those before it, sealed and numbered.

    signer.log.1   signer.log.2   signer.log.3   signer.log

Each but the first begins with a line that says where the one before ended, what must outlive it, and which of the
oldest were deleted. So the chain is verified across them, and a file that is missing is noticed unless the log itself
says that it was deleted.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pki.signer_process.chain import Entry, Head, LogBroken, entry_in, read_lines

ENOUGH = timedelta(hours=1)
"""What the signer reads again when it starts: an intent is refused when it is ten minutes old."""
_LONGEST_LINE = 4 * 1024 * 1024  # octets; a first line with the numbers of many lists is the longest


@dataclass(frozen=True, slots=True)
class Deleted:
    """The oldest segments, up to the number `through`, are gone; the last of them ended at `head`."""

    through: int
    head: Head

    def as_entry(self) -> Entry:
        """As it stands in a line."""
        return {"through": self.through, "sequence": self.head.sequence, "hash": self.head.hash}


def deleted_in(entry: Entry) -> Deleted | None:
    """What a line says of segments that were deleted."""
    told = entry.get("deleted")
    if not isinstance(told, dict):
        return None
    return Deleted(int(told["through"]), Head(int(told["sequence"]), str(told["hash"])))


def sealed_path(path: Path, number: int) -> Path:
    """The name of a sealed segment."""
    return path.with_name(f"{path.name}.{number}")


def sealed(path: Path) -> dict[int, Path]:
    """The sealed segments of a log by number, the oldest first."""
    ends = {one: one.name.removeprefix(f"{path.name}.") for one in path.parent.glob(f"{path.name}.*")}
    return dict(sorted((int(end), one) for one, end in ends.items() if end.isdecimal()))


def read_log(path: Path) -> Iterator[Entry]:
    """Every entry of all segments, the oldest first, as far as the chain holds. Raises LogBroken where it does not."""
    try:
        yield from _read_through(path)
    except (KeyError, TypeError, ValueError):
        raise LogBroken(path, 1, f"the files of {path} do not say what came before them") from None


def _read_through(path: Path) -> Iterator[Entry]:
    files = sealed(path)
    deleted: Deleted | None = None
    head: Head | None = None
    first: Entry | None = None
    for file in (*files.values(), path):
        for entry, reached in read_lines(file, head):
            head, first = reached, first or entry
            deleted = deleted_in(entry) or deleted
            yield entry
    if first is not None and first.get("do") == "begin":
        _check_beginning(path, first, deleted)


def _check_beginning(path: Path, first: Entry, deleted: Deleted | None) -> None:
    """What came before the oldest segment that is here was deleted by the signer itself. Raises LogBroken."""
    before = Deleted(int(first["segment"]) - 1, Head(int(first["after"]["sequence"]), str(first["after"]["hash"])))
    # What was to be deleted and is still here is no harm.
    if deleted is None or deleted.through < before.through or (deleted.through == before.through and deleted != before):
        raise LogBroken(path, 1, f"the files of {path} before number {before.through + 1} are missing")


def recent(path: Path) -> list[Path]:
    """The sealed segments that the signer must know, the oldest first: the newest, and those of the hour before."""
    chosen: list[Path] = []
    newest = None
    for _, file in reversed(sealed(path).items()):
        chosen.insert(0, file)
        begins, ends = _first_and_last(file)
        newest = newest or ends
        if begins is not None and newest is not None and newest - begins > ENOUGH:
            break
    return chosen


def outlived(path: Path, keep: timedelta | None, now: datetime | None) -> Deleted | None:
    """The oldest sealed segments that end longer ago than `keep`; never the newest, nor what the signer must know."""
    if keep is None or now is None:
        return None
    needed = set(recent(path))
    found = None
    for number, file in sealed(path).items():
        _, ends = _first_and_last(file)
        if file in needed or ends is None or now - ends <= keep:
            break
        last = _last(file)
        found = Deleted(number, Head(int(last["sequence"]), str(last["hash"])))
    return found


def moment_of(entry: Entry) -> datetime | None:
    """When a line was written."""
    try:
        return datetime.fromisoformat(str(entry["at"]))
    except (KeyError, ValueError):
        return None


def delete(path: Path, deleted: Deleted | None) -> None:
    """Delete what the log says is deleted. Raises OSError."""
    for number, file in sealed(path).items():
        if deleted is not None and number <= deleted.through:
            file.unlink()


def sync_folder(path: Path) -> None:
    """Have names of files in the folder of `path` on the disk. Raises OSError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _first_and_last(file: Path) -> tuple[datetime | None, datetime | None]:
    """When its first and its last line were written, as far as they say so."""
    with file.open("rb") as lines:
        first = entry_in(lines.readline())
    return moment_of(first), moment_of(_last(file))


def _last(file: Path) -> Entry:
    """The last line of a sealed segment, without reading what stands before it."""
    with file.open("rb") as lines:
        size = lines.seek(0, os.SEEK_END)
        lines.seek(max(0, size - _LONGEST_LINE))
        return entry_in(lines.read().rstrip(b"\n").rpartition(b"\n")[2])

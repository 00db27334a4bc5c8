"""Uploaded logs as files: written piece by piece, named by us, and there whole or not at all.

What a station calls its file is never part of a path. A file's name is the log's number and the digest of what is in
it, so that two uploads of one log cannot mix.
"""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

_PART = ".part-"
_ABANDONED = 24 * 3600.0
"""Seconds after which what was not finished is swept away: its process is dead."""
_NAME = re.compile(r"[0-9]{1,18}-[0-9a-f]{64}")


class TooLarge(Exception):
    """More octets came than a log may have."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was uploaded: octets, and their SHA-256 in hex."""

    size: int
    sha256: str


class Upload:
    """One upload under way."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._limit = limit
        self._digest = hashlib.sha256()
        self._size = 0
        # An object and not a bare number: a thread that still writes when the upload is given up must find it closed,
        # and not somebody else's file or socket under the same number.
        self._file = FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def write(self, piece: bytes) -> None:
        """Take more. Raises TooLarge, OSError when the disk is full."""
        self._size += len(piece)
        if self._size > self._limit:
            raise TooLarge
        self._digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]

    def finish(self) -> Content:
        """All is there, and on the disk."""
        os.fsync(self._file.fileno())
        return Content(self._size, self._digest.hexdigest())

    def close(self) -> None:
        """Leave nothing open."""
        self._file.close()


class Repeated:
    """An upload of what is here already: compared as it comes, and written nowhere."""

    def __init__(self, here: Content) -> None:
        self._here = here
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, piece: bytes) -> bool:
        """Take more; False when it has become longer than what is here."""
        self._size += len(piece)
        self._digest.update(piece)
        return self._size <= self._here.size

    def is_the_same(self) -> bool:
        """All has come."""
        return Content(self._size, self._digest.hexdigest()) == self._here


class LogStore:
    """The folder of uploaded logs; it is made when the first one comes. `limit`: octets of one log."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit

    @contextmanager
    def receiving(self, log: int) -> Iterator[Upload]:
        """An upload to write to; what `keep` did not take is gone afterwards."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / f"{_PART}{log}-{secrets.token_hex(8)}"
        upload = Upload(path, self.limit)
        try:
            yield upload
        finally:
            upload.close()
            path.unlink(missing_ok=True)

    def keep(self, log: int, upload: Upload) -> Content:
        """Give the finished upload its name, for good: also after a power cut it is there."""
        content = upload.finish()
        upload.path.replace(self._named(log, content.sha256))
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return content

    def find(self, log: int, sha256: str) -> Path | None:
        """Where a log lies; None when it is not on this machine."""
        path = self._named(log, sha256)
        return path if path.is_file() else None

    def forget(self, log: int, sha256: str) -> None:
        """Delete a log."""
        self._named(log, sha256).unlink(missing_ok=True)

    def names(self) -> list[tuple[int, str]]:
        """Every log that lies here: number and digest."""
        found = (path.name for path in self._files())
        return [(int(number), digest) for number, _, digest in (n.partition("-") for n in found if _NAME.fullmatch(n))]

    def sweep_parts(self) -> None:
        """Delete what a dead process left half-written."""
        for path in self._files():
            if path.name.startswith(_PART) and time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    def _named(self, log: int, sha256: str) -> Path:
        return self.folder / f"{log:d}-{sha256}"

"""Uploads of images under way: files that grow, and begin again where they broke off."""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from csms_bridge.errors import ImageNoRoom, ImageRefused, UploadMoved
from csms_bridge.firmware.image_store import PIECE


@dataclass(slots=True)
class Part:
    """An upload that is being written to; `at` is how many octets are there."""

    file: FileIO
    at: int
    size: int

    def write(self, piece: bytes) -> None:
        """Take more. Raises ImageRefused for more than was announced, ImageNoRoom when the disk is full."""
        if self.at + len(piece) > self.size:
            raise ImageRefused("size", f"more octets came than the {self.size} that were announced")
        view = memoryview(piece)
        try:
            while view:
                written = self.file.write(view)
                self.at += written
                view = view[written:]
        except OSError as fault:
            raise ImageNoRoom(self.size - self.at, 0) from fault


class Parts:
    """The folder of unfinished uploads, one for each image: two who upload the same one share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def received(self, digest: str) -> int:
        """How many octets are here."""
        path = self._named(digest)
        return path.stat().st_size if path.is_file() else 0

    @contextmanager
    def writing(self, digest: str, offset: int, size: int) -> Iterator[Part]:
        """Go on at `offset`, which must be where it is; alone. What came stays, however it ends. Raises UploadMoved."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._named(digest), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with FileIO(handle, "ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UploadMoved(self.received(digest), "somebody else is uploading it") from None
            here = os.fstat(handle).st_size
            if here != offset:
                raise UploadMoved(here, f"{here} octets are here, not {offset}")
            yield Part(file, here, size)
            os.fsync(handle)

    def finished(self, digest: str) -> Path:
        """The file, if it is what it was announced as; else it is gone. Raises ImageRefused."""
        path = self._named(digest)
        if not path.is_file():
            raise UploadMoved(0, "somebody else has finished it, or it was given up")
        found = _digest_of(path)
        if found != digest:
            path.unlink(missing_ok=True)
            raise ImageRefused(
                "digest", f"the image that came has the SHA-256 {found}, and the order is for {digest}",
                "Upload the file that was signed.",
            )  # fmt: skip
        return path

    def drop(self, digest: str) -> None:
        """Leave nothing of an upload."""
        self._named(digest).unlink(missing_ok=True)

    def sweep(self, older_than: float) -> None:
        """Delete what nobody has gone on with for so many seconds."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if time.time() - path.stat().st_mtime > older_than:
                path.unlink(missing_ok=True)

    def _named(self, digest: str) -> Path:
        return self.folder / f"{digest}.part"


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()

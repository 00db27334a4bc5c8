"""Where images lie: by the SHA-256 of what is in them, whole or not at all. Here: the data folder.

A name says what a file holds, so that nothing is ever written over, and whoever reads it can find out whether it is
still that.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from csms_bridge.errors import ImageNoRoom, ImageUnreachable

PIECE = 256 * 1024  # octets read or written at a time
_SPARE = 64 * 1024 * 1024  # octets that are left free on the disk for everything else


class ImageStore(Protocol):
    """A place for images. `digest` is lower-case hex."""

    @property
    def name(self) -> str:
        """What stands in an image's row."""

    def size(self, digest: str) -> int | None:
        """Octets of an image; None when it is not there. Raises ImageUnreachable."""

    def keep(self, part: Path, digest: str) -> None:
        """Take a finished file in, for good or not at all. Raises ImageNoRoom, ImageUnreachable."""

    def read(self, digest: str, start: int, end: int) -> Iterator[bytes]:
        """The octets from `start` to before `end`, piece by piece. Raises ImageUnreachable."""

    def forget(self, digest: str) -> None:
        """Delete an image, if it is there. Raises ImageUnreachable."""


def is_whole(store: ImageStore, digest: str) -> bool:
    """Whether what lies there still is what its name says. Raises ImageUnreachable."""
    size = store.size(digest)
    if size is None:
        return False
    found = hashlib.sha256()
    for piece in store.read(digest, 0, size):
        found.update(piece)
    return found.hexdigest() == digest


class FolderImages:
    """Images in the data folder, each in a file of its own."""

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def size(self, digest: str) -> int | None:
        """See ImageStore."""
        path = self._named(digest)
        return path.stat().st_size if path.is_file() else None

    def keep(self, part: Path, digest: str) -> None:
        """See ImageStore: a part lies in the same file system, and is given its name in one step."""
        path = self._named(digest)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.replace(path)
        sync_folder(path.parent)

    def read(self, digest: str, start: int, end: int) -> Iterator[bytes]:
        """See ImageStore."""
        try:
            with self._named(digest).open("rb") as file:
                file.seek(start)
                left = end - start
                while left > 0 and (piece := file.read(min(PIECE, left))):
                    left -= len(piece)
                    yield piece
        except OSError as fault:
            raise ImageUnreachable("the data folder", fault.strerror or str(fault)) from None

    def forget(self, digest: str) -> None:
        """See ImageStore."""
        self._named(digest).unlink(missing_ok=True)

    def _named(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest}.img"


def check_room(folder: Path, size: int) -> None:
    """Whether the disk has room for so many octets more. Raises ImageNoRoom."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE:
        raise ImageNoRoom(size, free)


def sync_folder(folder: Path) -> None:
    """A file that was named there is there also after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

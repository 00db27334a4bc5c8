"""A backup: everything that a data folder is, in one encrypted file, made while the service runs.

Inside the envelope (`web.backup_seal`) is a tar archive:

    voltward.toml, keys/…, checkpoints.jsonl, database/…, manifest.json

The manifest stands last and names every file with its size and SHA-256, the versions of format, program and schema. The
database is copied first and the keys after it: a key without a record does no harm, a record without its key does.
"""

import fcntl
import json
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from pki.checkpoint_file import CheckpointFile
from pki.checkpoints import checkpoints_after
from pki.secret_text import Secret
from web.acts import ConsoleAct
from web.backup_seal import check_backup_passphrase, seal
from web.custody import OWN, authorities_folder
from web.database_copy import copy_database, is_sqlite
from web.service import Service
from web.settings import TOML_NAME

FORMAT = "voltward-backup/1"
MANIFEST = "manifest.json"
KEYS = OWN
DATABASE = "database"
CHECKPOINTS = "checkpoints.jsonl"
_WORKSPACE = ".backup-"
_PIECE = 1024 * 1024
_CHECKPOINTS_AT_ONCE = 200


def make_backup(service: Service, passphrase: Secret, by: str) -> IO[bytes]:
    """The finished backup as an open file, at its beginning; it has no name, so nothing of it stays behind.

    Its record is on the trail before anything is copied, and so in the backup itself. Raises RequestRefused for a weak
    passphrase, OSError when the disk is full.
    """
    check_backup_passphrase(passphrase)
    _record(service, by)
    with _workspace(service.folder) as workspace:
        content = _content(service, workspace)
        path = workspace / "sealed"
        file = path.open("xb+")
        try:
            seal(content, passphrase, file)
            path.unlink()
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file


def _record(service: Service, by: str) -> None:
    with service.store.writing() as session:
        service.trail.record(
            session, ConsoleAct.BACKUP_MADE, by=by, kind="service", thing=service.settings.web.node, now=service.clock()
        )


@contextmanager
def _workspace(folder: Path) -> Iterator[Path]:
    """A folder for the copy of the database, gone at the end; those of processes that were killed go now."""
    for left in folder.glob(f"{_WORKSPACE}*"):
        if not _is_in_use(left):
            shutil.rmtree(left, ignore_errors=True)
    path = folder / f"{_WORKSPACE}{secrets.token_hex(6)}"
    path.mkdir(mode=0o700)
    try:
        with (path / "lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield path
    finally:
        shutil.rmtree(path)


def _is_in_use(workspace: Path) -> bool:
    try:
        with (workspace / "lock").open("r", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


# --- what is inside


def _content(service: Service, workspace: Path) -> Iterator[bytes]:
    """The archive, piece by piece."""
    database = workspace / DATABASE
    database.mkdir()
    started = service.clock()
    copied = copy_database(service.store, database)
    checkpoints = workspace / CHECKPOINTS
    _copy_checkpoints(service, copied.newest_checkpoint, started, checkpoints)
    files: dict[str, dict[str, Any]] = {}
    for name, path in _parts(service, database, checkpoints):
        yield from _member(name, path, files)
    manifest = {
        "format": FORMAT,
        "program": version("voltward"),
        "schema": copied.revision,
        "database": "sqlite" if is_sqlite(service.store) else "postgresql",
        "made_at": service.clock().isoformat(),
        "organisation": service.settings.pki.organisation,
        "files": files,
    }
    text = json.dumps(manifest, indent=1).encode()
    yield from _framed(MANIFEST, len(text), iter([text]))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _parts(service: Service, database: Path, checkpoints: Path) -> Iterator[tuple[str, Path]]:
    folder = service.folder
    for path in sorted(database.iterdir()):
        yield f"{DATABASE}/{path.name}", path
    yield CHECKPOINTS, checkpoints
    yield TOML_NAME, folder / TOML_NAME
    for keys in _key_folders(service):
        for path in sorted(keys.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix(), path


def _key_folders(service: Service) -> Iterator[Path]:
    """The authorities' keys too, unless they were put outside the data folder: that was done to keep them apart."""
    own = service.folder / KEYS
    yield own
    others = authorities_folder(service.folder, service.settings.custody)
    if others.is_relative_to(service.folder) and not others.is_relative_to(own):
        yield others


def _member(name: str, path: Path, files: dict[str, dict[str, Any]]) -> Iterator[bytes]:
    """One file. A key that was deleted since it was listed is left out: nothing needs it any more."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        size = os.fstat(file.fileno()).st_size
        digest = sha256()

        def pieces() -> Iterator[bytes]:
            left = size
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise OSError(f"{path} became shorter while it was read")
                left -= len(piece)
                digest.update(piece)
                yield piece

        yield from _framed(name, size, pieces())
    files[name] = {"size": size, "sha256": digest.hexdigest()}


def _framed(name: str, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    yield info.tobuf(tarfile.PAX_FORMAT)
    yield from pieces
    yield bytes(-size % tarfile.BLOCKSIZE)


def _copy_checkpoints(service: Service, newest: int, started: datetime, path: Path) -> None:
    """The checkpoint file as it goes with the copied database, whose last checkpoint is `newest`.

    Lines about checkpoints that were made since are left out; what had not reached the file yet is added.
    """
    path.touch(0o600)
    given, last = service.authority.checkpoints.file, 0
    with path.open("ab") as file:
        for line in given.lines() if given is not None else ():
            found = line.checkpoint
            if found is None or found.number <= newest or found.made_at < started:
                file.write(line.raw)
                last = max(last, found.number if found else 0)
    while last < newest:
        with service.store.reading() as session:
            missing = [one for one in checkpoints_after(session, last, _CHECKPOINTS_AT_ONCE) if one.number <= newest]
        CheckpointFile(path).append(missing)
        last = missing[-1].number if missing else newest

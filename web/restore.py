"""Restoring a backup into a new data folder, which appears whole and proven or not at all.

Nothing of a backup is looked into before all of it was decrypted and so proven to be what was written; then every file
is compared with the manifest; then the restored trail is verified and each authority's key signs something. Only then
does the folder get its name.
"""

import hashlib
import json
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy.exc import DBAPIError

from pki.audit_verifier import Verdict
from pki.checkpoint_file import CheckpointFile
from pki.key_proofs import KeyProof
from pki.keystore import KeyStore
from pki.secret_text import Secret
from pki.store import Store
from web.acts import ConsoleAct
from web.backup import CHECKPOINTS, DATABASE, FORMAT, KEYS, MANIFEST
from web.backup_seal import unseal
from web.custody import authorities_folder, authority_passphrase
from web.data_folder import connect, open_folder, read_passphrase, refuse_taken
from web.database_copy import is_sqlite, load_tables
from web.errors import BackupUnreadable, FolderTaken, RestoreRefused
from web.permissions import FOLDER_OPERATOR
from web.schema import SchemaState, drop_everything, schema_state
from web.service import Service, checkpoint_path
from web.settings import read_settings

_PIECE = 1024 * 1024
_LARGEST_MANIFEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored, and how it proved itself. `notes` say what a person should know or do next."""

    folder: Path
    made_at: str
    program: str
    verdict: Verdict
    proofs: tuple[KeyProof, ...]
    notes: tuple[str, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Everything that is wrong, as sentences."""
        trail = tuple(f"{found.writer or 'checkpoints'}: {found.sentence}" for found in self.verdict.findings)
        return trail + tuple(f"the key of {proof.authority}: {proof.fault}" for proof in self.proofs if proof.fault)


def restore_backup(
    file: Path,
    passphrase: Secret,
    folder: Path,
    environment: Mapping[str, str] = os.environ,
    *,
    despite_findings: bool = False,
) -> RestoreReport:
    """A data folder from a backup, in a place where nothing is.

    Raises FolderTaken, BackupUnreadable, RestoreRefused, and what opening a data folder raises (WrongPassphrase:
    the keys inside have their own). Then nothing is left behind.
    """
    folder = folder.absolute()
    refuse_taken(folder)
    with _beside(folder) as passing:
        manifest = _unpack(file, passphrase, passing)
        with _database(passing, manifest, environment):
            report = _prove(passing, manifest, environment, _digest_of(file))
            if report.findings and not despite_findings:
                raise RestoreRefused("the backup does not prove itself: " + report.findings[0], report.findings)
            _sync(passing)
            passing.rename(folder)  # fails when somebody put something there in the meantime
    return RestoreReport(folder, report.made_at, report.program, report.verdict, report.proofs, report.notes)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    passing = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    passing.mkdir(mode=0o700)
    try:
        yield passing
    except BaseException:
        shutil.rmtree(passing, ignore_errors=True)
        raise


# --- out of the envelope


def _unpack(file: Path, passphrase: Secret, passing: Path) -> dict[str, Any]:
    """Decrypt everything, then take it apart; the manifest. Raises BackupUnreadable."""
    archive = passing / ".archive"
    try:
        with archive.open("xb") as plain:
            unseal(file, passphrase, plain)
    except FileNotFoundError:
        raise BackupUnreadable(f"there is no file {file}", "Name the file that `voltward backup` wrote.") from None
    try:
        with tarfile.open(archive, "r:") as members:
            found = {member.name: _take(members, member, passing) for member in members}
        manifest = json.loads((passing / MANIFEST).read_bytes())
        _compare(manifest, found)
    except (tarfile.TarError, ValueError, KeyError, TypeError, OSError) as fault:
        raise BackupUnreadable(f"the backup cannot be taken apart: {fault}") from None
    archive.unlink()
    (passing / MANIFEST).unlink()
    return dict(manifest)


def _take(members: tarfile.TarFile, member: tarfile.TarInfo, passing: Path) -> dict[str, Any]:
    """Write one file below `passing`, and nowhere else."""
    path = PurePosixPath(member.name)
    if not member.isfile() or path.is_absolute() or ".." in path.parts or path.parts[0].startswith("."):
        raise BackupUnreadable(f"the backup holds {member.name!r}, which does not belong there")
    content = members.extractfile(member)
    assert content is not None  # noqa: S101 -- for the type checker: it is a file
    target = passing / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        digest = _copied(content, file)
        file.flush()
        os.fsync(descriptor)
    return {"size": member.size, "sha256": digest}


def _copied(content: IO[bytes], file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := content.read(_PIECE):
        digest.update(piece)
        file.write(piece)
    return digest.hexdigest()


def _compare(manifest: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    if manifest["format"] != FORMAT:
        raise BackupUnreadable(f"this backup has format {manifest['format']}; this version reads {FORMAT}")
    expected = dict(manifest["files"])
    del found[MANIFEST]
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise BackupUnreadable(f"{name} in the backup is not what the manifest says")


# --- the database


@contextmanager
def _database(passing: Path, manifest: dict[str, Any], environment: Mapping[str, str]) -> Iterator[None]:
    """Put the database where the settings want it; out again when the block fails."""
    settings = read_settings(passing, environment)
    kind, url = manifest["database"], settings.web.database_url
    if kind == "sqlite":
        if url:
            why = "the backup is of an SQLite database, and VOLTWARD_DATABASE_URL names another place"
            raise RestoreRefused(why, hint="Nothing was restored. Set VOLTWARD_DATABASE_URL to nothing.")
        (passing / DATABASE / "voltward.db").rename(passing / "voltward.db")
        shutil.rmtree(passing / DATABASE)
        yield
        return
    store = connect(passing, settings)
    try:
        _check_empty(store)
        load_tables(store, passing / DATABASE, manifest["schema"])
        shutil.rmtree(passing / DATABASE)
        try:
            yield
        except BaseException:
            with suppress(DBAPIError):
                drop_everything(store)
            raise
    finally:
        store.close()


def _check_empty(store: Store) -> None:
    if is_sqlite(store):
        why = "the backup is of a PostgreSQL database, and VOLTWARD_DATABASE_URL names none"
        hint = "Nothing was restored. Make an empty database and set VOLTWARD_DATABASE_URL to it."
        raise RestoreRefused(why, hint=hint)
    if schema_state(store) is not SchemaState.EMPTY:
        raise FolderTaken("the database holds a Voltward installation already", "Name an empty database.")


# --- the proof


def _prove(passing: Path, manifest: dict[str, Any], environment: Mapping[str, str], sha256: str) -> RestoreReport:
    service = open_folder(passing, environment, migrating=True)
    try:
        verdict = service.authority.verify_audit(CheckpointFile(passing / CHECKPOINTS))
        proofs = tuple(service.authority.prove_keys(_files_with_keys(service)))
        notes = tuple(_notes(service))
        _record(service, {"made_at": manifest["made_at"], "sha256": sha256})
    finally:
        service.close()
    return RestoreReport(passing, manifest["made_at"], manifest["program"], verdict, proofs, notes)


def _files_with_keys(service: Service) -> KeyStore:
    """The folder with the authorities' keys; a folder from before they were kept apart has all in one place."""
    apart, settings = authorities_folder(service.folder, service.settings.custody), service.settings
    if not apart.exists():
        return service.keys
    return KeyStore.open(apart, authority_passphrase(settings.custody) or read_passphrase(settings.web, repeat=False))


def _notes(service: Service) -> Iterator[str]:
    yield "certificates that were issued after the backup are unknown here and refused"
    elsewhere = checkpoint_path(service.folder, service.settings)
    if elsewhere.parent == service.folder:
        return
    ahead, ours = CheckpointFile(elsewhere).last(), service.authority.checkpoints.page(limit=1)
    if ahead is not None and ahead.number > (ours[0].number if ours else 0):
        yield (
            f"the checkpoint file {elsewhere} goes on to checkpoint {ahead.number} of {ahead.made_at:%Y-%m-%d %H:%M}: "
            "what happened since the backup is not here. Say that it was restored: "
            "voltward audit checkpoint --after-restore --reason TEXT"
        )


def _record(service: Service, details: dict[str, str]) -> None:
    with service.store.writing() as session:
        service.trail.record(
            session,
            ConsoleAct.BACKUP_RESTORED,
            by=FOLDER_OPERATOR.name,
            kind="service",
            thing=service.settings.web.node,
            details=details,
            now=service.clock(),
        )


def _digest_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    """See the new folder's files safely on the disk before it gets its name."""
    for path in (folder / "voltward.db", folder / CHECKPOINTS, folder, folder / KEYS):
        if path.exists():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

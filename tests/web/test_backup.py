"""Backup and restore over a data folder: what comes out is what went in, or a clear refusal and nothing at all."""

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pyrage
import pytest
from sqlalchemy import text

from pki.secret_text import Secret
from tests.web.commands import Command
from tests.web.conftest import ENVIRONMENT, token
from tests.web.test_cli_audit import tamper
from web import backup_seal
from web.app import make_app
from web.backup import make_backup
from web.backup_seal import seal, unseal
from web.data_folder import NewFolder, open_folder
from web.errors import BackupUnreadable, FolderTaken, RequestRefused, RestoreRefused
from web.permissions import Role
from web.restore import restore_backup
from web.service import Service

FULL = "CREATE TRIGGER full BEFORE INSERT ON audit_records BEGIN SELECT RAISE(ABORT, 'full'); END"
ESCAPED = Path(tempfile.gettempdir()) / "escaped-from-a-backup"
PASSPHRASE = Secret.of("words for the backup")


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLTWARD_BACKUP_PASSPHRASE", PASSPHRASE.text())
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def template_backup(made: NewFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the template folder, made once."""
    folder = tmp_path_factory.mktemp("backed-up")
    opened = open_folder(Path(shutil.copytree(made.folder, folder / "data")), ENVIRONMENT)
    try:
        with make_backup(opened, PASSPHRASE, "operator") as file:
            (folder / "made.backup").write_bytes(file.read())
    finally:
        opened.close()
    return folder / "made.backup"


@pytest.fixture
def backed_up(template_backup: Path, tmp_path: Path) -> Path:
    """A backup in a file of one's own."""
    return Path(shutil.copy(template_backup, tmp_path / "made.backup"))


def restored(file: Path, tmp_path: Path, **more: bool) -> Path:
    return restore_backup(file, PASSPHRASE, tmp_path / "restored", ENVIRONMENT, **more).folder


def nothing_left(tmp_path: Path) -> bool:
    return not [path for path in tmp_path.iterdir() if "restored" in path.name]


def test_what_comes_out_is_what_went_in(service: Service, backed_up: Path, tmp_path: Path) -> None:
    """`service` is another copy of what was backed up."""
    report = restore_backup(backed_up, PASSPHRASE, tmp_path / "restored", ENVIRONMENT)
    assert report.findings == ()
    assert {proof.authority for proof in report.proofs} >= {"root", "stations", "csms-rsa", "manufacturer"}
    for path in (service.folder / "keys").rglob("*"):
        if path.is_file():
            copy = tmp_path / "restored" / path.relative_to(service.folder)
            assert copy.read_bytes() == path.read_bytes()
            assert copy.stat().st_mode & 0o777 == 0o600
    again = open_folder(tmp_path / "restored", ENVIRONMENT)
    try:
        assert again.authority.verify_audit().findings == ()
        assert again.authority.chain_pem("stations") == service.authority.chain_pem("stations")
        with again.store.reading() as session:
            acts = [record.act for record in again.trail.records(session, newest_first=True, limit=2)]
        assert acts == ["backup:restored", "backup:made"]
    finally:
        again.close()


def test_checkpoints_go_along_and_the_restored_trail_goes_on(service: Service, tmp_path: Path) -> None:
    service.authority.checkpoint()
    (service.folder / "checkpoints.jsonl").unlink()  # the process was killed before it wrote there
    path = tmp_path / "made.backup"
    with make_backup(service, PASSPHRASE, "operator") as file:
        path.write_bytes(file.read())
    again = open_folder(restored(path, tmp_path), ENVIRONMENT)
    try:
        made = again.authority.checkpoint()
        assert made is not None
        assert made.number == 2
        assert again.authority.verify_audit().findings == ()
    finally:
        again.close()


def test_a_checkpoint_made_while_the_backup_runs_does_not_look_set_back(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web import backup

    service.authority.checkpoint()
    copy = backup.copy_database

    def and_then_a_checkpoint(*arguments: object) -> object:
        copied = copy(*arguments)  # type: ignore[arg-type]
        service.accounts.make_token("meanwhile", Role.CI, "operator")
        service.authority.checkpoint()
        return copied

    monkeypatch.setattr(backup, "copy_database", and_then_a_checkpoint)
    path = tmp_path / "made.backup"
    with make_backup(service, PASSPHRASE, "operator") as file:
        path.write_bytes(file.read())
    assert restore_backup(path, PASSPHRASE, tmp_path / "restored", ENVIRONMENT).findings == ()


def test_nothing_of_a_backup_stays_in_the_data_folder(service: Service) -> None:
    make_backup(service, PASSPHRASE, "operator").close()
    assert list(service.folder.glob(".backup*")) == []


def test_what_a_killed_backup_left_goes_with_the_next(service: Service) -> None:
    left = service.folder / ".backup-dead"
    left.mkdir()
    (left / "database").mkdir()
    make_backup(service, PASSPHRASE, "operator").close()
    assert not left.exists()


def test_a_backup_that_cannot_be_recorded_is_not_made(service: Service) -> None:
    with service.store.writing() as session:
        session.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON audit_records BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
    with pytest.raises(Exception, match="full"):
        make_backup(service, PASSPHRASE, "operator")
    assert list(service.folder.glob(".backup*")) == []


def test_a_short_passphrase_is_refused(service: Service) -> None:
    with pytest.raises(RequestRefused, match="at least 12"):
        make_backup(service, Secret.of("short"), "operator")


# --- files that are not good


def cut(content: bytes) -> bytes:
    return content[:-1]


def cut_at_a_piece(content: bytes) -> bytes:
    return content[: len(content) - len(content) % 65536 - 65536]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def flipped_at_the_end(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def flipped_in_the_identity(content: bytes) -> bytes:
    at = content.index(b"-----BEGIN") + 150
    return content[:at] + (b"A" if content[at : at + 1] != b"A" else b"B") + content[at + 1 :]


def more_at_the_end(content: bytes) -> bytes:
    return content + b"x"


def empty(_content: bytes) -> bytes:
    return b""


def header_only(content: bytes) -> bytes:
    return content[:300]


def newer(content: bytes) -> bytes:
    return content.replace(b"voltward-backup/1", b"voltward-backup/2", 1)


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        cut_at_a_piece,
        flipped,
        flipped_at_the_end,
        flipped_in_the_identity,
        more_at_the_end,
        empty,
        header_only,
        newer,
    ],
)
def test_a_spoilt_file_is_refused_and_nothing_is_left(
    backed_up: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    backed_up.write_bytes(spoil(backed_up.read_bytes()))
    with pytest.raises(BackupUnreadable):
        restored(backed_up, tmp_path)
    assert nothing_left(tmp_path)


def test_the_wrong_passphrase_is_told_as_such(backed_up: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupUnreadable, match="passphrase does not open"):
        restore_backup(backed_up, Secret.of("other words for it"), tmp_path / "restored", ENVIRONMENT)
    assert nothing_left(tmp_path)


def test_a_folder_that_is_taken_is_left_alone(backed_up: Path, tmp_path: Path) -> None:
    taken = tmp_path / "restored"
    taken.mkdir()
    (taken / "something").touch()
    with pytest.raises(FolderTaken):
        restored(backed_up, tmp_path)
    assert [path.name for path in taken.iterdir()] == ["something"]


# --- archives that a holder of the passphrase made


def archive(file: Path, tmp_path: Path) -> dict[str, bytes]:
    plain = tmp_path / "plain.tar"
    with plain.open("wb") as out:
        unseal(file, PASSPHRASE, out)
    with tarfile.open(plain) as members:
        return {one.name: members.extractfile(one).read() for one in members}  # type: ignore[union-attr]


def sealed(members: dict[str, bytes] | bytes, path: Path) -> Path:
    content = io.BytesIO()
    if isinstance(members, dict):
        with tarfile.open(fileobj=content, mode="w") as tar:
            for name, body in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(body)
                tar.addfile(info, io.BytesIO(body))
    else:
        content.write(members)
    with path.open("wb") as out:
        seal(iter([content.getvalue()]), PASSPHRASE, out)
    return path


def without_a_key(members: dict[str, bytes]) -> dict[str, bytes]:
    return {name: body for name, body in members.items() if not name.endswith("root-secret.json")}


def with_another_toml(members: dict[str, bytes]) -> dict[str, bytes]:
    return {**members, "voltward.toml": members["voltward.toml"] + b"# edited\n"}


def with_a_stranger(members: dict[str, bytes]) -> dict[str, bytes]:
    return {**members, "keys/stranger": b"x"}


def climbing_out(members: dict[str, bytes]) -> dict[str, bytes]:
    return {"../escaped": b"x", **members}


def at_the_root(members: dict[str, bytes]) -> dict[str, bytes]:
    return {str(ESCAPED): b"x", **members}


def hidden(members: dict[str, bytes]) -> dict[str, bytes]:
    return {".archive": b"x", **members}


def without_manifest(members: dict[str, bytes]) -> dict[str, bytes]:
    return {name: body for name, body in members.items() if name != "manifest.json"}


def of_another_format(members: dict[str, bytes]) -> dict[str, bytes]:
    manifest = json.loads(members["manifest.json"])
    return {**members, "manifest.json": json.dumps({**manifest, "format": "voltward-backup/9"}).encode()}


CHANGES = [without_a_key, with_another_toml, with_a_stranger, climbing_out, at_the_root, hidden, without_manifest,
           of_another_format]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_an_archive_that_is_not_as_its_manifest_says_is_refused(
    backed_up: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]
) -> None:
    file = sealed(change(archive(backed_up, tmp_path)), tmp_path / "changed")
    with pytest.raises(BackupUnreadable):
        restored(file, tmp_path)
    assert nothing_left(tmp_path)
    assert not (tmp_path / "escaped").exists()
    assert not ESCAPED.exists()


@pytest.mark.parametrize("junk", [b"", b"junk" * 1000])
def test_what_is_no_archive_is_refused(tmp_path: Path, junk: bytes) -> None:
    with pytest.raises(BackupUnreadable):
        restored(sealed(junk, tmp_path / "junk"), tmp_path)
    assert nothing_left(tmp_path)


# --- the proof


def test_a_broken_trail_is_restored_only_when_one_insists(service: Service, folder: Path, tmp_path: Path) -> None:
    tamper(folder, "UPDATE audit_records SET by = 'other' WHERE sequence = 3")
    path = tmp_path / "made.backup"
    with make_backup(service, PASSPHRASE, "operator") as file:
        path.write_bytes(file.read())
    with pytest.raises(RestoreRefused, match="record 3 is not what was written"):
        restored(path, tmp_path)
    assert nothing_left(tmp_path)
    assert restored(path, tmp_path, despite_findings=True).exists()


def test_a_key_of_another_authority_does_not_prove_itself(service: Service, tmp_path: Path) -> None:
    keys = {path.name: path for path in (service.folder / "keys").rglob("*.key")}
    stations = next(path for name, path in keys.items() if name.startswith("stations") and "rsa" not in name)
    stations.write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    path = tmp_path / "made.backup"
    with make_backup(service, PASSPHRASE, "operator") as file:
        path.write_bytes(file.read())
    with pytest.raises(RestoreRefused, match="the key of stations"):
        restored(path, tmp_path)
    assert nothing_left(tmp_path)


def test_a_checkpoint_file_elsewhere_that_is_ahead_is_told(service: Service, backed_up: Path, tmp_path: Path) -> None:
    service.authority.checkpoint()
    elsewhere = tmp_path / "other-disk.jsonl"
    shutil.copy(service.folder / "checkpoints.jsonl", elsewhere)
    environment = {**ENVIRONMENT, "VOLTWARD_CHECKPOINT_FILE": str(elsewhere)}
    report = restore_backup(backed_up, PASSPHRASE, tmp_path / "restored", environment)
    assert any("goes on to checkpoint 1" in note and "--after-restore" in note for note in report.notes)


def test_an_sqlite_backup_does_not_go_into_another_database(backed_up: Path, tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "VOLTWARD_DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}
    with pytest.raises(RestoreRefused, match="names another place"):
        restore_backup(backed_up, PASSPHRASE, tmp_path / "restored", environment)
    assert nothing_left(tmp_path)


# --- the envelope


def test_the_envelope_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup may be larger than memory: no read and no write is larger than one piece of age."""
    sizes: list[int] = []
    write = backup_seal._Target.write

    def measured(self: backup_seal._Target, piece: bytes) -> int:
        sizes.append(len(piece))
        return write(self, piece)

    monkeypatch.setattr(backup_seal._Target, "write", measured)
    digest, piece = hashlib.sha256(), bytes(range(256)) * 4096

    def content() -> Iterator[bytes]:
        for _ in range(50):
            digest.update(piece)
            yield piece

    path, out = tmp_path / "sealed", tmp_path / "opened"
    with path.open("wb") as file:
        seal(content(), PASSPHRASE, file)
    with out.open("wb") as file:
        unseal(path, PASSPHRASE, file)
    assert hashlib.sha256(out.read_bytes()).digest() == digest.digest()
    assert max(sizes) <= 128 * 1024


@pytest.mark.usefixtures("as_shipped")
def test_the_plain_age_program_would_open_it(tmp_path: Path) -> None:
    """As the manual says: the identity stands in armour after the first line, the rest is an age file."""
    path = tmp_path / "sealed"
    with path.open("wb") as file:
        seal(iter([b"content"]), PASSPHRASE, file)
    first, rest = path.read_bytes().split(b"\n", 1)
    mark = b"-----END AGE ENCRYPTED FILE-----\n"
    armour, content = rest.split(mark, 1)
    identity = pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(armour + mark, PASSPHRASE.text()).decode())
    assert first == b"voltward-backup/1"
    assert pyrage.decrypt(content, [identity]) == b"content"


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):  # noqa: PTH123
        seal(iter([b"x" * 1_000_000]), PASSPHRASE, full)


# --- commands


def test_the_commands_write_and_restore(voltward: Command, bare: Command, tmp_path: Path) -> None:
    out = tmp_path / "a.backup"
    assert voltward("backup", "--out", str(out)).code == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert voltward("backup", "--out", str(out)).code == 2
    ran = bare("restore", str(out), "--data", str(tmp_path / "restored"), "--json")
    assert (ran.code, ran.json["findings"]) == (0, [])
    assert "stations" in ran.json["authorities"]
    assert bare("restore", str(out), "--data", str(tmp_path / "restored")).code == 2
    assert bare("audit", "verify", "--data", str(tmp_path / "restored")).code == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_refused_backup_leaves_no_file(voltward: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLTWARD_BACKUP_PASSPHRASE", "short")
    ran = voltward("backup", "--out", str(tmp_path / "a.backup"))
    assert (ran.code, "at least 12" in ran.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    monkeypatch.delenv("VOLTWARD_BACKUP_PASSPHRASE")
    assert "no passphrase for the backup" in voltward("backup", "--out", str(tmp_path / "a.backup")).err


def test_wrong_words_are_exit_code_two(voltward: Command, bare: Command, tmp_path: Path) -> None:
    out, other = tmp_path / "a.backup", tmp_path / "words"
    voltward("backup", "--out", str(out))
    other.write_text("not the right words\n")
    ran = bare("restore", str(out), "--data", str(tmp_path / "restored"), "--passphrase-file", str(other))
    assert (ran.code, "passphrase does not open" in ran.err) == (2, True)
    assert bare("restore", str(tmp_path / "absent"), "--data", str(tmp_path / "restored")).code == 2
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.CI])
async def test_only_an_admin_may_take_everything(service: Service, role: Role) -> None:
    transport = httpx.ASGITransport(make_app(service))
    headers = {"Authorization": f"Bearer {token(service, role)}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
        answer = await client.post("/api/v1/backup", json={"passphrase": PASSPHRASE.text()})
    assert answer.status_code == 403


# --- the passphrase of the keys


def test_the_old_passphrase_opens_nothing_any_more(
    voltward: Command, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("VOLTWARD_NEW_PASSPHRASE", "quite another one")
    assert voltward("passphrase", "change").code == 0
    ran = voltward("station", "list")
    assert (ran.code, "does not open the keys" in ran.err) == (2, True)
    environment = {"VOLTWARD_PASSPHRASE": "quite another one"}
    again = open_folder(folder, environment)
    try:
        assert again.authority.verify_audit().findings == ()
        assert all(proof.fault is None for proof in again.authority.prove_keys(again.keys))
        with again.store.reading() as session:
            assert again.trail.records(session, newest_first=True, limit=1)[0].act == "passphrase:changed"
    finally:
        again.close()
    assert [path.name for path in (folder / "keys").rglob(".*")] == []


def test_a_change_that_broke_off_is_ended_by_the_same_command(
    voltward: Command, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("VOLTWARD_NEW_PASSPHRASE", "quite another one")
    assert voltward("passphrase", "change").code == 0
    assert voltward("passphrase", "change").code == 0
    open_folder(folder, {"VOLTWARD_PASSPHRASE": "quite another one"}).close()


def test_a_change_that_cannot_be_recorded_does_not_happen(
    voltward: Command, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    database = sqlite3.connect(folder / "voltward.db")
    database.execute(FULL)
    database.close()
    monkeypatch.setenv("VOLTWARD_NEW_PASSPHRASE", "quite another one")
    assert voltward("passphrase", "change").code == 1
    open_folder(folder, ENVIRONMENT).close()


def test_a_change_needs_the_right_passphrase_and_a_long_one(voltward: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLTWARD_NEW_PASSPHRASE", "short")
    assert "at least 8" in voltward("passphrase", "change").err
    monkeypatch.setenv("VOLTWARD_NEW_PASSPHRASE", "quite another one")
    monkeypatch.setenv("VOLTWARD_PASSPHRASE", "a wrong passphrase")
    assert "does not open the keys" in voltward("passphrase", "change").err

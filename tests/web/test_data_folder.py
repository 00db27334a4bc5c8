import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from pki.errors import CeremonyRefused, KeyStoreMissing, PostVacant, WrongPassphrase
from tests.web.conftest import ENVIRONMENT
from web import data_folder
from web.data_folder import NewFolder, Wishes, make_folder, open_folder
from web.errors import FolderMissing, FolderNewer, FolderTaken, PassphraseMissing, RequestRefused, SettingsWrong
from web.permissions import Role


def test_a_new_folder_has_an_admin_and_both_hierarchies(made: NewFolder, folder: Path) -> None:
    service = open_folder(folder, ENVIRONMENT)
    assert [(user.name, user.role) for user in service.accounts.users()] == [("admin", Role.ADMIN)]
    assert service.accounts.sign_in("admin", made.password, "")
    assert set(made.roots) == {"root", "root-rsa", "manufacturer", "manufacturer-rsa"}
    assert all(pem.startswith("-----BEGIN CERTIFICATE-----") for pem in made.roots.values())
    service.close()


def test_nobody_else_can_read_the_folder(folder: Path, made: NewFolder) -> None:
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700


def test_no_password_lies_in_the_folder_in_clear(folder: Path, made: NewFolder) -> None:
    secret = made.password.reveal
    passphrase = ENVIRONMENT["VOLTWARD_PASSPHRASE"].encode()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert secret not in content
            assert passphrase not in content


def test_never_writes_over_a_folder(folder: Path, tmp_path: Path) -> None:
    before = (folder / "voltward.toml").read_bytes()
    with pytest.raises(FolderTaken):
        make_folder(folder, "Other", [], ENVIRONMENT)
    assert (folder / "voltward.toml").read_bytes() == before
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "file").touch()
    with pytest.raises(FolderTaken):
        make_folder(tmp_path / "busy", "Other", [], ENVIRONMENT)


@pytest.mark.parametrize(
    ("organisation", "hostnames", "field"),
    [("", [], "organisation"), (" Acme", [], "organisation"), ("Acme", ["no host"], "hostnames")],
)
def test_refuses_names_that_no_certificate_may_carry(
    tmp_path: Path, organisation: str, hostnames: list[str], field: str
) -> None:
    with pytest.raises(RequestRefused) as refusal:
        make_folder(tmp_path / "new", organisation, hostnames, ENVIRONMENT)
    assert refusal.value.field == field
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_the_middle_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(data_folder, "migrate", fail)
    with pytest.raises(KeyboardInterrupt):
        make_folder(tmp_path / "new", "Acme", [], ENVIRONMENT)
    assert list(tmp_path.iterdir()) == []


def test_without_passphrase_or_terminal_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(PassphraseMissing):
        make_folder(tmp_path / "new", "Acme", [], {})
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_passphrase_opens_nothing(folder: Path) -> None:
    with pytest.raises(WrongPassphrase):
        open_folder(folder, {"VOLTWARD_PASSPHRASE": "wrong"})


def test_the_passphrase_may_come_from_a_file(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(ENVIRONMENT["VOLTWARD_PASSPHRASE"] + "\n")
    open_folder(folder, {"VOLTWARD_PASSPHRASE_FILE": str(file)}).close()
    with pytest.raises(SettingsWrong, match="VOLTWARD_PASSPHRASE_FILE"):
        open_folder(folder, {"VOLTWARD_PASSPHRASE_FILE": str(tmp_path / "absent")})


def test_a_folder_without_settings_is_no_data_folder(tmp_path: Path) -> None:
    with pytest.raises(FolderMissing):
        open_folder(tmp_path, ENVIRONMENT)
    with pytest.raises(FolderMissing):
        open_folder(tmp_path / "absent", ENVIRONMENT)


def test_a_folder_without_keys_is_told(folder: Path) -> None:
    (folder / "keys" / "root-secret.json").unlink()
    with pytest.raises(KeyStoreMissing):
        open_folder(folder, ENVIRONMENT)


def test_refuses_a_folder_of_a_newer_version(folder: Path) -> None:
    service = open_folder(folder, ENVIRONMENT)
    with service.store.writing() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    service.close()
    with pytest.raises(FolderNewer):
        open_folder(folder, ENVIRONMENT, migrating=True)


def test_an_address_that_is_no_database_is_told(folder: Path) -> None:
    nowhere = {**ENVIRONMENT, "VOLTWARD_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    with pytest.raises(SettingsWrong, match="VOLTWARD_DATABASE_URL"):
        open_folder(folder, nowhere)


SMALL = """\
title = "Small"
[[root]]
name = "small"
[[issuing]]
name = "servers"
parent = "small"
post = "csms"
"""


def test_a_folder_may_begin_with_a_hierarchy_of_its_own(tmp_path: Path) -> None:
    wishes = Wishes(hierarchy=SMALL, public_url="http://pki.example")
    made = make_folder(tmp_path / "new", "Acme", [], ENVIRONMENT, wishes)
    assert set(made.roots) == {"small"}
    service = open_folder(made.folder, ENVIRONMENT)
    assert service.settings.pki.public_url == "http://pki.example"
    assert [one.title for one in service.authority.ceremonies()] == ["Small"]
    assert [one.family for one in service.authority.server_credentials()] == ["ec"]  # there is no RSA authority
    service.close()


def test_a_wrong_hierarchy_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(CeremonyRefused):
        make_folder(tmp_path / "new", "Acme", [], ENVIRONMENT, Wishes(hierarchy=SMALL + "size = 1"))
    assert list(tmp_path.iterdir()) == []


def test_an_offline_folder_has_no_authorities_no_admin_and_long_lists(tmp_path: Path) -> None:
    made = make_folder(tmp_path / "off", "Acme", [], ENVIRONMENT, Wishes(None, True, "http://pki.example"))
    assert (made.password, dict(made.roots)) == (None, {})
    service = open_folder(made.folder, ENVIRONMENT)
    assert service.settings.pki.offline
    assert service.settings.pki.crl_validity.days == 180
    assert service.accounts.users() == []
    with pytest.raises(PostVacant):
        service.authority.server_credentials()
    service.close()

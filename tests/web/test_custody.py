"""Where a data folder's keys are: the node's own apart from the authorities', and any place that the settings name."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pki.errors import KeyStoreMissing, VaultUnavailable, WrongPassphrase
from pki.keystore import KeyStore
from pki.secret_text import Secret
from pki.signer_process.log import Bounds, SignerLog
from tests.web.commands import Command
from tests.web.conftest import ENVIRONMENT, PASSPHRASE
from tests.web.test_pages import browser  # noqa: F401 -- a fixture
from web.data_folder import open_folder
from web.errors import SettingsWrong, SignerLogBroken
from web.service import Service
from web.signer import sign_until

AUTHORITIES = {"root", "root-rsa", "manufacturer", "manufacturer-rsa", "stations", "stations-rsa", "csms", "csms-rsa"}


def names(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.key")}


@contextmanager
def signing(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Iterator[None]:
    """The signer role over a folder, in a thread."""
    for name, value in {**ENVIRONMENT, **settings}.items():
        monkeypatch.setenv(name, value)
    stop, ready, faults = threading.Event(), threading.Event(), []

    def run() -> None:
        try:
            sign_until(folder, stop, ready)
        except Exception as fault:
            faults.append(fault)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(20)
    if faults:
        thread.join()
        raise faults[0]
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_the_authorities_keys_lie_apart_from_the_nodes(folder: Path) -> None:
    own, apart = folder / "keys", folder / "keys" / "authorities"
    assert {name for name in names(apart) if not name.startswith("firmware")} == AUTHORITIES
    assert not {name for name in names(own) if name in AUTHORITIES or name.startswith("firmware")}
    assert any(name.startswith("ocsp-") for name in names(own))
    passphrase = Secret.of(PASSPHRASE)
    assert KeyStore.open(own, passphrase).secret("x") != KeyStore.open(apart, passphrase).secret("x")


def test_a_folder_from_before_has_all_keys_in_one_place(folder: Path) -> None:
    """Its key files carry passwords that follow from the one root secret, so they are made anew here."""
    apart, passphrase = folder / "keys" / "authorities", Secret.of(PASSPHRASE)
    shutil.rmtree(apart)
    KeyStore.open(folder / "keys", passphrase).make_signer("root", _algorithm())
    with opened(folder) as service:
        assert service.authority_keys.holds("root")


def _algorithm() -> object:
    from pki.keys import KeyAlgorithm

    return KeyAlgorithm.EC_P256


@contextmanager
def opened(folder: Path, **settings: str) -> Iterator[Service]:
    service = open_folder(folder, {**ENVIRONMENT, **settings})
    try:
        yield service
    finally:
        service.close()


def test_the_authorities_keys_may_lie_elsewhere_under_a_passphrase_of_their_own(
    bare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("another passphrase\n")
    monkeypatch.setenv("VOLTWARD_AUTHORITY_KEYS", str(tmp_path / "vault"))
    monkeypatch.setenv("VOLTWARD_AUTHORITY_PASSPHRASE_FILE", str(secret))
    made = bare("init", "--data", str(tmp_path / "data"), "--organisation", "Acme", "--json")
    assert made.code == 0, made.err
    assert names(tmp_path / "vault") >= AUTHORITIES
    assert not (tmp_path / "data" / "keys" / "authorities").exists()
    KeyStore.open(tmp_path / "vault", Secret.of("another passphrase"))
    with pytest.raises(WrongPassphrase):
        KeyStore.open(tmp_path / "vault", Secret.of(PASSPHRASE))
    listed = bare("ca", "keys", "--data", str(tmp_path / "data"), "--json")
    assert listed.code == 0
    assert all(str(tmp_path / "vault") in one["where"] for one in listed.json["items"])
    shutil.rmtree(tmp_path / "vault")
    with pytest.raises(KeyStoreMissing):
        open_folder(tmp_path / "data", {**ENVIRONMENT, "VOLTWARD_AUTHORITY_KEYS": str(tmp_path / "vault")})


def test_with_a_signer_process_the_others_have_no_key_of_an_authority(
    folder: Path, voltward: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vault = tmp_path / "vault"
    shutil.move(folder / "keys" / "authorities", vault)
    with signing(folder, monkeypatch, VOLTWARD_CUSTODY="process", VOLTWARD_AUTHORITY_KEYS=str(vault)):
        monkeypatch.delenv("VOLTWARD_AUTHORITY_KEYS")
        listed = voltward("ca", "keys", "--json")
        assert listed.code == 0, listed.err
        assert all(one["can_sign"] and "signer process" in one["where"] for one in listed.json["items"])
        assert voltward("station", "add", "CS-1", "--serial", "SN-1").code == 0
    assert {line["verdict"] for line in log_of(folder)} == {"signed"}
    away = voltward("ca", "keys")
    assert away.code == 1
    assert "signer process cannot be used" in away.out


def log_of(folder: Path) -> list[dict[str, object]]:
    from pki.signer_process.log import read_log

    return list(read_log(folder / "signer.log"))


def test_the_log_can_be_verified(folder: Path, voltward: Command, bare: Command, tmp_path: Path) -> None:
    path = tmp_path / "signer.log"
    log = SignerLog(path)
    log.append([{"do": "sign", "kind": "list", "verdict": "signed"}, {"do": "make", "verdict": "refused"}])
    log.close()
    ran = bare("ca", "signer-log", str(path), "--json")
    assert ran.json == {"lines": 2, "files": 1, "requests": {"make: refused": 1, "sign list: signed": 1}}
    assert "sign list: signed" in bare("ca", "signer-log", str(path)).out
    path.write_text(path.read_text().replace("refused", "signed!"))
    broken = bare("ca", "signer-log", str(path))
    assert (broken.code, "line 2" in broken.err) == (1, True)


def test_all_files_of_the_log_are_verified(bare: Command, tmp_path: Path) -> None:
    path = tmp_path / "signer.log"
    log = SignerLog(path, bounds=Bounds(full=300))
    for _ in range(9):
        log.append([{"do": "sign", "kind": "list", "verdict": "signed"}])
    log.close()
    ran = bare("ca", "signer-log", str(path), "--json")
    assert ran.json["lines"] == 9
    assert ran.json["files"] > 2
    (tmp_path / "signer.log.1").unlink()
    missing = bare("ca", "signer-log", str(path))
    assert (missing.code, "before number 2 are missing" in missing.err) == (1, True)


def test_a_signer_does_not_start_over_a_log_that_was_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "signer.log").write_text('{"do":"sign"}\n')
    with pytest.raises(SignerLogBroken, match="line 1"), signing(folder, monkeypatch):
        pass


def test_a_signer_tells_what_it_cannot_use(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for setting, value, fault in (
        ("VOLTWARD_SIGNER_LOG", str(tmp_path / "none" / "log"), SettingsWrong),
        ("VOLTWARD_SIGNER_SOCKET", str(tmp_path / ("x" * 120)), VaultUnavailable),
        ("VOLTWARD_SIGNER_USERS", "nobody-of-this-name", VaultUnavailable),
        ("VOLTWARD_AUTHORITY_KEYS", str(tmp_path / "none"), KeyStoreMissing),
    ):
        with monkeypatch.context() as patch, pytest.raises(fault), signing(folder, patch, **{setting: value}):
            pass


def test_the_signer_is_a_process_of_its_own(voltward: Command) -> None:
    ran = voltward("serve", "--roles", "signer", "--roles", "web")
    assert ran.code == 2
    assert "the signer is a process of its own" in ran.err


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"VOLTWARD_CUSTODY": "drawer"}, "VOLTWARD_CUSTODY"),
        ({"VOLTWARD_CUSTODY": "pkcs11"}, "pkcs11_module"),
        ({"VOLTWARD_KMS_PREFIX": "Not a prefix"}, "VOLTWARD_KMS_PREFIX"),
    ],
)
def test_settings_that_cannot_be_are_told(folder: Path, settings: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsWrong, match=why), opened(folder, **settings):
        pass


def test_a_token_that_is_not_there_keeps_nothing_from_starting(folder: Path, tmp_path: Path) -> None:
    """What needs no signature works; the rest says what is wrong."""
    module = {"VOLTWARD_PKCS11_MODULE": str(tmp_path / "none.so"), "VOLTWARD_PKCS11_TOKEN": "t"}
    with opened(folder, VOLTWARD_CUSTODY="pkcs11", VOLTWARD_SIGNER_WAIT="PT0S", **module) as service:
        places = service.authority.key_places()
        assert len(places) == len(AUTHORITIES)
        assert all("cannot be loaded" in place.why for place in places)


async def test_the_console_tells_where_the_keys_are(browser: httpx.AsyncClient, folder: Path) -> None:  # noqa: F811
    (folder / "keys" / "authorities" / "stations.key").unlink()
    shown = (await browser.get("/authorities")).text
    assert f"file {folder / 'keys' / 'authorities' / 'root.key'}" in shown
    assert shown.count("cannot sign</span>") == 1


async def test_the_api_tells_where_the_keys_are(api: httpx.AsyncClient) -> None:
    answer = (await api.get("/api/v1/authority-keys")).raise_for_status().json()
    assert {one["authority"] for one in answer["items"]} == AUTHORITIES
    assert all(one["can_sign"] and one["where"].startswith("file ") for one in answer["items"])
    assert "BEGIN" not in str(answer)

"""Keys on disk: encrypted, private, never overwritten."""

import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pki.errors import KeyExists, KeyStoreMissing, SignerUnavailable, WrongPassphrase
from pki.keys import KeyAlgorithm, verify_signature
from pki.keystore import KeyStore
from pki.secret_text import Secret

PASSPHRASE = Secret.of("correct horse")
EC = KeyAlgorithm.EC_P256


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(folder: Path) -> KeyStore:
    return KeyStore.create(folder, PASSPHRASE, scrypt_cost=16)


def test_a_key_signs_after_reopening(keys: KeyStore, folder: Path) -> None:
    public = keys.make_signer("root", EC).public_key
    again = KeyStore.open(folder, PASSPHRASE).signer("root")
    assert verify_signature(public, again.sign(b"tbs"), b"tbs")


def test_the_wrong_passphrase_is_told_in_one_sentence(keys: KeyStore, folder: Path) -> None:
    with pytest.raises(WrongPassphrase) as caught:
        KeyStore.open(folder, Secret.of("wrong"))
    assert caught.value.sentence == "the passphrase does not open the keys of this data folder"
    assert "VOLTWARD_PASSPHRASE" in caught.value.hint


def test_a_folder_without_keys_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreMissing):
        KeyStore.open(tmp_path / "nothing", PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b'{"salt": 1}', b"[]"])
def test_a_damaged_store_is_told(keys: KeyStore, folder: Path, content: bytes) -> None:
    (folder / "root-secret.json").write_bytes(content)
    with pytest.raises(KeyStoreMissing, match="damaged"):
        KeyStore.open(folder, PASSPHRASE)


def test_no_key_lies_in_clear_and_only_the_owner_may_read(keys: KeyStore, folder: Path) -> None:
    keys.make_signer("root", EC)
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert b"BEGIN PRIVATE KEY" not in path.read_bytes()
        assert PASSPHRASE.reveal not in path.read_bytes()
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in keys.key_path("root").read_bytes()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_each_key_file_has_its_own_password(keys: KeyStore) -> None:
    keys.make_signer("one", EC)
    pem = keys.key_path("one").read_bytes()
    assert load_pem_private_key(pem, keys.key_password("one").reveal)
    for wrong in (keys.key_password("two").reveal, PASSPHRASE.reveal):
        with pytest.raises(ValueError, match="password"):
            load_pem_private_key(pem, wrong)


def test_never_overwrites(keys: KeyStore, folder: Path) -> None:
    keys.make_signer("root", EC)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(KeyExists):
        keys.make_signer("root", EC)
    with pytest.raises(KeyExists):
        KeyStore.create(folder, PASSPHRASE, scrypt_cost=16)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_of_many_who_make_the_same_key_one_succeeds(keys: KeyStore) -> None:
    outcomes: list[str] = []

    def make() -> None:
        try:
            keys.make_signer("root", EC)
        except KeyExists:
            outcomes.append("refused")
        else:
            outcomes.append("made")

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made"] + ["refused"] * 5


def test_a_missing_or_foreign_key_is_told(keys: KeyStore, tmp_path: Path) -> None:
    with pytest.raises(SignerUnavailable, match="no such file"):
        keys.signer("root")
    other = KeyStore.create(tmp_path / "other", PASSPHRASE, scrypt_cost=16)
    other.make_signer("root", EC)
    keys.key_path("root").write_bytes(other.key_path("root").read_bytes())
    with pytest.raises(SignerUnavailable, match="another key store"):
        keys.signer("root")


def test_secrets_differ_by_purpose_and_last(keys: KeyStore, folder: Path) -> None:
    again = KeyStore.open(folder, PASSPHRASE)
    assert keys.secret("audit") == again.secret("audit")
    assert keys.secret("audit") != keys.secret("sessions")
    assert len(keys.secret("audit")) == 32


@pytest.mark.parametrize("name", ["../root", "a/b", "", ".hidden", "UPPER", "a.key"])
def test_refuses_names_that_leave_the_folder(keys: KeyStore, name: str) -> None:
    with pytest.raises(ValueError, match="name of a key"):
        keys.make_signer(name, EC)


def test_a_forgotten_key_is_gone(keys: KeyStore) -> None:
    keys.make_signer("old", EC)
    keys.forget("old")
    assert not keys.holds("old")
    with pytest.raises(SignerUnavailable):
        keys.signer("old")

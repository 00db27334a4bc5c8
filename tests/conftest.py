"""What all tests share: logs as the service writes them, since structlog's own default shows local variables."""

import gc
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from argon2 import PasswordHasher

from pki import store
from pki.keystore import KeyStore
from pki.secret_text import Secret
from tests import cheap_age
from tests.end_to_end.running_service import PASSPHRASE, voltward
from web.logs import set_up_logs

# They start many processes or render many pages: `make test` runs them, `make check` does not.
SLOW_FILES = {
    "test_backup.py",
    "test_cli.py",
    "test_cli_audit.py",
    "test_crl.py",
    "test_custody.py",
    "test_docs.py",
    "test_elsewhere.py",
    "test_est.py",
    "test_firmware.py",
    "test_kms.py",
    "test_interop.py",
    "test_ocsp.py",
    "test_pages.py",
    "test_pages_revoking.py",
    "test_pkcs11.py",
    "test_readme.py",
    "test_rollover.py",
    "test_roots.py",
    "test_routes.py",
    "test_unrecorded_acts.py",
    "test_signer_process.py",
    "test_signer_watch.py",
    "test_vaults.py",
    "test_whole_custody.py",
}


# The same examples in every run, and no clock in the verdict: a slow or busy machine is no failure. `make check` takes
# fewer of them, `make soak` many that no run had before.
hypothesis.settings.register_profile("voltward", deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("check", hypothesis.settings.get_profile("voltward"), max_examples=25)
hypothesis.settings.register_profile("soak", deadline=None, database=None, print_blob=True, max_examples=3000)
hypothesis.settings.load_profile("voltward")

_CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance-report",
        action="store_true",
        help="write what became of each case into docs/conformance.json; with -n 0",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name in SLOW_FILES:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """What was collected stays to the end; to go through it again and again takes the collector a fifth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True, scope="session")
def _logs() -> None:
    set_up_logs("warning")


@pytest.fixture(autouse=True, scope="session")
def _thrift() -> Iterator[pytest.MonkeyPatch]:
    """Nothing in this process guards a real key or must outlive a power cut: no slow hash, no waiting for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        _be_thrifty(patch)
        yield patch


@pytest.fixture
def as_shipped(_thrift: pytest.MonkeyPatch) -> Iterator[None]:
    """For a test of just these costs."""
    _thrift.undo()
    yield
    _be_thrifty(_thrift)


def _be_thrifty(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("csms_bridge.passwords._argon2", _CHEAP_HASHER)
    patch.setattr("web.accounts._HASHER", _CHEAP_HASHER)
    patch.setattr("pki.keystore._SCRYPT_COST", 2**4)
    patch.setitem(KeyStore.create.__func__.__kwdefaults__, "scrypt_cost", 2**4)
    patch.setattr("pyrage.passphrase.encrypt", cheap_age.encrypt)
    patch.setattr(store, "_PRAGMAS", (*store._PRAGMAS, "synchronous=OFF"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder is made for all (RSA keys take their time); whoever changes it works on a copy.

    Its seals are cheap ones, since hundreds of programs open it or a copy.
    """
    folder = tmp_path_factory.mktemp("template") / "data"
    made = voltward("init", "--data", str(folder), "--organisation", "Test Operator", "--json")
    assert made.returncode == 0, made.stderr
    passphrase = Secret.of(PASSPHRASE)
    for keys in (folder / "keys", folder / "keys" / "authorities"):
        seal = KeyStore.resealed(keys, passphrase, passphrase)
        assert seal is not None
        KeyStore.replace_seal(keys, seal)
    return folder

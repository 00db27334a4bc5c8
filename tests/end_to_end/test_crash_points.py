"""SIGKILL at every step of issuing, revoking and releasing leaves nothing unknown (DESIGN §3.1)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pki.audit import AuditTrail
from pki.authority import Authority
from pki.keystore import KeyStore
from pki.store import Store
from tests.end_to_end.crash_points import PASSPHRASE, SETTINGS
from web.schema import migrate

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def authority_folder(tmp_path: Path) -> Path:
    store = Store(f"sqlite:///{tmp_path / 'voltward.db'}")
    migrate(store)
    keys = KeyStore.create(tmp_path / "keys", PASSPHRASE, scrypt_cost=2**4)
    Authority(store, keys, AuditTrail(keys.secret("audit"), "crash"), SETTINGS).establish("test")
    store.close()
    (tmp_path / "signed.hex").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("act", "stride"),
    [
        ("issue", 1),
        # Every third step, so that both sides of statements and commits are met; `make soak` takes every one.
        ("revoke", 3),
        ("release", 3),
        pytest.param("revoke", 1, marks=pytest.mark.soak),
        pytest.param("release", 1, marks=pytest.mark.soak),
    ],
)
def test_killed_at_every_step_nothing_is_unknown_and_the_act_ends_well(
    authority_folder: Path, act: str, stride: int
) -> None:
    """No signature without a row, no serial number twice, a sound trail, and the second try ends well."""
    command = [sys.executable, "-m", "tests.end_to_end.crash_points", str(authority_folder), act, str(stride)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["faults"] == {}
    assert report["steps"] > 20, "the steps were not counted"

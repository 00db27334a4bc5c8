"""SIGKILL at every step of a ceremony: nothing of it is there or all of it, and held again it ends well (ADR 0008)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pki.keystore import KeyStore
from pki.store import Store
from tests.end_to_end.crash_points import PASSPHRASE
from web.schema import migrate

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_a_ceremony_killed_at_every_step_is_taken_up_again(tmp_path: Path, stride: int) -> None:
    """`make test` takes every third step, `make soak` every one."""
    template = tmp_path / "template"
    template.mkdir()
    store = Store(f"sqlite:///{template / 'voltward.db'}")
    migrate(store)
    store.close()
    KeyStore.create(template / "keys", PASSPHRASE, scrypt_cost=2**4)
    (template / "signed.hex").touch()
    command = [sys.executable, "-m", "tests.end_to_end.ceremony_crashes", str(template), str(tmp_path), str(stride)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["faults"] == {}
    assert report["steps"] > 40, "the steps were not counted"

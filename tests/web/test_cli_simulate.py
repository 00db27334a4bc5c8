"""voltward simulate up to the moment when the stations dial."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from csms_bridge.simulator.config import Fault, StationConfig
from tests.web.conftest import ENVIRONMENT
from web.cli import simulate
from web.cli.main import exit_code_of

URL = ["--url", "ws://127.0.0.1:9/ocpp"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[StationConfig]:
    """The stations that would have dialled, run after run."""
    seen: list[StationConfig] = []

    async def note(configs: Sequence[StationConfig]) -> None:
        seen.extend(configs)

    monkeypatch.setattr(simulate, "_run", note)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return seen


def test_a_second_run_still_has_the_factory_passwords(
    started: list[StationConfig], folder: Path, tmp_path: Path
) -> None:
    arguments = ["simulate", *URL, "--register", "--state", str(tmp_path / "state"), "--data", str(folder)]
    assert exit_code_of(arguments) == 0
    assert exit_code_of(arguments) == 0
    first, second = started
    assert first.password
    assert second.password == first.password
    kept = tmp_path / "state" / "SIM-0001" / "factory-password"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_password_that_is_given_goes_before_a_kept_one(started: list[StationConfig], tmp_path: Path) -> None:
    for password in ("the first of them", "the second of them"):
        assert exit_code_of(["simulate", *URL, "--state", str(tmp_path), "--password", password]) == 0
    assert exit_code_of(["simulate", *URL, "--state", str(tmp_path)]) == 0
    assert [one.password for one in started] == [b"the first of them", *[b"the second of them"] * 2]


def test_without_a_state_nobody_knows_the_password(
    started: list[StationConfig], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["simulate", *URL, "--register", "--data", str(folder)]
    assert [exit_code_of(arguments), exit_code_of(arguments)] == [0, 2]
    assert "error: password: needed for profile 1\nhint: Give --password" in capfd.readouterr().err


def test_lists_every_fault_with_its_rule(capfd: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["simulate", "--list-faults"]) == 0
    shown = capfd.readouterr().out
    assert all(fault.value in shown and fault.rule in shown for fault in Fault)
    assert exit_code_of(["simulate", "--list-faults", "--json"]) == 0
    listed: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert listed["items"] == [{"fault": fault.value, "rule": fault.rule} for fault in Fault]

"""`voltward demo`: five arrive, the sixth is on hold and still served; a second run goes on from there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.running_service import RunningService

pytestmark = pytest.mark.end_to_end


def demo(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "web.cli", "demo", "--data", str(folder), *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Free ports and quick walks; the demo brings its own passphrase."""
    mine = RunningService(folder).environment
    del mine["VOLTWARD_PASSPHRASE"]
    return {**os.environ, **mine}


def read_until(process: subprocess.Popen[str], words: str, times: int) -> str:
    """What it said until it had said `words` that often; fails when it ends before."""
    assert process.stdout is not None
    told = ""
    while told.count(words) < times:
        line = process.stdout.readline()
        assert line, f"it ended early: {told}"
        told += line
    return told


def test_five_arrive_and_the_sixth_is_held_then_a_second_run_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    env = environment(folder)
    first = subprocess.run(
        demo(folder, "--until-done"), env=env, capture_output=True, text=True, timeout=150, check=False
    )
    assert first.returncode == 0, first.stderr
    assert f"console   http://127.0.0.1:{env['VOLTWARD_WEB_PORT']}/" in first.stdout
    last = {line.split()[0]: line for line in first.stdout.splitlines() if " profile " in line}
    arrived = [line for line in last.values() if "profile 3" in line and line.endswith("arrived on profile 3")]
    assert len(arrived) == 5, first.stdout
    assert "profile 1" in last["AIRPORT-02"]
    assert "on hold: it fell back" in last["AIRPORT-02"]

    with subprocess.Popen(demo(folder), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as second:
        told = read_until(second, "arrived on profile 3", 5)
        second.send_signal(signal.SIGINT)
        assert second.wait(20) == 0
    # The password is the same, and nobody walked again.
    assert next(line for line in first.stdout.splitlines() if "password" in line) in told
    assert not [line for line in told.splitlines() if " profile " in line and " 0/" in line]


def test_a_folder_of_another_kind_is_left_alone(template: Path) -> None:
    before = sorted(template.rglob("*"))
    ran = subprocess.run(
        demo(template, "--until-done"),
        env=environment(template),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert "was not made by `voltward demo`" in ran.stderr
    assert sorted(template.rglob("*")) == before

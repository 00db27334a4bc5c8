"""What init, serve and demo make is readable by the user who runs them alone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pki.secret_text import Secret
from web import data_folder, serve
from web.cli.main import exit_code_of
from web.data_folder import NewFolder
from web.demo import play


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("command", ["init", "serve", "demo"])
def test_its_files_are_for_their_owner(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made"

    def make(*_: object, **__: object) -> NewFolder:
        made.touch()
        return NewFolder(tmp_path, "admin", Secret.of("made here"), {})

    monkeypatch.setattr(data_folder, "make_folder", make)
    monkeypatch.setattr(serve, "serve_folder", make)
    monkeypatch.setattr(play, "play", make)
    name = ["--organisation", "Acme"] if command == "init" else []
    assert exit_code_of([command, "--data", str(tmp_path / "new"), *name]) == 0
    assert made.stat().st_mode & 0o777 == 0o600
    assert os.umask(0o022) == 0o022


def test_a_taken_folder_is_refused_before_anything_is_made(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert exit_code_of(["init", "--data", str(tmp_path), "--organisation", "Acme"]) == 2
    assert capfd.readouterr().err.startswith(f"error: {tmp_path} is not an empty folder\n")

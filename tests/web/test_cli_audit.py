"""voltward audit, over a data folder and without one."""

import json
import sqlite3
from pathlib import Path

import pytest

from pki.audit import Entry, PkiAct
from tests.web.commands import Command
from web.service import Service


def tamper(folder: Path, *statements: str) -> None:
    """As somebody who can write the file: the triggers are taken away first."""
    database = sqlite3.connect(folder / "voltward.db")
    with database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.fixture
def root(voltward: Command, tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_text(voltward("ca", "export", "root").out)
    return path


def test_the_trail_is_verified_and_listed(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    ran = voltward("audit", "verify")
    assert (ran.code, ran.out) == (0, "")
    assert "the audit trail is whole" in ran.err
    assert "records a second" in ran.err
    latest = voltward("audit", "list", "--limit", "1", "--json").json["items"][0]
    assert (latest["by"], latest["act"], latest["thing"]) == ("operator", "station:added", "CS-1")


def test_an_edited_trail_fails_the_verification(voltward: Command, folder: Path) -> None:
    tamper(folder, "UPDATE audit_records SET by = 'somebody else' WHERE sequence = 3")
    ran = voltward("audit", "verify")
    assert ran.code == 1
    assert "edited: main: record 3 is not what was written" in ran.out


def test_an_emptied_trail_fails_the_verification(voltward: Command, folder: Path) -> None:
    voltward("audit", "checkpoint")
    tamper(folder, "DELETE FROM audit_records", "DELETE FROM audit_heads", "DELETE FROM audit_checkpoints")
    ran = voltward("audit", "verify")
    assert ran.code == 1
    assert ran.out.startswith("emptied: checkpoints: the trail is empty, and the checkpoint file tells of")


def test_checkpoints_are_made_and_listed(voltward: Command, folder: Path) -> None:
    made = voltward("audit", "checkpoint", "--json").json
    assert made["number"] == 1
    assert voltward("audit", "checkpoint", "--json").json["number"] == 1
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    assert voltward("audit", "checkpoint", "--json").json["number"] == 2
    listed = voltward("audit", "checkpoints", "--json").json["items"]
    assert [one["number"] for one in listed] == [2, 1]
    assert len((folder / "checkpoints.jsonl").read_text().splitlines()) == 2
    assert (folder / "checkpoints.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_file_may_lie_elsewhere(voltward: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "other-disk.jsonl"
    monkeypatch.setenv("VOLTWARD_CHECKPOINT_FILE", str(elsewhere))
    voltward("audit", "checkpoint")
    assert elsewhere.exists()


def test_a_set_back_database_is_accepted_with_a_reason_only(voltward: Command, folder: Path) -> None:
    voltward("audit", "checkpoint")
    lines = (folder / "checkpoints.jsonl").read_text()
    assert voltward("audit", "checkpoint", "--after-restore").code == 2
    refused = voltward("audit", "checkpoint", "--after-restore", "--reason", "why not")
    assert (refused.code, "nothing to accept" in refused.err) == (2, True)
    tamper(folder, "DELETE FROM audit_checkpoints")
    (folder / "checkpoints.jsonl").write_text(lines)
    assert voltward("audit", "checkpoint").code == 2
    made = voltward("audit", "checkpoint", "--after-restore", "--reason", "backup of Monday", "--json")
    assert made.json["number"] == 2
    assert voltward("audit", "verify").code == 0


def test_an_outsider_verifies_an_export(voltward: Command, bare: Command, root: Path, tmp_path: Path) -> None:
    voltward("audit", "checkpoint")
    out = tmp_path / "trail.jsonl"
    assert voltward("audit", "export", "--out", str(out)).err.endswith(f"wrote {out}\n")
    ran = bare("audit", "verify", "--export", str(out), "--ca", str(root))
    assert (ran.code, "the audit trail is whole" in ran.err) == (0, True)
    assert out.read_text() == voltward("audit", "export").out
    out.write_text(out.read_text().replace("authority:made", "authority:seen"))
    ran = bare("audit", "verify", "--export", str(out), "--ca", str(root), "--json")
    assert ran.code == 1
    assert ran.json["findings"][0]["damage"] == "edited"


def test_a_filtered_export_says_what_it_leaves_out(
    voltward: Command, bare: Command, root: Path, tmp_path: Path
) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    voltward("audit", "checkpoint")
    out = tmp_path / "trail.jsonl"
    voltward("audit", "export", "--kind", "station", "--since", "2020-01-01", "--out", str(out))
    acts = [json.loads(line).get("act") for line in out.read_text().splitlines()]
    assert [act for act in acts if act] == ["station:added"]
    verdict = bare("audit", "verify", "--export", str(out), "--ca", str(root), "--json").json
    assert (verdict["whole"], verdict["records"]) == (True, 1)
    assert verdict["omitted"] > 5


def test_wrong_use_is_told(bare: Command, voltward: Command, tmp_path: Path, root: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    (tmp_path / "empty.jsonl").write_text("")
    export, none = str(tmp_path / "empty.jsonl"), str(tmp_path / "none.pem")
    for arguments in (
        ["audit", "verify", "--export", export],
        ["audit", "verify", "--ca", str(root)],
        ["audit", "verify", "--export", export, "--ca", none],
        ["audit", "verify", "--export", str(tmp_path / "absent"), "--ca", str(root)],
    ):
        assert bare(*arguments).code == 2
    assert bare("audit", "verify", "--export", export, "--ca", str(root)).code == 1
    assert voltward("audit", "export", "--since", "yesterday").code == 2
    assert voltward("audit", "export", "--out", str(tmp_path / "no" / "such")).code == 2


def test_a_long_export_is_passed_on_piece_by_piece(voltward: Command, service: Service) -> None:
    entries = [Entry(PkiAct.KEY_BLOCKED, "user:x", "key", str(number)) for number in range(5000)]
    with service.store.writing() as session:
        service.trail.record_all(session, entries, service.clock())
    lines = voltward("audit", "export").out.splitlines()
    assert len(lines) > 5000
    assert json.loads(lines[-1]) == {"checkpoint": 0, "end": True}

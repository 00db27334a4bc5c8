"""A room whose audit trail has checkpoints in database and file, and what an attacker with file access does to it."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from pki.audit import AuditTrail, PkiAct
from pki.audit_chain import Damage
from pki.audit_verifier import Verdict
from pki.authority import Authority
from tests.pki.conftest import SETTINGS, Room


@dataclass
class Checkpointed:
    """The authority again, with a checkpoint file."""

    room: Room
    file: Path
    authority: Authority

    def record(self, *things: str, writer: str = "test") -> None:
        """Some acts, in the chain of `writer`."""
        trail = AuditTrail(self.room.keys.secret("audit"), writer)
        for thing in things:
            with self.room.store.writing() as session:
                fields = {"by": "user:admin", "kind": "certificate", "thing": thing, "now": self.room.clock.now}
                trail.record(session, PkiAct.CERTIFICATE_REVOKED, **fields)  # type: ignore[arg-type]

    def checkpoint(self, *things: str) -> int:
        """Record something, and sign where that leads; the checkpoint's number."""
        self.record(*(things or ("something",)))
        self.room.clock.advance(timedelta(minutes=15))
        made = self.authority.checkpoint()
        assert made is not None
        return made.number

    def verify(self) -> Verdict:
        return self.authority.verify_audit()

    def damages(self) -> set[Damage]:
        return {finding.damage for finding in self.verify().findings}

    def sentences(self) -> str:
        return " | ".join(f"{found.writer}: {found.sentence}" for found in self.verify().findings)

    def tamper(self, *statements: str) -> None:
        """Change the database behind the service's back."""
        with self.room.store.writing() as session:
            for statement in statements:
                assert session.execute(text(statement)).rowcount

    def edit_file(self, edit: Callable[[list[str]], list[str]]) -> None:
        lines = edit(self.file.read_text().splitlines(keepends=True))
        self.file.write_text("".join(lines))

    def copy_of_database(self) -> Path:
        """A backup, as far as the database goes."""
        copy = self.room.folder / "earlier.db"
        with closing(sqlite3.connect(self.room.folder / "voltward.db")) as from_, closing(sqlite3.connect(copy)) as to:
            from_.backup(to)
        return copy

    def set_back_to(self, copy: Path) -> None:
        """Put the earlier database in place."""
        self.room.store.close()
        for left in self.room.folder.glob("voltward.db*"):
            left.unlink()
        shutil.copy(copy, self.room.folder / "voltward.db")


def with_checkpoints(room: Room) -> Checkpointed:
    file = room.folder / "checkpoints.jsonl"
    authority = Authority(room.store, room.keys, room.trail, SETTINGS, room.clock, checkpoint_file=file)
    return Checkpointed(room, file, authority)


def edited_statement(line: str) -> str:
    """The same line with another time in its statement, and its old signature."""
    fields = json.loads(line)
    fields["statement"] = fields["statement"].replace('"made_at":"20', '"made_at":"19')
    return json.dumps(fields) + "\n"

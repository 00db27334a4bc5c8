"""A PostgreSQL server of our own, made for a test run and gone after it. It listens on a unix socket only."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


def binaries() -> Path | None:
    """The folder with `initdb` and `pg_ctl`; Debian keeps them off the search path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


needs_postgresql = pytest.mark.skipif(binaries() is None, reason="needs PostgreSQL: apt-get install postgresql")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    folder: Path
    user: str

    def new_database(self, name: str, encoding: str = "UTF8") -> str:
        """Create an empty database; the address that VOLTWARD_DATABASE_URL takes."""
        kind = ("--template", "template0", "--encoding", encoding)
        _run(self.user, "createdb", "--host", str(self.folder), "--username", self.user, *kind, name)
        return f"postgresql://{self.user}@/{name}?host={self.folder}"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server for the length of the block. It refuses to run as root, so root lends it another user."""
    user = _server_user()
    folder = Path(tempfile.mkdtemp(prefix="voltward-pg-"))  # not below pytest's, whose folders are root's alone
    shutil.chown(folder, user)
    data = folder / "data"
    try:
        _run(
            user,
            "initdb",
            "--pgdata",
            str(data),
            "--username",
            user,
            "--auth",
            "trust",
            "--no-sync",
            "--locale=C",
            "--encoding=UTF8",
        )
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        _run(user, "pg_ctl", "--pgdata", str(data), "--log", str(folder / "log"), "--wait", "-o", options, "start")
        try:
            yield Postgres(folder, user)
        finally:
            _run(user, "pg_ctl", "--pgdata", str(data), "--mode", "immediate", "--wait", "stop")
    finally:
        shutil.rmtree(folder)


def _server_user() -> str:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(user: str, program: str, *arguments: str) -> None:
    folder = binaries()
    assert folder is not None
    other = user if os.geteuid() == 0 else None
    subprocess.run(
        [str(folder / program), *arguments],
        check=True,
        user=other,
        group=pwd.getpwnam(user).pw_gid if other else None,
        extra_groups=[] if other else None,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )

"""The signer as a process of its own: the service has no key of an authority, and lives through the signer's death."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from pki.keystore import KeyStore
from pki.secret_text import Secret
from pki.signer_process.log import read_log
from tests.end_to_end.postgres import needs_postgresql, running_postgres
from tests.end_to_end.running_service import PASSPHRASE, READY_WITHIN, RunningService, voltward
from tests.end_to_end.stations import register, station, walk_until

pytestmark = pytest.mark.end_to_end
OWN_PASSPHRASE = "only the signer knows this one"


class SignerProcess:
    """`voltward serve --roles signer` over a data folder; its keys lie elsewhere, under another passphrase."""

    def __init__(self, data: Path, folder: Path, database: str = "") -> None:
        self.data = data
        self.database = database
        self.keys = folder / "keys"
        self.socket = folder / "s"
        self.output = folder / "output"
        self.log = folder / "signer.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = {
            "VOLTWARD_AUTHORITY_KEYS": str(self.keys),
            "VOLTWARD_AUTHORITY_PASSPHRASE": OWN_PASSPHRASE,
            "VOLTWARD_SIGNER_SOCKET": str(self.socket),
            "VOLTWARD_SIGNER_LOG": str(self.log),
            "VOLTWARD_DATABASE_URL": self.database,
        }
        command = [sys.executable, "-m", "web.cli", "serve", "--data", str(self.data), "--roles", "signer"]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=output, stderr=output)
        end = time.monotonic() + READY_WITHIN
        while not self._answers():
            assert time.monotonic() < end, self.output.read_text()
            assert self._process.poll() is None, self.output.read_text()
            time.sleep(0.1)

    def end(self, number: int) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(20)
        self._process = None
        return code

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial, suppress(OSError):
            trial.connect(str(self.socket))
            return True
        return False


@pytest.fixture
def signer(folder: Path) -> Iterator[SignerProcess]:
    with signer_of(folder) as signer:
        yield signer


@contextmanager
def signer_of(folder: Path, database: str = "") -> Iterator[SignerProcess]:
    """The authorities' keys are taken out of the data folder, and sealed under a passphrase of their own."""
    with tempfile.TemporaryDirectory(prefix="vw") as place:
        signer = SignerProcess(folder, Path(place), database)
        apart = folder / "keys" / "authorities"
        sealed = KeyStore.resealed(apart, Secret.of(PASSPHRASE), Secret.of(OWN_PASSPHRASE))
        assert sealed is not None
        KeyStore.replace_seal(apart, sealed)
        shutil.move(apart, signer.keys)
        signer.start()
        yield signer
        signer.end(signal.SIGTERM)


@pytest.fixture
def keyless(folder: Path, signer: SignerProcess) -> Iterator[RunningService]:
    with keyless_over(folder, signer) as service:
        yield service


@contextmanager
def keyless_over(folder: Path, signer: SignerProcess, **settings: str) -> Iterator[RunningService]:
    """Console, stations' endpoint and housekeeping, with a socket in the place of keys."""
    service = RunningService(folder)
    service.extra = {
        "VOLTWARD_SIGNER_SOCKET": str(signer.socket),
        "VOLTWARD_SIGNER_WAIT": "PT1S",
        "VOLTWARD_DATABASE_URL": signer.database,
        **settings,
    }
    service.start()
    yield service
    service.stop()


def alarms(service: RunningService) -> list[dict[str, Any]]:
    return [one for one in service.get("alarms")["items"] if one["kind"] == "signer-unavailable"]


def seen(what: Callable[[], Any], within: float = 30) -> Any:
    """What `what()` gives, once it is anything."""
    end = time.monotonic() + within
    while not (found := what()):
        assert time.monotonic() < end, "not seen in time"
        time.sleep(0.2)
    return found


async def walking(service: RunningService, identity: str) -> AsyncIterator[str]:
    password = await asyncio.to_thread(register, service, identity, "2.0.1")
    async with station(service, identity, "2.0.1", password):
        yield (await asyncio.to_thread(service.post, "walks", {"station": identity, "to": 3}))["id"]


async def walked(service: RunningService, identity: str) -> None:
    async for walk in walking(service, identity):
        ended = await walk_until(service, walk, "done", "held")
        assert ended["state"] == "done", ended


async def test_a_station_is_walked_by_a_service_without_keys(keyless: RunningService, signer: SignerProcess) -> None:
    left = {path.stem.split("-")[0] for path in keyless.folder.rglob("*.key")}
    assert left <= {"ocsp", "server", "audit"}
    await walked(keyless, "KEYLESS-1")
    told = await asyncio.to_thread(keyless.get, "authority-keys")
    assert all(one["can_sign"] and "signer process" in one["where"] for one in told["items"])
    assert [line for line in read_log(signer.log) if line["verdict"] != "signed"] == []
    assert {"certificate", "list", "check"} <= {line.get("kind") for line in read_log(signer.log)}


async def test_what_a_killed_signer_could_not_sign_is_signed_when_it_is_back(
    keyless: RunningService, signer: SignerProcess
) -> None:
    signer.end(signal.SIGKILL)
    async for walk in walking(keyless, "WAITS-1"):
        (alarm,) = await asyncio.to_thread(seen, lambda: alarms(keyless))
        assert alarm["thing"] == "signer process"
        assert (await asyncio.to_thread(keyless.get, f"walks/{walk}"))["state"] == "running"
        root = await asyncio.to_thread(keyless.root_pem)
        assert root.startswith("-----BEGIN")  # what needs no key goes on
        signer.start()
        ended = await walk_until(keyless, walk, "done", "held")
        assert ended["state"] == "done", ended
    await asyncio.to_thread(seen, lambda: not alarms(keyless))
    verified = await asyncio.to_thread(keyless.cli, "audit", "verify", "--data", str(keyless.folder))
    assert verified.returncode == 0, verified.stderr


@needs_postgresql
async def test_the_signer_finds_what_was_reserved_in_postgresql_too(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running_postgres() as server:
        database = server.new_database("signer")
        made = voltward(
            "init", "--data", str(folder), "--organisation", "Signed Operator",
            env={"VOLTWARD_DATABASE_URL": database},
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        with signer_of(folder, user_who_may_only_read(database)) as signer:
            signer.database = database  # the service's
            with keyless_over(folder, signer) as service:
                await walked(service, "PG-KEYLESS-1")
            asked = [(line["do"], line["verdict"]) for line in read_log(signer.log)]
            assert ("sign", "signed") in asked
            assert {verdict for _, verdict in asked} == {"signed"}


def user_who_may_only_read(database: str) -> str:
    """The address of the same database for another user, as docs/operations.md has it for the signer."""
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE signer LOGIN"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO signer"))
    engine.dispose()
    return re.sub("//[^@]*@", "//signer@", database)


def test_the_signer_stops_on_sigterm_and_leaves_no_socket(signer: SignerProcess) -> None:
    assert signer.end(signal.SIGTERM) == 0
    assert not signer.socket.exists()
    assert "Traceback" not in signer.output.read_text()

"""Backup of a service at work, processes killed in the middle, and a time-stamping authority over HTTP."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from pki.store import Store
from tests.end_to_end.postgres import needs_postgresql, running_postgres
from tests.end_to_end.running_service import PASSPHRASE, RunningService, running, voltward
from tests.pki.requests import pem_request
from tests.pki.time_stamper import TimeStamper, time_stamper
from tests.tools_needed import needs_openssl

pytestmark = pytest.mark.end_to_end

WORDS = {"VOLTWARD_BACKUP_PASSPHRASE": "words for the backup"}


def issue(service: RunningService, client: httpx.Client, number: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    csr = pem_request(key, f"SN-{number}", "Test Operator")
    body = {"csr": csr, "profile": "station", "station": f"ST-{number}"}
    client.post("certificates", json=body).raise_for_status()


@contextmanager
def issuing(service: RunningService) -> Iterator[list[int]]:
    """Certificates are asked for all the time while the block lasts; the numbers of those that were issued."""
    done: list[int] = []
    stop = threading.Event()
    with service.api() as client:
        for number in range(60):
            client.post("stations", json={"id": f"ST-{number}", "serial": f"SN-{number}"}).raise_for_status()

        def work() -> None:
            while not stop.is_set() and len(done) < 60:
                issue(service, client, len(done))
                done.append(len(done))

        with ThreadPoolExecutor(1) as pool:
            running_work = pool.submit(work)
            try:
                yield done
            finally:
                stop.set()
                running_work.result()


def backup(service: RunningService, out: Path) -> subprocess.CompletedProcess[str]:
    service.api().close()  # makes the token that commands use
    return voltward("backup", "--out", str(out), env={**service.environment, **WORDS, **remote(service)})


def remote(service: RunningService) -> dict[str, str]:
    with service.api() as client:
        token = client.headers["Authorization"].removeprefix("Bearer ")
    return {"VOLTWARD_URL": service.url, "VOLTWARD_TOKEN": token}


def restore(file: Path, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return voltward("restore", str(file), "--data", str(folder), "--json", env={**WORDS, **env})


def test_a_service_at_work_is_backed_up_and_the_copy_proves_itself(service: RunningService, tmp_path: Path) -> None:
    out = tmp_path / "a.backup"
    with issuing(service) as done:
        while not done:
            time.sleep(0.05)
        before = len(done)
        made = backup(service, out)
        assert made.returncode == 0, made.stderr
        assert len(done) > before  # nobody was kept waiting
    ran = restore(out, tmp_path / "restored")
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["findings"] == []
    assert set(report["authorities"]) >= {"stations", "csms", "root", "manufacturer"}
    with running(tmp_path / "restored") as again:
        issued = again.get("certificates", limit=1000)["items"]
        assert len([one for one in issued if one["profile"] == "station"]) >= before
        assert again.get("audit/verify")["whole"] is True
        with again.api() as client:
            client.post("stations", json={"id": "ST-NEW", "serial": "SN-9999"})
            key = ec.generate_private_key(ec.SECP256R1())
            body = {"csr": pem_request(key, "SN-9999", "Test Operator"), "profile": "station", "station": "ST-NEW"}
            client.post("certificates", json=body).raise_for_status()


def killed_while(sight: Path, pattern: str, after: float, *arguments: str) -> int:
    """Run a command and kill it `after` seconds after a file of this pattern is seen; its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-m", "web.cli", *arguments],
        env={**os.environ, "VOLTWARD_PASSPHRASE": PASSPHRASE, **WORDS},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(sight.glob(pattern)):
        time.sleep(0.005)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait()


@pytest.mark.parametrize("after", [0.01, 1.0])
def test_a_killed_backup_leaves_no_file_of_its_name_and_no_harm(folder: Path, tmp_path: Path, after: float) -> None:
    out, second = tmp_path / "a.backup", tmp_path / "b.backup"
    code = killed_while(folder, ".backup-*", after, "backup", "--out", str(out), "--data", str(folder))
    assert out.exists() or code != 0
    if out.exists():  # it had come to its end, or to the very last step: then it is whole
        assert restore(out, tmp_path / "restored").returncode == 0
    made = voltward("backup", "--out", str(second), "--data", str(folder), env=WORDS)
    assert made.returncode == 0, made.stderr
    assert list(folder.glob(".backup-*")) == []
    assert voltward("audit", "verify", "--data", str(folder)).returncode == 0


@pytest.mark.parametrize("after", [0.01, 3.0])
def test_a_killed_restore_leaves_no_folder_of_its_name(folder: Path, tmp_path: Path, after: float) -> None:
    out, target = tmp_path / "a.backup", tmp_path / "restored"
    voltward("backup", "--out", str(out), "--data", str(folder), env=WORDS)
    killed_while(tmp_path, ".restored.*", after, "restore", str(out), "--data", str(target))
    if target.exists():  # it had come to its end, or to the very last step
        assert voltward("audit", "verify", "--data", str(target)).returncode == 0
    else:
        assert restore(out, target).returncode == 0


def refuse_changes(url: str) -> None:
    """The triggers came along."""
    store = Store(url.replace("postgresql://", "postgresql+psycopg://", 1))
    for statement in (
        "DELETE FROM audit_records",
        "UPDATE audit_records SET reason = 'x'",
        "TRUNCATE audit_records",
        "DELETE FROM audit_heads",
        "UPDATE audit_checkpoints SET statement = 'x'",
    ):
        with pytest.raises(DBAPIError, match="append-only"), store.writing() as session:
            session.execute(text(statement))
    store.close()


@needs_postgresql
def test_a_postgresql_database_is_backed_up_and_restored(tmp_path: Path) -> None:
    with running_postgres() as server:
        service = RunningService(tmp_path / "data")
        service.extra["VOLTWARD_DATABASE_URL"] = server.new_database("whole")
        init = ("init", "--data", str(service.folder), "--organisation", "Test Operator")
        assert voltward(*init, env=service.environment).returncode == 0
        service.start()
        try:
            with issuing(service) as done:
                while len(done) < 5:
                    time.sleep(0.05)
                service.post("audit/checkpoints", {})
                made = backup(service, tmp_path / "a.backup")
                assert made.returncode == 0, made.stderr
        finally:
            service.stop()
        refused = restore(tmp_path / "a.backup", tmp_path / "other", VOLTWARD_DATABASE_URL="")
        assert (refused.returncode, "names none" in refused.stderr) == (2, True)
        taken = restore(tmp_path / "a.backup", tmp_path / "other", **service.extra)
        assert (taken.returncode, "already" in taken.stderr) == (2, True)
        fresh = {"VOLTWARD_DATABASE_URL": server.new_database("restored")}
        ran = restore(tmp_path / "a.backup", tmp_path / "other", **fresh)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["checkpoints"] >= 1
        refuse_changes(fresh["VOLTWARD_DATABASE_URL"])
        again = RunningService(tmp_path / "other")
        again.extra.update(fresh)
        again.start()
        try:
            again.post("audit/checkpoints", {})
            assert again.get("audit/verify")["whole"] is True
            with again.api() as client:  # numbers go on after those that were loaded
                client.post("stations", json={"id": "ST-NEW", "serial": "SN-9999"}).raise_for_status()
        finally:
            again.stop()


# --- time stamps


@contextmanager
def stamping(authority: TimeStamper) -> Iterator[str]:
    """The authority behind HTTP, as RFC 3161 §3.4 has it; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            answer = authority.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()
            thread.join()


@needs_openssl
def test_a_checkpoint_is_stamped_over_http(folder: Path, tmp_path: Path) -> None:
    authority = time_stamper(tmp_path / "tsa")
    out, root = tmp_path / "trail.jsonl", tmp_path / "root.pem"
    with stamping(authority) as url:
        env = {"VOLTWARD_TSA_URL": url, "VOLTWARD_TSA_ROOTS": str(authority.root_file)}
        voltward("audit", "checkpoint", "--data", str(folder), env=env)
        verdict = json.loads(voltward("audit", "verify", "--data", str(folder), "--json", env=env).stdout)
    assert (verdict["whole"], verdict["stamps"]) == (True, 1)
    voltward("audit", "export", "--out", str(out), "--data", str(folder))
    voltward("ca", "export", "root", "--out", str(root), "--data", str(folder))
    ran = voltward(
        "audit", "verify", "--export", str(out), "--ca", str(root), "--tsa-ca", str(authority.root_file), "--json"
    )
    assert (ran.returncode, json.loads(ran.stdout)["stamps"]) == (0, 1)


def test_a_stamper_that_is_away_keeps_nobody_waiting(folder: Path, tmp_path: Path) -> None:
    authority = time_stamper(tmp_path / "tsa")
    env = {"VOLTWARD_TSA_URL": "http://127.0.0.1:9/tsa", "VOLTWARD_TSA_ROOTS": str(authority.root_file)}
    made = voltward("audit", "checkpoint", "--data", str(folder), "--json", env=env)
    assert (made.returncode, json.loads(made.stdout)["stamped"]) == (0, False)
    alarms = voltward("alarm", "list", "--data", str(folder), "--json", env=env)
    assert "checkpoint-not-stamped" in alarms.stdout

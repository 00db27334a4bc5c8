"""The console and the process around it: real HTTP, a real browser, real signals."""

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.browser import CHROMIUM, browser
from tests.end_to_end.running_service import PASSPHRASE, RunningService, voltward
from tests.tools_needed import needs_openssl

pytestmark = pytest.mark.end_to_end


@contextmanager
def signed_in(service: RunningService) -> Iterator[httpx.Client]:
    """A client that holds a fresh admin's session."""
    name = f"tester{time.monotonic_ns()}"
    added = service.cli("user", "add", name, "--role", "admin", "--data", str(service.folder), "--json")
    password = json.loads(added.stdout)["password"]
    with httpx.Client(base_url=service.url) as client:
        form = re.search(r'name="form_token" value="([^"]+)"', client.get("/login").text)
        assert form
        fields = {"user": name, "password": password, "form_token": form[1]}
        assert client.post("/login", data=fields).status_code == 303
        yield client


def test_a_port_in_use_is_one_clear_line(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = {"VOLTWARD_OCPP_HOST": "127.0.0.1", "VOLTWARD_OCPP_PORT": "0", "VOLTWARD_OCPP_TLS_PORT": "0"}
        for setting in ("VOLTWARD_WEB_PORT", "VOLTWARD_OCPP_PORT", "VOLTWARD_OCPP_TLS_PORT"):
            env = {"VOLTWARD_WEB_PORT": "0", "VOLTWARD_PUBLIC_URL": "http://127.0.0.1", **free, setting: str(port)}
            ran = voltward("serve", "--data", str(folder), env=env)
            assert ran.returncode == 1, ran.stderr
            assert f"error: port {port} is in use\nhint: " in ran.stderr
            assert setting in ran.stderr
            assert "Traceback" not in ran.stderr


def test_the_stream_tells_what_changes(shared_service: RunningService) -> None:
    with signed_in(shared_service) as client, client.stream("GET", "/api/v1/stream", timeout=20) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        shared_service.post("stations", {"id": "STREAM-1", "serial": "SN-STREAM-1"})
        name, things = first_event(lines)
    assert (name, things[0]["id"]) == ("stations", "STREAM-1")


def first_event(lines: Iterator[str]) -> tuple[str, list[dict[str, object]]]:
    """The first event, keep-alives skipped."""
    for line in lines:
        if line.startswith("event: "):
            return line.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))
    raise AssertionError("the stream ended")


def test_commands_reach_the_running_service(shared_service: RunningService) -> None:
    shared_service.api().close()
    added = shared_service.cli("station", "add", "CLI-1", "--serial", "SN-CLI-1", "--json")
    assert added.returncode == 0, added.stderr
    assert shared_service.get("stations/CLI-1")["serial"] == "SN-CLI-1"
    refused = shared_service.cli("station", "add", "CLI-1", "--serial", "SN-CLI-1")
    assert (refused.returncode, refused.stdout) == (2, "")


@needs_openssl
def test_openssl_checks_a_signature_that_the_command_line_wrote(shared_service: RunningService, tmp_path: Path) -> None:
    image, signature, certificate = (tmp_path / name for name in ("fw.bin", "fw.sig", "fw.pem"))
    image.write_bytes(b"image" * 10_000)
    names = ["--vendor", "Acme", "--model", "W1", "--version", "1"]
    out = ["--out-signature", str(signature), "--out-certificate", str(certificate)]
    shared_service.api().close()
    signed = shared_service.cli("firmware", "sign", str(image), *names, *out)
    assert signed.returncode == 0, signed.stderr
    key = tmp_path / "key.pem"
    key.write_bytes(openssl("x509", "-in", certificate, "-pubkey", "-noout"))
    told = openssl("dgst", "-sha256", "-verify", key, "-signature", signature, image)
    assert told.strip() == b"Verified OK"
    root = tmp_path / "root.pem"
    root.write_text(shared_service.root_pem("manufacturer"))
    assert openssl("verify", "-CAfile", root, certificate).strip().endswith(b"OK")


def openssl(*arguments: str | Path) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True).stdout


def test_stops_within_seconds_though_somebody_listens(folder: Path) -> None:
    service = RunningService(folder)
    service.start()
    listening = threading.Event()

    def listen() -> None:
        with signed_in(service) as client, client.stream("GET", "/api/v1/stream", timeout=30) as stream:
            listening.set()
            list(stream.iter_lines())

    listener = threading.Thread(target=listen)
    listener.start()
    assert listening.wait(20)
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 10
    listener.join(10)
    assert not listener.is_alive()
    log = service.log.read_text()
    assert "Traceback" not in log
    assert PASSPHRASE not in log


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
def test_pages_move_without_being_loaded_again(shared_service: RunningService, tmp_path: Path) -> None:
    with signed_in(shared_service) as client, browser(tmp_path / "profile") as page:
        page.set_cookie(shared_service.url, "voltward_session", client.cookies["voltward_session"])
        page.open(f"{shared_service.url}/stations")
        page.wait_for("document.querySelector('[data-live-state]').textContent.includes('Live')")
        page.run("window.notLoadedAgain = true")
        shared_service.post("stations", {"id": "LIVE-1", "serial": "SN-LIVE-1", "ocpp_version": "1.6"})
        page.wait_for("document.getElementById('stations').textContent.includes('LIVE-1')")
        page.open(f"{shared_service.url}/walks")
        page.wait_for("document.querySelector('[data-live-state]').textContent.includes('Live')")
        page.run("window.notLoadedAgain = true")
        walk = shared_service.post("walks", {"station": "LIVE-1", "to": 3})
        page.wait_for("document.getElementById('walks').textContent.includes('LIVE-1')")
        shared_service.post(f"walks/{walk['id']}/hold", {"reason": "seen in the browser"})
        page.wait_for("document.getElementById('walks').textContent.includes('seen in the browser')")
        assert page.run("window.notLoadedAgain") is True
        assert page.complaints == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")
def test_no_page_is_wider_than_a_phone(shared_service: RunningService, tmp_path: Path) -> None:
    shared_service.post("stations", {"id": "WIDE-" + "W" * 40, "serial": "S" * 64})
    with signed_in(shared_service) as client, browser(tmp_path / "profile") as page:
        page.set_cookie(shared_service.url, "voltward_session", client.cookies["voltward_session"])
        page.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
        for path in (
            "/",
            "/stations",
            "/stations/new",
            f"/stations/WIDE-{'W' * 40}",
            "/walks",
            "/certificates",
            "/audit",
        ):
            page.open(shared_service.url + path)
            assert page.run("document.documentElement.scrollWidth") <= 390, path
        assert page.complaints == []

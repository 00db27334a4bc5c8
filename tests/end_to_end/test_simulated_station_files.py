"""Simulated stations fetching firmware and delivering logs over real HTTP."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.csms_bridge.simulator.small_csms import SmallCsms
from tests.csms_bridge.simulator.throwaway_authority import ThrowawayAuthority, ec_key, pem
from tests.end_to_end.test_simulated_station import authority, csms, running

__all__ = ["authority", "csms"]

pytestmark = pytest.mark.end_to_end

IMAGE = b"firmware " * 1000


@dataclass
class FileServer:
    """Serves one image at every address and keeps what is PUT."""

    url: str = ""
    stored: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str | None] = field(default_factory=dict)


@pytest.fixture
def files() -> Iterator[FileServer]:
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(IMAGE)))
            self.end_headers()
            self.wfile.write(IMAGE)

        def do_PUT(self) -> None:
            state.headers[self.path] = self.headers.get("Authorization")
            state.stored[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def update(authority: ThrowawayAuthority, url: str, content: bytes = IMAGE) -> dict[str, Any]:
    key = ec_key()
    signer = authority.root.issue("Firmware signer", key.public_key())
    signature = base64.b64encode(key.sign(content, ec.ECDSA(hashes.SHA256()))).decode()
    firmware = {
        "location": f"{url}/image.bin",
        "retrieveDateTime": "2026-01-01T00:00:00Z",
        "signingCertificate": pem(signer),
        "signature": signature,
    }
    return {"requestId": 11, "firmware": firmware}


async def trust_manufacturer(csms: SmallCsms) -> None:
    root = {"certificateType": "ManufacturerRootCertificate", "certificate": csms.authority.root_pem}
    assert await csms.ask("InstallCertificate", root) == {"status": "Accepted"}


MESSAGES = {
    "1.6": ("SignedUpdateFirmware", "SignedFirmwareStatusNotification"),
    "2.0.1": ("UpdateFirmware", "FirmwareStatusNotification"),
}


@pytest.mark.parametrize("version", MESSAGES)
async def test_installs_signed_firmware(csms: SmallCsms, files: FileServer, version: Any) -> None:
    """OCTT TC_080, TC_L_01."""
    request, status = MESSAGES[version]
    async with running(csms, version=version) as station:
        await station.until(lambda it: it.registered)
        await trust_manufacturer(csms)
        assert await csms.ask(request, update(csms.authority, files.url)) == {"status": "Accepted"}
        await csms.until(lambda: "Installed" in [sent["status"] for sent in csms.payloads(status)])
        assert [sent["status"] for sent in csms.payloads(status)] == [
            "Downloading",
            "Downloaded",
            "SignatureVerified",
            "Installing",
            "InstallRebooting",
            "Installed",
        ]
        await csms.until(lambda: csms.actions().count("BootNotification") == 2)


async def test_reports_a_wrong_firmware_signature(csms: SmallCsms, files: FileServer) -> None:
    """OCTT TC_081."""
    async with running(csms) as station:
        await station.until(lambda it: it.registered)
        await trust_manufacturer(csms)
        wrong = update(csms.authority, files.url, b"something else")
        assert await csms.ask("SignedUpdateFirmware", wrong) == {"status": "Accepted"}
        await csms.until(
            lambda: (
                "InvalidFirmwareSignature" in [event["type"] for event in csms.payloads("SecurityEventNotification")]
            )
        )
        assert csms.payloads("SignedFirmwareStatusNotification")[-1]["status"] == "InvalidSignature"


async def test_refuses_a_signer_nobody_vouches_for(csms: SmallCsms, files: FileServer) -> None:
    async with running(csms) as station:
        await station.until(lambda it: it.registered)
        request = update(csms.authority, files.url)
        assert await csms.ask("SignedUpdateFirmware", request) == {"status": "InvalidCertificate"}


async def test_uploads_the_security_log_into_the_folder(csms: SmallCsms, files: FileServer) -> None:
    """OCTT TC_079; 2.1 TC_N_102 for the credentials in the address."""
    folder = files.url.replace("http://", "http://station:one-time@") + "/logs/"
    async with running(csms) as station:
        await station.until(lambda it: it.registered)
        await csms.until(lambda: "SecurityEventNotification" in csms.actions())
        request = {"logType": "SecurityLog", "requestId": 4, "log": {"remoteLocation": folder}}
        answer = await csms.ask("GetLog", request)
        await csms.until(lambda: "Uploaded" in [sent["status"] for sent in csms.payloads("LogStatusNotification")])
        stored = files.stored[f"/logs/{answer['filename']}"].decode()
        assert "StartupOfTheDevice" in stored
        assert files.headers[f"/logs/{answer['filename']}"] == (
            "Basic " + base64.b64encode(b"station:one-time").decode()
        )


async def test_log_without_a_server_fails(csms: SmallCsms, tmp_path: Path) -> None:
    async with running(csms) as station:
        await station.until(lambda it: it.registered)
        request = {"logType": "SecurityLog", "requestId": 4, "log": {"remoteLocation": "http://127.0.0.1:1/"}}
        await csms.ask("GetLog", request)
        await csms.until(lambda: "UploadFailure" in [sent["status"] for sent in csms.payloads("LogStatusNotification")])

"""Stations ask whether certificates of others are good: the real service, and responders honest and hostile."""

import asyncio
import base64
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from websockets.asyncio.client import ClientConnection, connect

from csms_bridge.status.subjects import Subject
from tests.csms_bridge.status.mobility import EMAID, a_world, hash_data, response, revocation_list
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import SUBPROTOCOL, Version, register
from tests.pki.others import certified

pytestmark = pytest.mark.end_to_end
PATIENCE = 1.0


@pytest.fixture(scope="module")
def service(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One that may call one loopback address, and everybody's token may charge."""
    service = RunningService(Path(shutil.copytree(template, tmp_path_factory.mktemp("status") / "data")))
    service.extra = {
        "VOLTWARD_STATUS_RESPONDERS": "127.0.0.1,public",
        "VOLTWARD_STATUS_TIMEOUT": f"PT{PATIENCE}S",
        "VOLTWARD_AUTHORIZE": "true",
        "VOLTWARD_PUBLIC_URL": f"http://127.0.0.1:{service.web_port}",
    }
    service.start()
    yield service
    service.stop()


class Talker:
    """A station's end of the line, in plain frames."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        self._last += 1
        await self._socket.send(json.dumps([2, str(self._last), action, payload]))
        while True:
            kind, number, *rest = json.loads(await self._socket.recv())
            if kind in (3, 4) and number == str(self._last):
                assert kind == 3, rest
                answer: dict[str, Any] = rest[0]
                return answer


@asynccontextmanager
async def talking(service: RunningService, identity: str, version: Version) -> AsyncIterator[Talker]:
    password = await asyncio.to_thread(register, service, identity, version)
    pair = base64.b64encode(f"{identity}:{password}".encode()).decode()
    url = f"ws://127.0.0.1:{service.ocpp_port}/ocpp/{identity}"
    headers = {"Authorization": f"Basic {pair}"}
    async with connect(url, additional_headers=headers, subprotocols=[SUBPROTOCOL[version]], proxy=None) as socket:  # type: ignore[list-item]
        talker = Talker(socket)
        about = {"vendorName": "Acme", "model": "Wallbox"}
        await talker.call("BootNotification", {"reason": "PowerUp", "chargingStation": about})
        yield talker


class MobilityResponder:
    """A mobility operator's responder on loopback; some of its addresses are out of the ordinary."""

    def __init__(self) -> None:
        self.revoked: set[int] = set()
        self.asked: list[str] = []

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.world = a_world(self.url())
        return server

    def url(self, path: str = "/ocsp", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            path = head.split(" ")[1]
            self.asked.append(path)
            await self._answer(path, await reader.readexactly(int(length[1]) if length else 0), writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the service hangs up on those that go too far
        finally:
            writer.close()

    async def _answer(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        match path:
            case "/redirect":
                writer.write(f"HTTP/1.1 302 Found\r\nLocation: {self.url()}\r\nContent-Length: 0\r\n\r\n".encode())
            case "/slow":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
                for _ in range(40):
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(PATIENCE / 10)
            case "/huge":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                for _ in range(64):
                    writer.write(b"x" * 65536)
                    await writer.drain()
            case "/list.crl":
                self._send(writer, revocation_list(self.world.lower, *self.revoked, at=_now()))
            case _:
                self._send(writer, self._response(path, body))

    def _send(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)

    def _response(self, path: str, body: bytes) -> bytes:
        world = self.world
        asked = ocsp.load_der_ocsp_request(body).serial_number
        if path == "/other":
            asked = world.lower.certificate.serial_number
        signer = certified("Stranger") if path == "/forged" else None
        for one, issuer in ((world.contract, world.lower), (world.lower, world.upper), (world.upper, world.root)):
            if one.certificate.serial_number == asked:
                return response(one.certificate, issuer, revoked=asked in self.revoked, at=_now(), signer=signer)
        return b"\x30\x03\x0a\x01\x06"  # unauthorized


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=5)


@asynccontextmanager
async def mobility_operator(service: RunningService) -> AsyncIterator[MobilityResponder]:
    """Its root is recorded for contracts, and the lower sub-CA, which signs its own responses."""
    responder = MobilityResponder()
    server = await responder.start()
    world = responder.world
    for name, one in (("mo-root", world.root), ("mo-upper", world.upper), ("mo-lower", world.lower)):
        body = {"name": name, "vendor": "MO", "use": "contracts", "certificate": one.pem}
        await asyncio.to_thread(service.post, "anchors", body)
    try:
        yield responder
    finally:
        server.close()
        await asyncio.to_thread(_forget_anchors, service)


def _forget_anchors(service: RunningService) -> None:
    with service.api() as api:
        for name in ("mo-root", "mo-upper", "mo-lower"):
            api.delete(f"anchors/{name}").raise_for_status()


def spelt(subject: Subject) -> dict[str, str]:
    told = hash_data(subject)
    return {
        "hashAlgorithm": told.algorithm,
        "issuerNameHash": told.issuer_name_hash,
        "issuerKeyHash": told.issuer_key_hash,
        "serialNumber": told.serial_number,
    }


def our_server(service: RunningService) -> Subject:
    """A certificate of the service's own, and who issued it."""
    listed = service.get("certificates", limit=1)["items"][0]
    leaf, issuer, *_ = x509.load_pem_x509_certificates(listed["chain_pem"].encode())
    return Subject.of(leaf, issuer)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_tc_m_24_certificate_status_by_our_own_responder(service: RunningService, version: Version) -> None:
    subject = await asyncio.to_thread(our_server, service)
    asked = {**spelt(subject), "responderURL": f"{service.url}/pki/ocsp"}
    async with talking(service, f"M24-{version}", version) as station:
        answer = await station.call("GetCertificateStatus", {"ocspRequestData": asked})
    assert answer["status"] == "Accepted", answer
    result = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
    assert result.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert result.serial_number == subject.serial


async def test_hostile_responders_and_addresses(service: RunningService) -> None:
    """Each is answered Failed, soon, and leads nowhere else (reference §7.8, 14)."""
    async with mobility_operator(service) as responder, talking(service, "HOSTILE", "2.0.1") as station:
        for path in ("/redirect", "/slow", "/huge", "/other"):
            answer = await _status(station, responder, responder.url(path))
            assert answer["status"] == "Failed", path
        assert "/ocsp" not in responder.asked  # the redirect's target
        for host in ("127.0.0.2", "localhost.", "[::1]", "10.0.0.1", "169.254.169.254", "0.0.0.0"):  # noqa: S104
            before = len(responder.asked)
            await _status(station, responder, responder.url("/elsewhere", host))
            assert "/elsewhere" not in responder.asked[before:] or host == "localhost."
        for url in ("ftp://127.0.0.1/", "http://user:pw@127.0.0.1/", "file:///etc/passwd", "x"):
            assert (await _status(station, responder, url))["status"] == "Failed"


async def test_tc_c_50_51_52_contracts(service: RunningService) -> None:
    async with mobility_operator(service) as responder, talking(service, "C50", "2.0.1") as station:
        told = [{**spelt(responder.world.subject), "responderURL": responder.url("/ocsp?c50")}]
        token = {"idToken": EMAID, "type": "eMAID"}
        good = await station.call("Authorize", {"idToken": token, "iso15118CertificateHashData": told})
        assert (good["certificateStatus"], good["idTokenInfo"]["status"]) == ("Accepted", "Accepted")
        whole = await station.call("Authorize", {"idToken": token, "certificate": responder.world.chain})
        assert (whole["certificateStatus"], whole["idTokenInfo"]["status"]) == ("Accepted", "Accepted")
        forged = [{**told[0], "responderURL": responder.url("/forged")}]
        bad = await station.call("Authorize", {"idToken": token, "iso15118CertificateHashData": forged})
        assert (bad["certificateStatus"], bad["idTokenInfo"]["status"]) == ("CertChainError", "Invalid")
        responder.revoked.add(responder.world.subject.serial)
        asked_anew = [{**told[0], "responderURL": responder.url("/ocsp?c51")}]
        revoked = await station.call("Authorize", {"idToken": token, "iso15118CertificateHashData": asked_anew})
        assert (revoked["certificateStatus"], revoked["idTokenInfo"]["status"]) == ("CertificateRevoked", "Invalid")


async def test_chain_status_of_2_1(service: RunningService) -> None:
    async with mobility_operator(service) as responder, talking(service, "M07", "2.1") as station:
        named = spelt(responder.world.subject)
        requests = [
            {"certificateHashData": named, "source": "OCSP", "urls": [responder.url("/redirect"), responder.url()]},
            {"certificateHashData": named, "source": "CRL", "urls": [responder.url("/list.crl")]},
            {"certificateHashData": named, "source": "OCSP", "urls": [responder.url("/forged")]},
        ]
        answer = await station.call("GetCertificateChainStatus", {"certificateStatusRequests": requests})
    assert [one["status"] for one in answer["certificateStatus"]] == ["Good", "Good", "Failed"]
    assert all(one["certificateHashData"] == named for one in answer["certificateStatus"])


async def test_no_contract_certificate_is_made_up(service: RunningService) -> None:
    """TC_M_26 and TC_M_28 need a contract certificate pool, which this product has not."""
    async with talking(service, "M26", "2.0.1") as station:
        asked = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "AAAA"}
        answer = await station.call("Get15118EVCertificate", asked)
    assert (answer["status"], answer["exiResponse"]) == ("Failed", "")
    assert "pool" in answer["statusInfo"]["additionalInfo"]


async def _status(station: Talker, responder: MobilityResponder, url: str) -> dict[str, Any]:
    asked = {**spelt(responder.world.subject), "responderURL": url}
    return await station.call("GetCertificateStatus", {"ocspRequestData": asked})

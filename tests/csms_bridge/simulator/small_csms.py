"""A CSMS for one test: one port for plain and TLS, told apart by the first byte; it accepts and records.

It shares no code with the service, so that the stations are not tested against their own misreadings.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.csms_bridge.simulator.throwaway_authority import ThrowawayAuthority

Json = dict[str, Any]
FOUR_SUITES = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-GCM-SHA384"
"""The suites every CSMS has to offer (A00.FR.317/.318)."""
TLS_HANDSHAKE = b"\x16"


@dataclass(frozen=True)
class Visit:
    """How a station arrived."""

    identity: str
    profile: int
    user: str | None
    password: bytes | None
    client_serial: str | None
    tls_version: str | None


class SmallCsms:
    """Use as `async with`; then `url`, `visits`, `received`, `ask`."""

    def __init__(self, authority: ThrowawayAuthority, folder: Path, *, rsa_key: bool = False) -> None:
        self.authority = authority
        self.visits: list[Visit] = []
        self.received: list[tuple[str, Json]] = []
        self.admits: Callable[[Visit], HTTPStatus | None] = lambda _: None
        self.boot_answers: list[str] = []
        self.signs = True
        self.chain_for = authority.chain_for
        self._tls = self._context(folder, rsa_key)
        self._session: ServerConnection | None = None
        self._answers: dict[str, asyncio.Future[list[Any]]] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def _context(self, folder: Path, rsa_key: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(FOUR_SUITES)
        context.load_cert_chain(self.authority.write_server_files(folder, rsa_key=rsa_key))
        context.load_verify_locations(self.authority.write_root(folder))
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    async def __aenter__(self) -> SmallCsms:
        protocols = [Subprotocol(name) for name in ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")]
        options = {"subprotocols": protocols, "process_request": self._admit, "compression": None}
        self._plain = await serve(self._talk, "127.0.0.1", 0, **options)
        self._secure = await serve(self._talk, "127.0.0.1", 0, ssl=self._tls, **options)
        self._front = await asyncio.start_server(self._sort, "127.0.0.1", 0)
        self.port = self._front.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._front.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in (self._plain, self._secure):
            server.close()
            await server.wait_closed()

    def url(self, scheme: str = "ws") -> str:
        return f"{scheme}://localhost:{self.port}/ocpp"

    async def _sort(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand the connection to the plain or the TLS server by its first byte."""
        first = await reader.read(1)
        server = self._secure if first == TLS_HANDSHAKE else self._plain
        port = next(iter(server.sockets)).getsockname()[1]
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        inner_writer.write(first)
        ways = [_pump(reader, inner_writer), _pump(inner_reader, writer)]
        for way in ways:
            task = asyncio.create_task(way)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        visit = _visit(connection, request)
        status = self.admits(visit)
        if status is not None:
            return connection.respond(status, "refused\n")
        self.visits.append(visit)
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        self._session = connection
        self._notify()
        with suppress(ConnectionClosed):
            async for text in connection:
                await self._take(connection, json.loads(text))
        if self._session is connection:
            self._session = None
        self._notify()

    async def _take(self, connection: ServerConnection, message: list[Any]) -> None:
        if message[0] != 2:
            self._answers.pop(message[1]).set_result(message)
            return
        _, number, action, payload = message
        self.received.append((action, payload))
        await connection.send(json.dumps([3, number, self._answer(action, payload)]))
        self._notify()
        if action == "SignCertificate" and self.signs:
            task = asyncio.create_task(self._deliver(payload))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _answer(self, action: str, payload: Json) -> Json:
        if action == "BootNotification":
            status = self.boot_answers.pop(0) if self.boot_answers else "Accepted"
            return {"status": status, "currentTime": "2026-01-01T00:00:00Z", "interval": 0}
        if action == "StartTransaction":
            return {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}
        fixed: dict[str, Json] = {
            "SignCertificate": {"status": "Accepted"},
            "Heartbeat": {"currentTime": "2026-01-01T00:00:00Z"},
        }
        return fixed.get(action, {})

    async def _deliver(self, payload: Json) -> None:
        more = {"requestId": payload["requestId"]} if "requestId" in payload else {}
        with suppress(ConnectionClosed, TimeoutError):
            await self.ask("CertificateSigned", {"certificateChain": self.chain_for(payload["csr"]), **more})

    async def ask(self, action: str, payload: Json, within: float = 5.0) -> Json:
        """Send a CALL to the station that is connected, waiting for one; gives the CALLRESULT's payload."""
        await self.until(lambda: self._session is not None)
        assert self._session
        number = str(uuid.uuid4())
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._session.send(json.dumps([2, number, action, payload]))
        message = await asyncio.wait_for(answer, within)
        if message[0] == 4:
            raise CommandError(message[2])
        result: Json = message[2]
        return result

    async def send(self, text: str) -> None:
        """Send any text to the station that is connected."""
        assert self._session
        await self._session.send(text)

    async def until(self, predicate: Callable[[], bool], within: float = 5.0) -> None:
        async with asyncio.timeout(within):
            while not predicate():
                await self._changed.wait()

    def actions(self) -> list[str]:
        return [action for action, _ in self.received]

    def payloads(self, action: str) -> list[Json]:
        return [payload for name, payload in self.received if name == action]

    async def drop(self) -> None:
        """Break the station's connection."""
        assert self._session
        self._session.transport.abort()

    def _notify(self) -> None:
        self._changed.set()
        self._changed.clear()


class CommandError(Exception):
    """The station answered with CALLERROR; the argument is its code."""


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()


def _visit(connection: ServerConnection, request: Request) -> Visit:
    tls: ssl.SSLObject | None = connection.transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert() if tls else None
    serial = str(certificate["serialNumber"]).lower() if certificate else None
    user, password = None, None
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        name, _, password = base64.b64decode(header[6:]).partition(b":")
        user = name.decode()
    profile = (3 if serial else 2) if tls else (1 if user is not None else 0)
    identity = request.path.rpartition("/")[2]
    return Visit(identity, profile, user, password, serial, tls.version() if tls else None)

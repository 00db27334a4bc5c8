"""A tester's station: says what its script says, hears what it expects, and nothing else.

It plays the certification tool's part, rigidly. Every message of the CSMS must fit its schema; one that the script did
not wait for fails the case.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from csms_bridge.station import OcppVersion
from tests.csms_bridge.dialects.schemas import faults

Version = Literal["1.6", "2.0.1", "2.1"]
Payload = dict[str, Any]
SUBPROTOCOL = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}
PATIENCE = 15.0
"""Seconds that either side may take, on a busy machine; nothing waits for them to pass."""


def now() -> str:
    """The station's clock."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Heard:
    """A CALL of the CSMS, to be answered."""

    tester: "Tester"
    id: str
    action: str
    payload: Payload

    async def answer(self, **payload: Any) -> None:
        """Answer it. The answer is the script's, and must fit its schema as well."""
        assert faults(OcppVersion(self.tester.version), self.action, "Response", payload) == []
        await self.tester.socket.send(json.dumps([3, self.id, payload]))

    async def refuse(self, code: str) -> None:
        """Answer it with a CALLERROR."""
        await self.tester.socket.send(json.dumps([4, self.id, code, "", {}]))


class Tester:
    """One open connection."""

    __test__ = False  # its name begins like a test's

    def __init__(self, socket: ClientConnection, identity: str, version: Version) -> None:
        self.socket = socket
        self.identity = identity
        self.version: Version = version
        self._calls: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._answers: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._said = 0
        self.faults: list[str] = []

    async def read(self) -> None:
        """Sort what comes until the line closes."""
        try:
            async for message in self.socket:
                kind, id_, *rest = json.loads(message)
                if kind == 2:
                    self._calls.put_nowait(self._heard(id_, *rest))
                else:
                    self._answers.put_nowait([kind, id_, *rest])
        except ConnectionClosed:
            pass
        self._calls.put_nowait(None)

    def _heard(self, id_: str, action: str, payload: Payload) -> Heard:
        wrong = faults(OcppVersion(self.version), action, "Request", payload)
        self.faults += [f"{action}: {one}" for one in wrong]
        return Heard(self, id_, action, payload)

    async def say(self, action: str, **payload: Any) -> Payload:
        """Send a CALL; the CSMS must answer it, by the schema."""
        kind, rest = await self._exchange(action, payload)
        assert kind == 3, f"{action} was answered by {rest}"
        wrong = faults(OcppVersion(self.version), action, "Response", rest[0])
        assert wrong == [], wrong
        answered: Payload = rest[0]
        return answered

    async def refused(self, action: str, **payload: Any) -> str:
        """Send a CALL that must be turned down; the CALLERROR's code."""
        kind, rest = await self._exchange(action, payload)
        assert kind == 4, f"{action} was answered by {rest}"
        return str(rest[0])

    async def _exchange(self, action: str, payload: Payload) -> tuple[int, list[Any]]:
        self._said += 1
        id_ = f"{self.identity}-{self._said}"[-36:]
        await self.socket.send(json.dumps([2, id_, action, payload]))
        async with asyncio.timeout(PATIENCE):
            kind, answered, *rest = await self._answers.get()
        assert answered == id_
        return kind, rest

    async def frame(self, text: str) -> list[Any]:
        """Send any text; the frame that answers it."""
        await self.socket.send(text)
        async with asyncio.timeout(PATIENCE):
            return await self._answers.get()

    async def hear(self, action: str) -> Heard:
        """The next CALL of the CSMS, which must be this one."""
        async with asyncio.timeout(PATIENCE):
            heard = await self._calls.get()
        assert heard is not None, f"the line closed before {action} came"
        assert heard.action == action, f"{heard.action} came where {action} was expected: {heard.payload}"
        return heard

    async def closed(self) -> None:
        """The CSMS must close the line, without a word."""
        async with asyncio.timeout(PATIENCE):
            assert await self._calls.get() is None

    async def boot(self, reason: str = "PowerUp", status: str = "Accepted") -> Payload:
        """BootNotification, as this station."""
        answer = await self.say("BootNotification", **self.about(reason))
        assert answer["status"] == status, answer
        return answer

    def about(self, reason: str = "PowerUp", serial: str | None = None) -> Payload:
        """What this station says of itself."""
        serial = serial or f"SN-{self.identity}"
        if self.version == "1.6":
            return {"chargePointVendor": "Tester", "chargePointModel": "Rigid", "chargePointSerialNumber": serial}
        station = {"vendorName": "Tester", "model": "Rigid", "serialNumber": serial}
        return {"reason": reason, "chargingStation": station}

    def left_over(self) -> list[str]:
        """What came and was not waited for, and what broke its schema."""
        unasked = []
        while not self._calls.empty():
            if (heard := self._calls.get_nowait()) is not None:
                unasked.append(f"{heard.action} came unasked")
        return unasked + self.faults


@asynccontextmanager
async def on_line(
    port: int, identity: str, version: Version, *, password: str | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Tester]:
    """Connected for the length of the block, which must leave nothing unheard."""
    headers = {}
    if password is not None:
        pair = base64.b64encode(f"{identity}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    url = f"{'wss' if tls else 'ws'}://localhost:{port}/ocpp/{identity}"
    protocols: Any = [SUBPROTOCOL[version]]
    async with connect(url, ssl=tls, additional_headers=headers, subprotocols=protocols, proxy=None) as socket:
        tester = Tester(socket, identity, version)
        reading = asyncio.create_task(tester.read())
        try:
            yield tester
        finally:
            await socket.close()
            await reading
        assert tester.left_over() == []

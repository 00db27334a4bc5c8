"""Simulated stations dialling a running service, for the length of a block."""

import asyncio
import base64
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from csms_bridge.simulator.certificates import Credential
from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.station import SimulatedStation
from tests.end_to_end.running_service import RunningService

Version = Literal["1.6", "2.0.1", "2.1"]
SUBPROTOCOL = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}


def register(service: RunningService, station: str, version: str | None, profile: int = 1, **more: Any) -> str | None:
    """Put a station on record; the password that was made for it."""
    body = {"id": station, "serial": f"SN-{station}", "ocpp_version": version, "profile": profile, **more}
    password: str | None = service.post("stations", body)["password"]
    return password


@asynccontextmanager
async def station(
    service: RunningService, identity: str, version: Version, password: str | None, *faults: Fault, **more: Any
) -> AsyncIterator[SimulatedStation]:
    """A station that dials, serves and dials again."""
    credential: Credential | None = more.pop("credential", None)
    tls = more.get("profile", 1) >= 2
    port = more.pop("port", service.ocpp_port)
    config = StationConfig(
        identity=identity,
        serial=f"SN-{identity}",
        url=f"{'wss' if tls else 'ws'}://localhost:{port}/ocpp",
        version=version,
        password=password.encode() if password else None,
        faults=frozenset(faults),
        back_off=0.2,
        **more,
    )
    simulated = SimulatedStation(config)
    if credential is not None:
        simulated.memory.credentials = (credential,)
    running = asyncio.create_task(simulated.run())
    try:
        yield simulated
    finally:
        await simulated.stop()
        await running


async def known_by_name(service: RunningService, identity: str) -> None:
    """Wait until the station has said what it is: the quirk book goes by that."""
    for _ in range(300):
        if (await asyncio.to_thread(service.get, f"stations/{identity}"))["vendor"]:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(identity)


async def walk_until(service: RunningService, walk: str, *states: str, within: float = 90) -> dict[str, Any]:
    """The walk once it is in one of these states."""
    async with asyncio.timeout(within):
        while True:
            seen: dict[str, Any] = await asyncio.to_thread(service.get, f"walks/{walk}")
            if seen["state"] in states:
                return seen
            await asyncio.sleep(0.2)


async def knock(
    service: RunningService,
    identity: str,
    *,
    password: str | bytes | None = None,
    user: str | None = None,
    tls: ssl.SSLContext | None = None,
    port: int | None = None,
    subprotocols: tuple[str, ...] = ("ocpp1.6",),
    headers: dict[str, str] | None = None,
) -> int:
    """The HTTP status of one upgrade request: 101, or why not."""
    sent = dict(headers or {})
    if password is not None:
        raw = password.encode() if isinstance(password, str) else password
        pair = (user if user is not None else identity).encode() + b":" + raw
        sent["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    url = f"{'wss' if tls else 'ws'}://localhost:{port or service.ocpp_port}/ocpp/{identity}"
    try:
        async with connect(url, ssl=tls, additional_headers=sent, subprotocols=list(subprotocols) or None, proxy=None):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def trusting(root: str) -> ssl.SSLContext:
    """A client's context that trusts this root alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root)
    return context


class Wire:
    """One OCPP-J connection by hand: what it is sent is seen as it is."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._numbers = itertools.count(1)
        self._passed_over: list[list[Any]] = []

    async def send(self, action: str, payload: dict[str, Any]) -> str:
        """Send a CALL; its message id."""
        number = f"m{next(self._numbers)}"
        await self.socket.send(json.dumps([2, number, action, payload]))
        return number

    async def ask(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | str:
        """A CALL's answer: the payload of a CALLRESULT, or the code of a CALLERROR. CALLs that come meanwhile wait."""
        number = await self.send(action, payload)
        frame = await self.until(lambda one: one[0] in (3, 4) and one[1] == number)
        answer: dict[str, Any] | str = frame[2]
        return answer

    async def called(self, action: str, answer: dict[str, Any] | str, within: float = 15) -> dict[str, Any]:
        """The payload of the next CALL of this action, answered so: text is a CALLERROR's code."""
        frame = await self.until(lambda one: one[0] == 2 and one[2] == action, within)
        await self.send_answer(frame[1], answer)
        payload: dict[str, Any] = frame[3]
        return payload

    async def send_answer(self, number: str, answer: dict[str, Any] | str) -> None:
        """Answer the CALL with this message id: text is a CALLERROR's code."""
        reply = [4, number, answer, "", {}] if isinstance(answer, str) else [3, number, answer]
        await self.socket.send(json.dumps(reply))

    async def until(self, fits: Callable[[list[Any]], bool], within: float = 15) -> list[Any]:
        """The next frame that fits; others are kept for whoever waits for them."""
        for kept in self._passed_over:
            if fits(kept):
                self._passed_over.remove(kept)
                return kept
        async with asyncio.timeout(within):
            while True:
                frame: list[Any] = json.loads(await self.socket.recv())
                if fits(frame):
                    return frame
                self._passed_over.append(frame)


@asynccontextmanager
async def wire(
    service: RunningService,
    identity: str,
    version: Version,
    *,
    password: str | None = None,
    tls: ssl.SSLContext | None = None,
    source: str = "127.0.0.1",
) -> AsyncIterator[Wire]:
    """An open connection by hand, from this address. Raises InvalidStatus when it is refused."""
    sent = {}
    if password is not None:
        sent["Authorization"] = "Basic " + base64.b64encode(f"{identity}:{password}".encode()).decode()
    url = f"{'wss' if tls else 'ws'}://localhost:{service.ocpp_port}/ocpp/{identity}"
    offered: list[Any] = [SUBPROTOCOL[version]]
    how: dict[str, Any] = {"ssl": tls, "additional_headers": sent, "subprotocols": offered, "proxy": None}
    async with connect(url, local_addr=(source, 0), **how) as socket:
        yield Wire(socket)

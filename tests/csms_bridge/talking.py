"""The service's side of a station's line, without a socket: what the station sends is put in, what it gets is kept."""

import asyncio
import json
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosedOK

from csms_bridge.admission import Admitted
from csms_bridge.fleet import Fleet
from csms_bridge.judging import Welcome
from csms_bridge.service import Bridge
from csms_bridge.settings import BridgeSettings
from tests.csms_bridge.room import PASSWORD_KEY, TLS_LINE, SigningRoom


def open_fleet(room: SigningRoom, folder: Path, node: str = "this-node", **settings: Any) -> Fleet:
    """The whole OCPP side on the room's database."""
    return Fleet(
        room.store, room.trail, room.authority, BridgeSettings(**settings),
        password_key=PASSWORD_KEY, order_key=PASSWORD_KEY,
        organisation="Acme Charging", hostname="csms.example", public_url="https://csms.example",
        log_folder=folder / "logs", node=node, clock=room.clock,
    )  # fmt: skip


class Socket:
    """What `websockets` gives us of a line."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closed: str | None = None
        self._incoming: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(self, *frame: Any) -> None:
        """The station sends a frame."""
        self._incoming.put_nowait(json.dumps(frame))

    def hang_up(self) -> None:
        """The station goes away."""
        self.closed = self.closed or "the station hung up"
        self._incoming.put_nowait(None)

    @property
    def asked(self) -> list[str]:
        """The actions that the station was sent."""
        return [frame[2] for frame in self.sent if frame[0] == 2]

    async def send(self, text: str) -> None:
        if self.closed is not None:
            raise ConnectionClosedOK(None, None)
        self.sent.append(json.loads(text))

    async def close(self, _code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = reason
            self.hang_up()

    def __aiter__(self) -> "Socket":
        return self

    async def __anext__(self) -> str:
        message = await self._incoming.get()
        if message is None or self.closed is not None:
            raise StopAsyncIteration
        return message


def serve(bridge: Bridge, station: str, serial: str, admitted: Admitted) -> tuple[Socket, asyncio.Task[None]]:
    """Let a station in that has been admitted so."""
    socket = Socket()
    welcome = Welcome(station, serial, admitted, None, TLS_LINE)
    return socket, asyncio.create_task(bridge._serve(socket, welcome))  # type: ignore[arg-type]


async def until(fits: Any, patience: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(patience):
        while not fits():  # noqa: ASYNC110 -- nothing tells when it becomes so
            await asyncio.sleep(0.005)

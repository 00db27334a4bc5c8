"""Stations that behave: they connect, boot, and send a heartbeat every second, and tell how long each answer took."""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

BOOT = {"chargePointVendor": "Volt Motors", "chargePointModel": "AC22"}


@dataclass
class Noticed:
    """What all of them noticed. `waits`: seconds that each answer took."""

    waits: list[float] = field(default_factory=list)
    connected: int = 0
    lost: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)

    def quantile(self, part: float) -> float:
        """Seconds within which so large a part was answered."""
        return sorted(self.waits)[min(len(self.waits) - 1, int(part * len(self.waits)))]


@dataclass(frozen=True)
class GoodStation:
    """One of them; with `tls` it comes over TLS."""

    identity: str
    password: str
    port: int
    tls: ssl.SSLContext | None

    async def live(self, noticed: Noticed, within: float, gone: asyncio.Event) -> None:
        """Connect once, and stay until `gone`. A line that ends before, or an answer that is late, is written down."""
        pair = base64.b64encode(f"{self.identity}:{self.password}".encode()).decode()
        url = f"{'wss' if self.tls else 'ws'}://localhost:{self.port}/ocpp/{self.identity}"
        headers = {"Authorization": f"Basic {pair}"}
        async with connect(
            url, ssl=self.tls, additional_headers=headers, subprotocols=["ocpp1.6"], proxy=None, open_timeout=60
        ) as line:  # type: ignore[arg-type]
            noticed.connected += 1
            try:
                await self._talk(line, noticed, within, gone)
            except ConnectionClosed as end:
                noticed.lost.append(f"{self.identity}: {end}")

    async def _talk(self, line: ClientConnection, noticed: Noticed, within: float, gone: asyncio.Event) -> None:
        await self._ask(line, 0, "BootNotification", BOOT, 60)
        number = 0
        while not gone.is_set():
            number += 1
            begun = time.monotonic()
            try:
                await self._ask(line, number, "Heartbeat", {}, within)
            except TimeoutError:
                noticed.unanswered.append(f"{self.identity}: heartbeat {number}")
                return
            noticed.waits.append(time.monotonic() - begun)
            await asyncio.sleep(1)

    async def _ask(
        self, line: ClientConnection, number: int, action: str, payload: dict[str, str], within: float
    ) -> None:
        await line.send(json.dumps([2, str(number), action, payload]))
        async with asyncio.timeout(within):
            while True:
                kind, id_, *rest = json.loads(await line.recv())
                if kind == 2:  # what the CSMS asks of us: not now
                    await line.send(json.dumps([4, id_, "NotSupported", "", {}]))
                elif id_ == str(number):
                    assert kind == 3, rest
                    return


async def lives(
    stations: Sequence[GoodStation], noticed: Noticed, within: float, gone: asyncio.Event, a_second: float = 40
) -> None:
    """All of them, coming one after the other."""
    async with asyncio.TaskGroup() as group:
        for station in stations:
            group.create_task(station.live(noticed, within, gone))
            await asyncio.sleep(1 / a_second)

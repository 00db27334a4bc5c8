"""Station configurations, and a body without sockets for the version-specific parts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.events import StationEvent
from csms_bridge.simulator.memory import open_memory

PASSWORD = b"sixteen-or-more!"
Json = dict[str, Any]


def a_config(*faults: Fault, **changes: Any) -> StationConfig:
    values: Json = {
        "identity": "CS-001",
        "serial": "SN-001",
        "url": "ws://localhost:8887/ocpp",
        "password": PASSWORD,
        "organisation": "Example CPO",
        "faults": frozenset(faults),
    }
    return StationConfig(**{**values, **changes})


class DeskBody:
    """A `Body` that records what it is asked; nothing is sent anywhere."""

    def __init__(self, config: StationConfig) -> None:
        self.config = config
        self.memory = open_memory(config)
        self.boot_reason: str | None = None
        self.transaction: str | None = None
        self.client_serial: str | None = None
        self.events: list[StationEvent] = []
        self.reports: list[tuple[str, str]] = []
        self.calls: list[tuple[str, Json]] = []
        self.redials: list[float | None] = []
        self.reboots: list[tuple[str, float | None]] = []
        self.answers: dict[str, Json] = {"SignCertificate": {"status": "Accepted"}}

    def emit(self, event: StationEvent) -> None:
        self.events.append(event)

    def report(self, kind: str, info: str = "") -> None:
        self.reports.append((kind, info))

    async def send_reports(self) -> None:
        return None

    async def call(self, action: str, payload: Json) -> Json:
        self.calls.append((action, payload))
        return self.answers.get(action, {})

    def run_soon(self, work: Coroutine[Any, Any, None]) -> None:
        work.close()

    def run_long(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(work)

    async def redial(self, pause: float | None = None) -> None:
        self.redials.append(pause)

    async def reboot(self, reason: str, pause: float | None = None) -> None:
        self.reboots.append((reason, pause))

"""What the version-specific parts of a station may ask of its body: memory, connection, tasks, observers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from csms_bridge.simulator.config import StationConfig
from csms_bridge.simulator.events import StationEvent
from csms_bridge.simulator.memory import Memory
from csms_bridge.simulator.wire import JsonObject


class Body(Protocol):
    """The station without its OCPP version. `SimulatedStation` is one."""

    boot_reason: str | None
    """Why the next connection begins with a BootNotification; None when it does not."""
    transaction: str | None

    @property
    def client_serial(self) -> str | None:
        """Serial number of the certificate presented last, lower-case hex."""

    @property
    def config(self) -> StationConfig: ...

    @property
    def memory(self) -> Memory: ...

    def emit(self, event: StationEvent) -> None:
        """Tell the observers."""

    def report(self, kind: str, info: str = "") -> None:
        """Queue a security event (2.x name); it is sent as soon as there is a connection (A04.FR.02)."""

    async def send_reports(self) -> None:
        """Send queued security events, now and as they come, until cancelled."""

    async def call(self, action: str, payload: JsonObject) -> JsonObject:
        """Send a CALL. Raises CallFailed or ConnectionLost."""

    def take_firmware(self, version: str, ocpp: str | None) -> None:
        """Run this firmware from the next start on; `ocpp`: it speaks this version, None: as before."""

    def run_soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the connection; cancelled when the connection ends."""

    def run_long(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run until done or until the station stops, over reconnects."""

    async def redial(self, pause: float | None = None) -> None:
        """Close the connection and dial again after `pause` seconds (None: the configured back-off)."""

    async def reboot(self, reason: str, pause: float | None = None) -> None:
        """Close, start again after `pause` seconds and greet with BootNotification(reason)."""

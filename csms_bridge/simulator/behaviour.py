"""What a station does in every OCPP version: greet, stay alive, answer. The versions fill in the words."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from csms_bridge.simulator.body import Body
from csms_bridge.simulator.certificate_desk import CertificateDesk
from csms_bridge.simulator.config import Fault, StationConfig
from csms_bridge.simulator.events import Booted
from csms_bridge.simulator.log_desk import LogDesk
from csms_bridge.simulator.slots import TLS_PROFILE
from csms_bridge.simulator.wire import Answer, CallFailed, CommandRefused, JsonObject

Handler = Callable[[JsonObject], Answer]

USUAL_HEARTBEAT = 300.0
LONGEST_BOOT_SERIAL = 25
"""Characters of the serial number in a BootNotification; the field is optional (reference §8.2)."""


class Behaviour(ABC):
    """One OCPP version as its stations speak it."""

    certificates: CertificateDesk
    logs: LogDesk

    def __init__(self, body: Body) -> None:
        self.body = body
        self.registration = "Unknown"
        self.interval = USUAL_HEARTBEAT

    @abstractmethod
    def handlers(self) -> dict[str, Handler]:
        """Give the actions this station knows."""

    @abstractmethod
    def boot_payload(self, reason: str) -> JsonObject:
        """Give the BootNotification payload."""

    def named_serial(self, field: str) -> JsonObject:
        """Give the serial number under its field name, or nothing when the field is too short for it."""
        serial = self.body.config.serial
        return {field: serial} if len(serial) <= LONGEST_BOOT_SERIAL else {}

    @abstractmethod
    async def send_status(self) -> None:
        """Send StatusNotification for every connector."""

    @abstractmethod
    def event_name(self, kind: str) -> str:
        """Spell a security event, given in the 2.x name, for this version."""

    @abstractmethod
    async def start_transaction(self, token: str) -> None:
        """Begin to charge."""

    @abstractmethod
    async def stop_transaction(self, reason: str = "Local") -> None:
        """End the transaction if there is one."""

    @abstractmethod
    def allowed(self, action: str) -> bool:
        """Tell whether the station carries this action out in its present registration state."""

    def answer(self, action: str, payload: JsonObject) -> Answer:
        """Carry a command out. Raises CommandRefused."""
        handler = self.handlers().get(action)
        if handler is None:
            raise CommandRefused("NotImplemented")
        if not self.allowed(action):
            raise CommandRefused("SecurityError", f"registration status is {self.registration}")
        return handler(payload)

    async def session(self) -> None:
        """Run one connection from its greeting on, until it is cancelled."""
        booted = self.body.boot_reason
        if booted is not None:
            await self._boot_until_accepted(booted)
            self.body.boot_reason = None
            with suppress(CallFailed):
                await self.send_status()
            if self.body.config.has(Fault.ASKS_AT_BOOT) and booted != "PowerUp":
                self.body.run_soon(self._ask_unless_certified())
            self.body.report("StartupOfTheDevice" if booted == "PowerUp" else "ResetOrReboot", booted)
        self.body.run_soon(self.body.send_reports())
        self.body.run_soon(self.certificates.watch_expiry())
        if self.body.config.has(Fault.ASKS_BY_ITSELF):
            self.body.run_soon(self._ask_unless_certified())
        await self._heartbeats()

    async def _ask_unless_certified(self) -> None:
        """Ask for a certificate on TLS, a while after the connection (`Fault.ASKS_BY_ITSELF`, `ASKS_AT_BOOT`)."""
        await asyncio.sleep(self.body.config.back_off * 10)
        memory = self.body.memory
        if memory.profile == TLS_PROFILE and not memory.credentials and not self.certificates.waiting:
            await self.certificates.request()

    @property
    def knows_no_trigger(self) -> bool:
        """Tell whether a certificate request cannot be triggered."""
        return self.body.config.has(Fault.ASKS_BY_ITSELF) or self.body.config.has(Fault.ASKS_AT_BOOT)

    async def boot(self, reason: str) -> float:
        """Send one BootNotification; returns the interval given, in seconds (0: the station's choice)."""
        try:
            answer = await self.body.call("BootNotification", self.boot_payload(reason))
        except CallFailed:
            self.registration = "Rejected"
            return 0.0
        self.registration = answer["status"]
        self.body.emit(Booted(self.body.config.identity, self.registration, reason))
        return float(answer["interval"])

    async def _boot_until_accepted(self, reason: str) -> None:
        """Repeat at the interval the CSMS gives while it says Pending or Rejected (B02, B03)."""
        while True:
            interval = await self.boot(reason)
            if self.registration == "Accepted":
                self.interval = interval or USUAL_HEARTBEAT
                return
            await asyncio.sleep(interval or self.body.config.back_off * 10)

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self.body.config.heartbeat or self.interval)
            await self.heartbeat()

    async def heartbeat(self) -> None:
        """Send one Heartbeat; a CALLERROR for it changes nothing."""
        with suppress(CallFailed):
            await self.body.call("Heartbeat", {})


SLOW_BY = timedelta(hours=3)
"""The clock under `Fault.SLOW_CLOCK`."""


def timestamp(config: StationConfig) -> str:
    """Spell now, by the station's own clock, as OCPP does: RFC 3339, UTC, whole milliseconds."""
    now = datetime.now(UTC) - (SLOW_BY if config.has(Fault.SLOW_CLOCK) else timedelta())
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

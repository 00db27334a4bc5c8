"""One simulated station: connects, serves, connects again, and tells its observers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from csms_bridge.simulator.behaviour import Behaviour, timestamp
from csms_bridge.simulator.behaviour_2x import Behaviour2x
from csms_bridge.simulator.behaviour_16 import Behaviour16
from csms_bridge.simulator.config import VERSIONS, Fault, StationConfig
from csms_bridge.simulator.dial import close, hang_up
from csms_bridge.simulator.dialler import Arrival, Dialler
from csms_bridge.simulator.events import Answered, Disconnected, StationEvent
from csms_bridge.simulator.memory import open_memory
from csms_bridge.simulator.routes import first_address
from csms_bridge.simulator.wire import (
    LINKS,
    Answer,
    CallFailed,
    CommandRefused,
    ConnectionLost,
    JsonObject,
    Link,
)

Observer = Callable[[StationEvent], None]

CHANGING = frozenset(
    (
        "CertificateSigned",
        "ChangeConfiguration",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "InstallCertificate",
        "Reset",
        "SetNetworkProfile",
        "SetVariables",
        "TriggerMessage",
    )
)
"""Actions whose first answer is lost under drop-answer and no-answer."""

KEPT_EVENTS = 100

log = structlog.get_logger(__name__)


class SimulatedStation:
    """A station that behaves as its specification and its faults say.

    Start `run()` as a task; wait with `until`; end with `stop()`. It implements `Body` for the part that
    speaks its OCPP version.
    """

    def __init__(self, config: StationConfig) -> None:
        self.config = config
        self.memory = open_memory(config)
        self.boot_reason: str | None = "PowerUp"
        self.transaction: str | None = None
        self.history: deque[StationEvent] = deque(maxlen=KEPT_EVENTS)
        self._behaviour: Behaviour = Behaviour16(self) if config.version == "1.6" else Behaviour2x(self)
        self._dialler = Dialler(config, self.memory, self.emit, self.report)
        self._speak()
        self._link: Link | None = None
        self._pause: float | None = None
        self._withheld: set[str] = set()
        self._observers: list[Observer] = []
        self._changed = asyncio.Event()
        self._reports: deque[JsonObject] = deque()
        self._reported = asyncio.Event()
        self._stopping = asyncio.Event()
        self._finished = asyncio.Event()
        self._finished.set()
        self._short_tasks: set[asyncio.Task[None]] = set()
        self._long_tasks: set[asyncio.Task[None]] = set()

    # What tests and programs use

    @property
    def profile(self) -> int:
        """The security profile the station has reached (OCPP's number)."""
        return self.memory.profile

    @property
    def connected(self) -> bool:
        """Tell whether the WebSocket is open."""
        return self._link is not None

    @property
    def registered(self) -> bool:
        """Tell whether the CSMS has accepted the station's BootNotification."""
        return self._behaviour.registration == "Accepted"

    @property
    def client_serial(self) -> str | None:
        """Serial number of the certificate presented last, lower-case hex; None when none was."""
        return self._dialler.client_serial

    async def run(self) -> None:
        """Dial, serve and dial again until `stop`. Never raises for network trouble."""
        self._stopping.clear()
        self._finished.clear()
        try:
            while not self._stopping.is_set():
                arrival = await self._dialler.attempt(booting=self.boot_reason is not None)
                await self._rest(await self._live(arrival) if arrival else self._dialler.wait)
        finally:
            await _end(self._short_tasks)
            await _end(self._long_tasks)
            self._finished.set()

    async def stop(self) -> None:
        """Hang up and end `run`; returns when it has ended."""
        self._stopping.set()
        if self._link:
            await close(self.config, self._link.socket)
        await self._finished.wait()

    def subscribe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer` with every event from now on; the function returned ends that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    async def until(
        self,
        predicate: Callable[[SimulatedStation], bool],
        timeout: float = 10.0,  # noqa: ASYNC109 - the caller's words
    ) -> None:
        """Return as soon as `predicate(self)` holds; it is asked after every event. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not predicate(self):
                await self._changed.wait()

    async def call(self, action: str, payload: JsonObject) -> JsonObject:
        """Send a CALL with OCPP's own JSON and give the answer's. Raises CallFailed or ConnectionLost."""
        if self._link is None:
            raise ConnectionLost("not connected")
        return await self._link.ask(action, payload)

    async def start_transaction(self, token: str = "DEMO-TAG") -> None:  # noqa: S107 - an RFID card's number
        """Begin to charge (StartTransaction or TransactionEvent)."""
        await self._behaviour.start_transaction(token)

    async def stop_transaction(self) -> None:
        """End the charging; a Reset that waits for it follows."""
        await self._behaviour.stop_transaction()

    # What the version-specific part uses (Body)

    def emit(self, event: StationEvent) -> None:
        """Tell observers and those who wait in `until`."""
        self.history.append(event)
        for observer in tuple(self._observers):
            observer(event)
        self._changed.set()
        self._changed.clear()

    def report(self, kind: str, info: str = "") -> None:
        """Log a security event (2.x name) and queue it until it can be sent (A04.FR.02)."""
        at, name = timestamp(self.config), self._behaviour.event_name(kind)
        self._behaviour.logs.write(at, name, info)
        if self.config.has(Fault.NO_SECURITY_EXTENSION):
            return
        detail = {"techInfo": info[:255]} if info else {}
        self._reports.append({"type": name, "timestamp": at, **detail})
        self._reported.set()

    async def send_reports(self) -> None:
        """Send queued security events, now and as they come, until cancelled."""
        while True:
            while self._reports:
                with suppress(CallFailed):
                    await self.call("SecurityEventNotification", self._reports[0])
                self._reports.popleft()
            self._reported.clear()
            await self._reported.wait()

    def run_soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the connection; cancelled when the connection ends."""
        self._start(work, self._short_tasks)

    def run_long(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run until done or until the station stops, over reconnects."""
        return self._start(work, self._long_tasks)

    async def redial(self, pause: float | None = None) -> None:
        """Close the connection and dial again after `pause` seconds (None: the configured back-off)."""
        self._pause = pause
        self._dialler.start_over()
        if self._link:
            await close(self.config, self._link.socket)

    def take_firmware(self, version: str, ocpp: str | None) -> None:
        """Run this firmware from the next start on; `ocpp`: it speaks this version, None: as before."""
        if self.config.version == "1.6" and ocpp not in (None, "1.6"):
            self.memory.make_first_slot(first_address(self.config, self.memory))
        self.memory.firmware, self.memory.ocpp = version, ocpp or self.memory.ocpp
        self.memory.remember()

    async def reboot(self, reason: str, pause: float | None = None) -> None:
        """Close, start again after `pause` seconds and greet with BootNotification(reason)."""
        self.boot_reason = reason
        self._speak()
        self._behaviour.registration = "Unknown"
        await self.redial(pause)

    async def answer(self, action: str, payload: JsonObject) -> Answer | None:
        """Carry a CALL out; faults may keep the answer back. Raises CommandRefused."""
        try:
            answer = self._behaviour.answer(action, payload)
        except CommandRefused as refusal:
            self.emit(Answered(self.config.identity, action, refusal.code))
            raise
        except Exception as fault:
            log.exception("command_failed", station=self.config.identity, action=action)
            raise CommandRefused("InternalError") from fault
        self.emit(Answered(self.config.identity, action, _status_of(answer.payload)))
        return self._withhold(action, answer)

    def _speak(self) -> None:
        """Speak the OCPP version of the firmware that starts now; identity, secrets and roots are those it had."""
        spoken = self.memory.ocpp
        if spoken not in VERSIONS or spoken == self.config.version:
            return
        self.config = replace(self.config, version=spoken)
        self._behaviour = Behaviour16(self) if spoken == "1.6" else Behaviour2x(self)
        self._dialler = Dialler(self.config, self.memory, self.emit, self.report)

    # The connection

    async def _live(self, arrival: Arrival) -> float:
        """Serve one connection to its end; returns the seconds to wait before dialling again."""
        config = self.config
        link = LINKS[config.version](config.identity, arrival.socket, self, config.answer_within)
        self._link = link
        for event in arrival.events:
            self.emit(event)
        self.run_soon(self._session(link))
        try:
            if self._stopping.is_set():  # asked to stop while it was dialling
                await close(self.config, link.socket)
            code = await link.serve()
        finally:
            self._link = None
            await _end(self._short_tasks)
            await close(self.config, link.socket)
        self.emit(Disconnected(self.config.identity, code))
        pause, self._pause = self._pause, None
        return self.config.back_off if pause is None else pause

    async def _session(self, link: Link) -> None:
        try:
            await self._behaviour.session()
        except ConnectionLost:
            # The CSMS is silent though the socket looks open: a fresh connection is the only cure.
            await close(self.config, link.socket)

    def _withhold(self, action: str, answer: Answer) -> Answer | None:
        """Lose the first answer to each changing action, as drop-answer and no-answer say."""
        drops, silent = self.config.has(Fault.DROP_ANSWER), self.config.has(Fault.NO_ANSWER)
        if not (drops or silent) or action not in CHANGING or action in self._withheld:
            return answer
        self._withheld.add(action)
        if drops and self._link:
            hang_up(self._link.socket)
        if answer.then:
            self.run_long(answer.then())
        return None

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _start(self, work: Coroutine[Any, Any, None], group: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guard(work))
        group.add(task)
        task.add_done_callback(group.discard)
        task.add_done_callback(lambda _: work.close())  # for a task cancelled before it began
        return task

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """End quietly when the connection does; anything else unexpected is logged, not raised."""
        try:
            await work
        except (ConnectionLost, CallFailed):
            return
        except Exception:
            log.exception("station_task_failed", station=self.config.identity)


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel tasks, also those that they still begin, and wait for them."""
    while tasks:
        ending = tuple(tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        tasks.difference_update(ending)


def _status_of(payload: JsonObject) -> str | None:
    """Read the status of an answer; of SetVariables the worst, which is what one waits for."""
    results = payload.get("setVariableResult")
    if results:
        statuses = [result["attributeStatus"] for result in results]
        return str(next((status for status in statuses if status != "Accepted"), "Accepted"))
    status = payload.get("status")
    return str(status) if status is not None else None

"""The station's end of one OCPP-J connection, over `ocpp`'s own ChargePoint classes.

`ocpp` reads, parses, matches and checks against the schemas. Three of its habits are not wanted here: it
logs whole messages, it swallows CALLERROR, and its 2.1 class leaves an unknown action without any answer.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, cast

from jsonschema import Draft4Validator
from ocpp import v16, v21, v201
from ocpp.charge_point import ChargePoint as BaseChargePoint
from ocpp.exceptions import OCPPError
from ocpp.messages import (
    Call,
    CallError,
    CallResult,
    MessageType,
    get_validator,
    unpack,
)
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from csms_bridge.dialects.quick_check import Check, quick_check
from csms_bridge.simulator.config import OcppVersion
from csms_bridge.simulator.dial import QUIET

JsonObject = dict[str, Any]

NO_CLOSE_FRAME = 1006
_LOST = "ConnectionLost"
_CODES_16 = {
    "required": "OccurenceConstraintViolation",
    "type": "TypeConstraintViolation",
    "additionalProperties": "FormationViolation",
}
_CODES_2X = {
    "required": "OccurrenceConstraintViolation",
    "type": "TypeConstraintViolation",
    "additionalProperties": "FormatViolation",
}
"""Failed schema keyword to error code; 1.6 spells some of them differently (OCPP-J 1.6 §4.2.3)."""


class CommandRefused(Exception):
    """The station answers a CALL with CALLERROR `code`, in the words of its OCPP version."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class CallFailed(Exception):
    """The CSMS answered a CALL of the station with CALLERROR `code`."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class ConnectionLost(Exception):
    """The connection ended before the answer came, or there was none."""


@dataclass(frozen=True)
class Answer:
    """The payload of a CALLRESULT and what the station does once it has been sent."""

    payload: JsonObject
    then: Callable[[], Coroutine[Any, Any, None]] | None = None


class Host(Protocol):
    """The station behind the connection."""

    async def answer(self, action: str, payload: JsonObject) -> Answer | None:
        """Carry a CALL out. None leaves it unanswered. Raises CommandRefused for a CALLERROR."""

    def run_soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside reading the connection."""


class Link(BaseChargePoint):  # type: ignore[misc]
    """One live connection: hands CALLs to its host and sends CALLs, one at a time."""

    _ocpp_version: OcppVersion

    def __init__(self, identity: str, socket: ClientConnection, host: Host, within: float) -> None:
        super().__init__(identity, socket, response_timeout=within, logger=QUIET)
        self.socket = socket
        self._host = host
        self._asked: str | None = None
        self._settled = asyncio.Event()

    async def serve(self) -> int:
        """Read until the connection ends; returns its close code, 1006 when there was no close frame."""
        try:
            await self.start()
        except ConnectionClosed:
            pass
        finally:
            if self._asked:
                self._response_queue.put_nowait(CallError(self._asked, _LOST, ""))
        return self.socket.close_code or NO_CLOSE_FRAME

    async def ask(self, action: str, payload: JsonObject) -> JsonObject:
        """Send a CALL and give the payload of its CALLRESULT.

        Raises CallFailed for a CALLERROR and ConnectionLost when no answer came.
        """
        message = Call(str(uuid.uuid4()), action, payload)
        self._check(MessageType.Call, action, payload)
        async with self._call_lock:
            response = await self._exchange(message)
        if isinstance(response, CallError):
            if response.error_code == _LOST:
                raise ConnectionLost(f"the connection ended before {action} was answered")
            raise CallFailed(response.error_code, response.error_description)
        try:
            self._check(MessageType.CallResult, action, response.payload)
        except CommandRefused as problem:
            raise CallFailed(problem.code, f"the answer to {action} breaks its schema") from problem
        return cast("JsonObject", response.payload)

    async def route_message(self, raw_msg: str | bytes) -> None:
        """Take one frame. Nothing further is read until an awaited answer has been acted upon.

        So a command that follows the BootNotification answer at once meets a station that knows it was
        accepted. Frames that are no OCPP, and answers nobody waits for, are dropped.
        """
        try:
            message = unpack(raw_msg)
        except OCPPError:
            return
        if isinstance(message, Call):
            await self._handle_call(message)
        elif message.unique_id == self._asked:
            self._response_queue.put_nowait(message)
            await self._settled.wait()

    async def _exchange(self, message: Call) -> CallResult | CallError:
        self._asked = message.unique_id
        self._settled.clear()
        try:
            await self._send(message.to_json())
            # Not `wait_for`: until Python 3.12 it may swallow a cancellation.
            async with asyncio.timeout(self._response_timeout):
                return await self._answer_to(message.unique_id)
        except (ConnectionClosed, TimeoutError) as error:
            raise ConnectionLost(f"no answer to {message.action}") from error
        finally:
            self._asked = None
            self._settled.set()

    async def _answer_to(self, number: str) -> CallResult | CallError:
        while True:
            response = await self._response_queue.get()
            if response.unique_id == number:
                return response

    async def _handle_call(self, msg: Call) -> None:
        """Answer one CALL; in place of `ocpp`'s own routing."""
        try:
            self._check(MessageType.Call, msg.action, msg.payload)
            answer = await self._host.answer(msg.action, msg.payload)
        except CommandRefused as refusal:
            await self._send(CallError(msg.unique_id, refusal.code, refusal.description, {}).to_json())
            return
        if answer is None:
            return
        await self._send(CallResult(msg.unique_id, answer.payload).to_json())
        if answer.then:
            self._host.run_soon(answer.then())

    def _check(self, kind: int, action: str, payload: JsonObject) -> None:
        """Hold a payload against its schema. Raises CommandRefused with the version's own error code."""
        codes = _CODES_16 if self._ocpp_version == "1.6" else _CODES_2X
        try:
            schema, certainly_fits = _schema(kind, action if str(action).isalnum() else "unknown", self._ocpp_version)
        except OSError as error:
            raise CommandRefused("NotImplemented", "unknown action") from error
        if certainly_fits(payload):
            return
        problem = next(schema.iter_errors(payload), None)
        if problem is not None:
            code = codes.get(problem.validator, "PropertyConstraintViolation")
            raise CommandRefused(code, "/".join(str(part) for part in problem.absolute_path))


@lru_cache(maxsize=1024)
def _schema(kind: int, action: str, version: str) -> tuple[Draft4Validator, Check]:
    """Raises OSError when the version has no such message."""
    validator: Draft4Validator = get_validator(kind, action, version)
    return validator, quick_check(cast("dict[str, Any]", validator.schema))


class Link16(Link, v16.ChargePoint):  # type: ignore[misc]
    """A connection that speaks OCPP 1.6."""


class Link201(Link, v201.ChargePoint):  # type: ignore[misc]
    """A connection that speaks OCPP 2.0.1."""


class Link21(Link, v21.ChargePoint):  # type: ignore[misc]
    """A connection that speaks OCPP 2.1."""


LINKS: dict[OcppVersion, type[Link]] = {"1.6": Link16, "2.0.1": Link201, "2.1": Link21}

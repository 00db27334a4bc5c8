"""One station's line: frames in both directions, one CALL in flight each way, answers matched by id.

The line knows OCPP-J and nothing of what messages mean; calls go to a handler, one after the other, while answers
are matched at once, since a station may send a CALL before it answers ours (reference, station-quirks 22).
"""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from csms_bridge.dialects import Dialect
from csms_bridge.dialects.wire import Fault, Request, WireFault
from csms_bridge.errors import StationSilent
from csms_bridge.frames import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    Json,
    Malformed,
    Send,
    read_frame,
    write_frame,
)
from csms_bridge.journal import IN, OUT, Journal
from csms_bridge.replays import AnsweredCalls
from csms_bridge.tally import UNANSWERED_WORDS

log = structlog.get_logger(__name__)

GOING_AWAY = 1001
POLICY_VIOLATION = 1008


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a CALL, and what to do once it is on its way."""

    payload: Json
    then: Callable[[], None] | None = None


def _nothing(_action: str, _error: CallError | CallResultError) -> None:
    """What is done about a refused answer unless somebody cares."""


_Waiting = tuple[Call | CallError, str | bytes]
"""A CALL that waits for its answer, or the error that answers a broken one; and the message it came as."""

Handler = Callable[[str, Json], Awaitable[Reply]]
"""Answers a station's CALL by action and payload; raises WireFault for a CALLERROR."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`timeout`: seconds to wait for an answer; `unanswered`: calls of the station that may wait for ours."""

    timeout: float
    unanswered: int


class Link:
    """A station's open WebSocket. `serve` runs until it closes."""

    def __init__(
        self, station: str, socket: ServerConnection, dialect: Dialect, journal: Journal, limits: Limits
    ) -> None:
        self.station = station
        self.dialect = dialect
        self._socket = socket
        self._journal = journal
        self._limits = limits
        self._turn = asyncio.Lock()
        self._awaited: tuple[str, str, asyncio.Future[CallResult | CallError | None]] | None = None
        self._calls: list[_Waiting] = []
        self._answering: asyncio.Task[None] | None = None
        self._handler: Handler | None = None
        self._answered = AnsweredCalls()
        self.when_answer_refused: Callable[[str, CallError | CallResultError], None] = _nothing

    async def serve(self, handler: Handler) -> None:
        """Read until the line closes, answering calls in order."""
        self._handler = handler
        try:
            async for message in self._socket:
                if not self._take(message):
                    await self.close(POLICY_VIOLATION, UNANSWERED_WORDS)
                    return
        except ConnectionClosed:
            pass  # every kind of end is the same to us: many stations never send a close frame
        finally:
            await self._stop_answering()
            self._give_up()

    async def call(self, request: Request) -> CallResult | CallError:
        """Send a CALL and wait for its answer. Raises StationSilent: what the station did is then unknown."""
        async with self._turn:
            call = Call(str(uuid.uuid4()), request.action, request.payload)
            answer: asyncio.Future[CallResult | CallError | None] = asyncio.get_running_loop().create_future()
            self._awaited = (call.id, call.action, answer)
            try:
                await self._send(call, call.action)
                async with asyncio.timeout(self._limits.timeout):
                    found = await answer
            except TimeoutError:
                raise StationSilent(call.action, f"none came in {self._limits.timeout:g} s") from None
            except ConnectionClosed:
                found = None
            finally:
                self._awaited = None
        if found is None:
            raise StationSilent(call.action, "the line closed")
        return found

    async def refuse_answer(self, answer: CallResult, code: str, why: str) -> None:
        """Tell the station that its answer to a CALL of ours cannot be taken; before 2.1 there is no way to."""
        if CallResultError.type in self.dialect.message_types:
            with contextlib.suppress(ConnectionClosed):
                await self._send(CallResultError(answer.id, code, why, {}), "")

    async def close(self, code: int, reason: str) -> None:
        """Close the line. Does not wait long for stations that never echo a close frame."""
        await self._socket.close(code, reason)

    def _take(self, message: str | bytes) -> bool:
        """Sort one incoming frame; False when the station has too many calls waiting."""
        frame = read_frame(message)
        match frame:
            case CallResult() | CallError():
                self._match(frame)
                return True
            case Call():
                self._journal.note(self.station, IN, frame)
                return self._line_up(frame, message)
            case CallResultError() if frame.type in self.dialect.message_types:
                action = self._answered.action_of(frame.id)
                self._journal.note(self.station, IN, frame, action)
                log.warning("answer_refused", station=self.station, code=frame.code)
                self.when_answer_refused(action, frame)
                return True
            case Send() if frame.type in self.dialect.message_types:
                # Nothing may answer it, so what is wrong with it can only be noted (2.1 Part 4).
                remark = self.dialect.remark_on_send(frame.action, frame.payload)
                self._journal.note(self.station, IN, frame, remark=remark)
                return True
        self._journal.note(self.station, IN, frame)
        code = self.dialect.complaint(frame)
        why = frame.why if isinstance(frame, Malformed) else "this message type is not used here"
        return code is None or self._line_up(CallError(frame.id, code, why, {}), message)

    def _line_up(self, waiting: Call | CallError, message: str | bytes) -> bool:
        if len(self._calls) >= self._limits.unanswered:
            return False
        self._calls.append((waiting, message))
        if self._answering is None and self._handler is not None:
            self._answering = asyncio.create_task(self._answer_calls(self._handler))
        return True

    async def _stop_answering(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)

    def _match(self, frame: CallResult | CallError) -> None:
        if self._awaited is None or self._awaited[0] != frame.id:
            if isinstance(frame, CallError) and (refused := self._answered.action_of(frame.id)):
                # Before 2.1 there is no message for it; EVerest, while it is Pending, turns an answer down with this.
                self._journal.note(self.station, IN, frame, refused)
                self.when_answer_refused(refused, frame)
                return
            self._journal.note(self.station, IN, frame, "unasked")
            log.info("answer_unasked", station=self.station)
            return
        _, action, answer = self._awaited
        self._journal.note(self.station, IN, frame, action)
        if not answer.done():
            answer.set_result(frame)

    async def _answer_calls(self, handler: Handler) -> None:
        """One after the other, as long as there are any: most of the time a station has none waiting."""
        while self._calls:
            waiting, message = self._calls.pop(0)
            try:
                if isinstance(waiting, Call):
                    await self._answer(waiting, message, handler)
                else:
                    await self._send(waiting, "")
            except ConnectionClosed:
                return  # and nobody answers any more on this line
        self._answering = None

    async def _answer(self, call: Call, message: str | bytes, handler: Handler) -> None:
        now = asyncio.get_running_loop().time
        if (before := self._answered.answer_to(call, message, now())) is not None:
            await self._send(before, call.action)
            return
        reply = await self._reply(call, handler)
        if isinstance(reply, CallError):
            await self._send(reply, call.action)
            return
        answer = CallResult(call.id, reply.payload)
        # Remembered before it is sent: it is the lost answer that makes a station ask again.
        self._answered.note(call, message, answer, now())
        await self._send(answer, call.action)
        if reply.then is not None:
            reply.then()

    async def _reply(self, call: Call, handler: Handler) -> Reply | CallError:
        try:
            return await handler(call.action, call.payload)
        except WireFault as fault:
            return CallError(call.id, self.dialect.error_codes[fault.fault], fault.sentence, {})
        except Exception:
            # One broken message must not end the station's line; the fault says little outside, all in the log.
            log.exception("call_failed", station=self.station, action=call.action)
            return CallError(call.id, self.dialect.error_codes[Fault.INTERNAL], "an internal error occurred", {})

    async def _send(self, frame: Call | CallResult | CallError | CallResultError, action: str) -> None:
        self._journal.note(self.station, OUT, frame, action)
        await self._socket.send(write_frame(frame))

    def _give_up(self) -> None:
        """None instead of an answer: an exception would go to the log when the call has not come to waiting for it."""
        if self._awaited is not None and not self._awaited[2].done():
            self._awaited[2].set_result(None)

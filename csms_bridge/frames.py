"""OCPP-J frames: text in, calls and answers out (OCPP-J 1.6 §4, OCPP 2.0.1 Part 4 §4). Pure."""

import json
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, NoReturn

Json = dict[str, object]

LONGEST_ID = 36
CALL, CALL_RESULT, CALL_ERROR, CALL_RESULT_ERROR, SEND = 2, 3, 4, 5, 6
"""Message type numbers; the last two are 2.1's (2.1 Part 4 §4.1.3)."""


@dataclass(frozen=True, slots=True)
class Call:
    """`[2, id, action, payload]`."""

    id: str
    action: str
    payload: Json


@dataclass(frozen=True, slots=True)
class CallResult:
    """`[3, id, payload]`."""

    id: str
    payload: Json


@dataclass(frozen=True, slots=True)
class CallError:
    """`[4, id, code, description, details]`."""

    id: str
    code: str
    description: str
    details: Json


@dataclass(frozen=True, slots=True)
class CallResultError:
    """`[5, id, code, description, details]`: an answer could not be taken; `id` is that of the call (2.1)."""

    type: ClassVar = CALL_RESULT_ERROR
    id: str
    code: str
    description: str
    details: Json


@dataclass(frozen=True, slots=True)
class Send:
    """`[6, id, action, payload]`: told without an answer being wanted (2.1)."""

    type: ClassVar = SEND
    id: str
    action: str
    payload: Json


class Flaw(StrEnum):
    """What is wrong with a frame; each version has its own code for it, or none."""

    FRAME = "frame"
    """No RPC message at all, or one whose id or action cannot be read."""
    PAYLOAD = "payload"
    """A CALL whose payload is no JSON object."""
    MESSAGE_TYPE = "message type"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not a frame. `id` is the sender's id where one could be read, else "-1" (Part 4 §4.2.3).

    `type` is the message type number that it bears, None when it bears none.
    """

    id: str
    why: str
    flaw: Flaw
    type: int | None = None


Frame = Call | CallResult | CallError | CallResultError | Send | Malformed


def read_frame(text: str | bytes) -> Frame:
    """Read one frame; never raises."""
    try:
        parts = _parsed(text)
    except (ValueError, RecursionError):
        return Malformed("-1", "not JSON", Flaw.FRAME)
    if not isinstance(parts, list) or not parts:
        return Malformed("-1", "not a JSON array", Flaw.FRAME)
    return _read_parts(parts)


def _parsed(text: str | bytes) -> object:
    """JSON as RFC 8259 means it: UTF-8, finite numbers, and no half surrogate pairs (RFC 7493 §2.1-2.2).

    Python's parser takes all of these, and the database, the socket or the REST API would fail on them later.
    """
    text = text if isinstance(text, str) else text.decode()
    value = _DECODER.decode(text)
    if _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _not_a_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _not_a_number(digits)


def _bounded(digits: str) -> int:
    """Integers that fit 64 bits: neither a float nor a column of the database takes larger ones."""
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else _not_a_number("a number of more than 64 bits")


_DECODER = json.JSONDecoder(parse_constant=_not_a_number, parse_float=_finite, parse_int=_bounded)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _read_parts(parts: list[object]) -> Frame:
    type_, id_ = _type_of(parts[0]), parts[1] if len(parts) > 1 else None
    if not isinstance(id_, str) or not 0 < len(id_) <= LONGEST_ID:
        return Malformed("-1", f"the message id is not text of 1 to {LONGEST_ID}", Flaw.FRAME, type_)
    match [type_, *parts[1:]]:
        case [2, _, str(action), dict(payload)]:
            return Call(id_, action, payload)
        case [3, _, dict(payload)]:
            return CallResult(id_, payload)
        case [4, _, str(code), *rest]:
            return CallError(id_, code, *_read_error(rest))
        case [5, _, str(code), *rest]:
            return CallResultError(id_, code, *_read_error(rest))
        case [6, _, str(action), dict(payload)]:
            return Send(id_, action, payload)
    return _malformed(id_, type_, parts)


def _type_of(number: object) -> int | None:
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _malformed(id_: str, type_: int | None, parts: list[object]) -> Malformed:
    match [type_, *parts[1:]]:
        case [2, _, str(), _]:
            return Malformed(id_, "the payload of a CALL is a JSON object", Flaw.PAYLOAD, type_)
        case [2, *_]:
            return Malformed(id_, "a CALL is [2, id, action, {payload}]", Flaw.FRAME, type_)
        case [3 | 4 | 5 | 6, *_]:
            return Malformed(id_, "a broken answer", Flaw.FRAME, type_)
    return Malformed(id_, f"unknown message type {str(parts[0])[:20]}", Flaw.MESSAGE_TYPE, type_)


def _read_error(rest: list[object]) -> tuple[str, Json]:
    description = rest[0] if rest and isinstance(rest[0], str) else ""
    details = rest[1] if len(rest) > 1 and isinstance(rest[1], dict) else {}
    return description, details


def write_frame(frame: Call | CallResult | CallError | CallResultError | Send) -> str:
    """Compact JSON: some stations have small buffers (reference, station-quirks 29)."""
    match frame:
        case Call():
            parts: list[object] = [CALL, frame.id, frame.action, frame.payload]
        case CallResult():
            parts = [CALL_RESULT, frame.id, frame.payload]
        case CallError():
            parts = [CALL_ERROR, frame.id, frame.code, frame.description[:255], frame.details]
        case CallResultError():
            parts = [CALL_RESULT_ERROR, frame.id, frame.code, frame.description[:255], frame.details]
        case Send():
            parts = [SEND, frame.id, frame.action, frame.payload]
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)

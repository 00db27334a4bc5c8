"""OCPP-J frames: text in, calls and answers out (OCPP-J 1.6 §4, OCPP 2.0.1 Part 4 §4). Pure."""

import json
import math
import re
from dataclasses import dataclass
from typing import NoReturn

Json = dict[str, object]

LONGEST_ID = 36
NEVER_ANSWERED = (3, 4, 5, 6)
"""CALLRESULT, CALLERROR; 2.1 also has CALLRESULTERROR and SEND (2.1 Part 4 §4.2)."""


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
class Malformed:
    """Not a frame. `id` is the sender's id where one could be read, else "-1" (Part 4 §4.2.3).

    `of_call` is false when it claimed to be an answer or 2.1's SEND: such a frame is dropped, never answered.
    """

    id: str
    why: str
    of_call: bool


Frame = Call | CallResult | CallError | Malformed


def read_frame(text: str | bytes) -> Frame:
    """Read one frame; never raises."""
    try:
        parts = _parsed(text)
    except (ValueError, RecursionError):
        return Malformed("-1", "not JSON", of_call=True)
    if not isinstance(parts, list) or not parts:
        return Malformed("-1", "not a JSON array", of_call=True)
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


_DECODER = json.JSONDecoder(parse_constant=_not_a_number, parse_float=_finite)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _read_parts(parts: list[object]) -> Frame:
    kind, id_ = parts[0], parts[1] if len(parts) > 1 else None
    if not isinstance(id_, str) or not 0 < len(id_) <= LONGEST_ID:
        return Malformed("-1", f"the message id is not text of 1 to {LONGEST_ID}", of_call=kind not in NEVER_ANSWERED)
    match parts:
        case [2, _, str(action), dict(payload)]:
            return Call(id_, action, payload)
        case [3, _, dict(payload)]:
            return CallResult(id_, payload)
        case [4, _, str(code), *rest]:
            return _read_error(id_, code, rest)
        case [2, *_]:
            return Malformed(id_, "a CALL is [2, id, action, {payload}]", of_call=True)
        case [3 | 4, *_]:
            return Malformed(id_, "a broken answer", of_call=False)
        case [5 | 6, *_]:
            return Malformed(id_, f"message type {kind} is not used here", of_call=False)
    return Malformed(id_, f"unknown message type {str(kind)[:20]}", of_call=True)


def _read_error(id_: str, code: str, rest: list[object]) -> CallError:
    description = rest[0] if rest and isinstance(rest[0], str) else ""
    details = rest[1] if len(rest) > 1 and isinstance(rest[1], dict) else {}
    return CallError(id_, code, description, details)


def write_frame(frame: Call | CallResult | CallError) -> str:
    """Compact JSON: some stations have small buffers (reference, station-quirks 29)."""
    match frame:
        case Call():
            parts: list[object] = [2, frame.id, frame.action, frame.payload]
        case CallResult():
            parts = [3, frame.id, frame.payload]
        case CallError():
            parts = [4, frame.id, frame.code, frame.description[:255], frame.details]
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)

"""What stations send, read by the frame parser and by each dialect, whatever it is.

A dialect refuses by WireFault; its readers of events and answers refuse nothing, since what they are given may have got
past a schema that tolerates some faults.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache

from csms_bridge import events as e
from csms_bridge.commands import Answer, Command
from csms_bridge.dialects import DIALECTS, Dialect
from csms_bridge.dialects.wire import WireFault
from csms_bridge.frames import Call, CallError, CallResult, Malformed, read_frame, write_frame
from csms_bridge.journal import IN, row_of
from csms_bridge.settings import BridgeSettings
from csms_bridge.station import OcppVersion
from tests.csms_bridge.dialects.schemas import sample
from tests.csms_bridge.dialects.spoken import CALLS, COMMANDS, HOUSE, NOON

LONGEST_FRAME = BridgeSettings().frame_limit
"""The socket lets nothing longer through."""
LONGEST_RESPONSE = 2 * LONGEST_FRAME


def frame(data: bytes) -> None:
    """Any octets. What is a frame can be sent as it was read, kept, and complained of in every version."""
    read = read_frame(data[:LONGEST_FRAME])
    for dialect in DIALECTS.values():
        if not isinstance(read, Call | CallResult | CallError):
            code = dialect.complaint(read)
            assert code is None or isinstance(code, str)
    if not isinstance(read, Malformed):
        assert read_frame(write_frame(read).encode()) == _as_written(read)
    row_of("CS-1", IN, read, "", NOON)


def _as_written(read: object) -> object:
    """Descriptions are cut to the length that they may have."""
    description = getattr(read, "description", None)
    return read if description is None else replace(read, description=description[:255])  # type: ignore[type-var]


def dialect_target(version: OcppVersion) -> Callable[[bytes], None]:
    """A target that gives frames to one dialect."""
    dialect = DIALECTS[version]

    def run(data: bytes) -> None:
        match read_frame(data[:LONGEST_FRAME]):
            case Call(_, action, payload):
                _called(dialect, action, payload)
            case CallResult(_, payload):
                _answered(dialect, payload)
            case CallError(_, code, description):
                assert isinstance(dialect.error(code, description), Answer)

    return run


def _called(dialect: Dialect, action: str, payload: dict[str, object]) -> None:
    with suppress(WireFault):
        dialect.check_call(action, payload)
    event = dialect.event(action, payload)
    assert isinstance(event, e.Event)
    if isinstance(event, e.ReportTold):
        assert all(reading.value is None or isinstance(reading.value, str) for reading in event.readings)
    response = dialect.response(action, payload, HOUSE)
    assert len(json.dumps(response)) < LONGEST_RESPONSE
    with suppress(WireFault):
        dialect.check_response(action, response)


def _answered(dialect: Dialect, payload: dict[str, object]) -> None:
    for command, action in _questions(dialect.version):
        with suppress(WireFault):
            dialect.check_answer(action, payload)
        answer = dialect.answer(command, payload)
        assert all(isinstance(value, str) for value in answer.facts.values())


@cache
def _questions(version: OcppVersion) -> list[tuple[Command, str]]:
    """One command of each kind, and the action that it is sent as."""
    kinds = {type(command): command for command in COMMANDS[version]}
    return [(command, DIALECTS[version].request(command).action) for command in kinds.values()]


def frames(version: OcppVersion) -> Callable[[], Sequence[bytes]]:
    """Every call of a station with all its fields, and every kind of answer."""

    def seeds() -> list[bytes]:
        calls = [
            [2, "1", action, sample(version, action, full=True)] for action in [*CALLS[version], "SignCertificate"]
        ]
        answers = [
            [3, "1", sample(version, action, full=True, kind="Response")]
            for action in sorted({action for _, action in _questions(version)})
        ]
        return [json.dumps(one).encode() for one in [*calls, *answers, [4, "1", "InternalError", "it broke", {}]]]

    return seeds


def all_frames() -> list[bytes]:
    """Frames of every type and version."""
    newest = [[5, "1", "FormatViolation", "x", {}], [6, "1", "NotifyPeriodicEventStream", {"id": 1}]]
    return [
        *(seed for version in DIALECTS for seed in frames(version)()),
        *(json.dumps(one).encode() for one in newest),
    ]

"""Frames that are broken, or come twice, over a real line (OCPP-J 1.6 §4; 2.x Part 4 §4)."""

import asyncio
import json

import pytest

from tests.conformance.operator import Operator, until
from tests.conformance.tester import Version, now

pytestmark = pytest.mark.end_to_end
BROKEN = [
    ("1.6", "no JSON", [4, "-1", "FormationViolation"]),
    ("2.0.1", "no JSON", [4, "-1", "RpcFrameworkError"]),
    ("2.1", '[2,"7"]', [4, "7", "RpcFrameworkError"]),
    ("2.0.1", '[2,"7","Heartbeat",[]]', [4, "7", "FormatViolation"]),
    ("2.0.1", '[6,"7","NotifyPeriodicEventStream",{}]', [4, "7", "MessageTypeNotSupported"]),
    ("2.1", '[9,"7","Heartbeat",{}]', [4, "7", "MessageTypeNotSupported"]),
    ("1.6", '[2,"7","CustomOperation",{}]', [4, "7", "NotImplemented"]),
    ("1.6", '[2,"7","Reset",{"type":"Hard"}]', [4, "7", "NotSupported"]),
    ("1.6", '[2,"7","StatusNotification",{}]', [4, "7", "OccurenceConstraintViolation"]),
    ("2.0.1", '[2,"7","SecurityEventNotification",{"type":7,"timestamp":"x"}]', [4, "7", "TypeConstraintViolation"]),
]


@pytest.mark.parametrize(("version", "text", "answer"), BROKEN)
async def test_a_broken_frame_is_answered_in_the_versions_words(
    operator: Operator, version: Version, text: str, answer: list[object]
) -> None:
    identity = f"FRAME-{version}-{BROKEN.index((version, text, answer))}"
    async with operator.station(identity, version) as tester:
        assert (await tester.frame(text))[:3] == answer
        await tester.say("Heartbeat")


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("1.6", '[9,"7","Heartbeat",{}]'),
        ("1.6", '[6,"7","NotifyPeriodicEventStream",{}]'),
        ("2.1", '[5,"7","FormatViolation","",{}]'),
        ("2.1", '[3,"7"]'),
    ],
)
async def test_some_frames_are_met_with_silence(operator: Operator, version: Version, text: str) -> None:
    """The next answer on the line is that to the next call."""
    identity = f"SILENCE-{version}-{text[1]}"
    async with operator.station(identity, version) as tester:
        await tester.socket.send(text)
        await tester.say("Heartbeat")


async def test_what_is_told_without_a_question_is_kept_and_not_answered(operator: Operator) -> None:
    """2.1 SEND."""
    stream = {"id": 1, "pending": 0, "basetime": now(), "data": [{"t": 0, "v": "1"}]}
    async with operator.station("SEND", "2.1") as tester:
        for payload in (stream, {**stream, "id": "one"}):
            await tester.socket.send(json.dumps([6, "7", "NotifyPeriodicEventStream", payload]))
        await tester.say("Heartbeat")

    def remarks() -> list[str]:
        shown = operator.get("stations/SEND/messages")["items"]
        return [one["error"] for one in shown if one["kind"] == "send"]

    await until(lambda: remarks() == ["it breaks its schema: id: type", ""])


async def test_an_answer_that_breaks_its_schema_is_kept_with_a_remark(operator: Operator) -> None:
    """To a command that somebody ordered: it is for them to judge."""
    async with operator.station("REMARK", "2.0.1") as tester:
        order = {"action": "ClearCache", "payload": {}}
        ordered = asyncio.create_task(operator.act("stations/REMARK/commands", **order))
        heard = await tester.hear("ClearCache")
        await tester.socket.send(json.dumps([3, heard.id, {"status": "Perhaps"}]))
        command = await ordered
    assert (command["state"], command["answer"]) == ("answered", {"status": "Perhaps"})
    assert command["error"] == "the answer breaks its schema: status: enum"


async def test_a_call_that_comes_twice_is_answered_twice_and_carried_out_once(operator: Operator) -> None:
    event = {"type": "TamperDetectionActivated", "timestamp": now()}
    text = json.dumps([2, "the-same", "SecurityEventNotification", event])
    begin = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": now()}
    async with operator.station("TWICE", "1.6") as tester:
        assert await tester.frame(text) == await tester.frame(text) == [3, "the-same", {}]
        started = json.dumps([2, "started", "StartTransaction", begin])
        first, second = await tester.frame(started), await tester.frame(started)
        assert first == second
        assert first[0] == 3
    assert len(operator.get("events", station="TWICE")["items"]) == 1

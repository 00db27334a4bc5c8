"""Every message is kept without its secrets."""

import json
from pathlib import Path

import pytest

from csms_bridge.frames import Call, CallError, CallResult, CallResultError, Flaw, Malformed, Send
from csms_bridge.journal import IN, LONGEST_PAYLOAD, OUT, NoJournal
from csms_bridge.redaction import HIDDEN
from csms_bridge.station import JournalEntry
from tests.csms_bridge.room import NOON


def noted(room, frame, action=""):
    room.journal.note("CS-1", IN, frame, action)
    room.journal.flush()
    return room.journal.read("CS-1", None, 1)[0]


def test_keeps_a_call_with_its_action_and_time(room):
    entry = noted(room, Call("19", "Heartbeat", {"a": ["é", 1]}))
    assert entry == JournalEntry(1, "CS-1", NOON, "in", "call", "Heartbeat", {"a": ["é", 1]}, "")


@pytest.mark.parametrize(
    ("frame", "kind", "payload", "error"),
    [
        (CallResult("19", {"status": "Accepted"}), "result", {"status": "Accepted"}, ""),
        (CallError("19", "InternalError", "broke", {"a": 1}), "error", {"a": 1}, "InternalError: broke"),
        (
            CallResultError("1", "FormatViolation", "why", {}),
            "refusal",
            {},
            "the answer was not taken: FormatViolation: why",
        ),
        (Malformed("-1", "not JSON", Flaw.FRAME), "broken", None, "not JSON"),
    ],
)
def test_keeps_answers_under_the_action_they_belong_to(room, frame, kind, payload, error):
    entry = noted(room, frame, "Reset")
    assert (entry.kind, entry.action, entry.payload, entry.error) == (kind, "Reset", payload, error)


def test_keeps_what_was_told_without_a_question(room):
    entry = noted(room, Send("1", "NotifyPeriodicEventStream", {"id": 1}), "")
    assert (entry.kind, entry.action, entry.payload) == ("send", "NotifyPeriodicEventStream", {"id": 1})


def test_keeps_what_is_wrong_with_it(room):
    room.journal.note("CS-1", IN, Send("1", "NotifyPeriodicEventStream", {"id": 1}), remark="it breaks its schema")
    room.journal.flush()
    (entry,) = room.journal.read("CS-1", None, 1)
    assert (entry.payload, entry.error) == ({"id": 1}, "it breaks its schema")


def test_keeps_no_secret(room):
    """A01.FR.09. Looked for in the file itself, not in what is read back."""
    noted(room, Call("1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "s3cr3t"}))
    room.store.close()
    content = Path(room.store.engine.url.database).read_bytes()
    assert b"AuthorizationKey" in content
    assert b"s3cr3t" not in content


def test_hides_the_secret_and_keeps_its_name(room):
    entry = noted(room, Call("1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "s3cr3t"}))
    assert entry.payload == {"key": "AuthorizationKey", "value": HIDDEN}


def test_keeps_the_length_of_a_payload_that_is_too_long(room):
    entry = noted(room, Call("1", "DataTransfer", {"data": "x" * LONGEST_PAYLOAD}))
    assert entry.payload == f"{LONGEST_PAYLOAD + 12} characters, too long to keep"


def test_keeps_a_payload_of_the_longest_length(room):
    data = "x" * (LONGEST_PAYLOAD - len(json.dumps({"data": ""})))
    assert noted(room, Call("1", "DataTransfer", {"data": data})).payload == {"data": data}


def test_survives_a_payload_that_is_nested_too_deeply(room):
    payload: dict[str, object] = {}
    for _ in range(900):
        payload = {"a": payload}
    assert noted(room, Call("1", "DataTransfer", payload)).payload == "nested too deeply to keep"


def test_keeps_texts_without_the_characters_that_a_database_refuses(room):
    entry = noted(room, CallError("1", "Odd\0Code", "x" * 400, {"a": "\0"}), "A\0ction" + "n" * 60)
    assert "\0" not in entry.error + entry.action
    assert (len(entry.error), len(entry.action)) == (300, 50)
    assert entry.payload == {"a": "\0"}  # escaped inside JSON


def test_writes_nothing_before_it_is_flushed(room):
    room.journal.note("CS-1", OUT, Call("1", "Reset", {}))
    assert room.journal.read("CS-1", None, 10) == []


def test_writes_everything_once(room):
    room.journal.note("CS-1", OUT, Call("1", "Reset", {}))
    room.journal.flush()
    room.journal.flush()
    assert len(room.journal.read("CS-1", None, 10)) == 1


def test_reads_one_station_newest_first_page_by_page(room):
    for number in range(4):
        room.journal.note("CS-1", IN, Call(str(number), f"Action{number}", {}))
        room.journal.note("CS-2", IN, Call(str(number), "Other", {}))
    room.journal.flush()
    first = room.journal.read("CS-1", None, 3)
    rest = room.journal.read("CS-1", first[-1].id, 3)
    assert [entry.action for entry in (*first, *rest)] == ["Action3", "Action2", "Action1", "Action0"]


def test_tells_once_when_each_station_was_heard_of(room):
    room.journal.note("CS-1", IN, Call("1", "Heartbeat", {}))
    room.clock.advance(seconds=5)
    room.journal.note("CS-1", IN, Call("2", "Heartbeat", {}))
    room.journal.note("CS-2", OUT, Call("3", "Reset", {}))  # what we say tells nothing about the station
    assert room.journal.take_heard() == {"CS-1": room.clock.now}
    assert room.journal.take_heard() == {}


def test_of_unknown_stations_nothing_is_kept(room):
    NoJournal().note("CS-9", IN, Call("1", "Heartbeat", {}), "Heartbeat", remark="breaks its schema")
    room.journal.flush()
    assert room.journal.read("CS-9", None, 10) == []

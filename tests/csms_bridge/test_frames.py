"""OCPP-J frames (OCPP-J 1.6 §4, OCPP 2.0.1 and 2.1 Part 4 §4)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_bridge.frames import (
    Call,
    CallError,
    CallResult,
    CallResultError,
    Flaw,
    Malformed,
    Send,
    read_frame,
    write_frame,
)

FRAMES = [
    ('[2,"19","Heartbeat",{}]', Call("19", "Heartbeat", {})),
    ('[2,"19","StatusNotification",{"connectorId":1}]', Call("19", "StatusNotification", {"connectorId": 1})),
    ('[3,"19",{"status":"Accepted"}]', CallResult("19", {"status": "Accepted"})),
    ('[4,"19","InternalError","it broke",{"a":1}]', CallError("19", "InternalError", "it broke", {"a": 1})),
    # 2.1 Part 4 §4.1.3
    ('[5,"19","FormatViolation","what?",{"a":1}]', CallResultError("19", "FormatViolation", "what?", {"a": 1})),
    ('[6,"19","NotifyPeriodicEventStream",{"id":1}]', Send("19", "NotifyPeriodicEventStream", {"id": 1})),
]


@pytest.mark.parametrize(("text", "frame"), FRAMES)
def test_reads_what_it_writes(text, frame):
    assert read_frame(text) == frame
    assert write_frame(frame) == text  # compact: some stations have small buffers (station-quirks 29)


def test_reads_bytes_as_utf_8():
    assert read_frame('[2,"1","A",{"é":"😀"}]'.encode()) == Call("1", "A", {"é": "😀"})


def test_writes_text_as_it_is():
    assert write_frame(CallResult("1", {"é": "😀"})) == '[3,"1",{"é":"😀"}]'


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[4,"19","GenericError"]', CallError("19", "GenericError", "", {})),
        ('[4,"19","GenericError",null,null]', CallError("19", "GenericError", "", {})),
        ('[4,"19","FormationViolation",""]', CallError("19", "FormationViolation", "", {})),
        ('[4,"19","",7,[]]', CallError("19", "", "", {})),
    ],
)
def test_reads_an_error_that_lacks_its_description_or_details(text, frame):
    """MicroOcpp sends them empty (station-quirks 24)."""
    assert read_frame(text) == frame


def test_cuts_an_error_description_at_255_characters():
    """OCPP 2.0.1 Part 4 §4.2.3: ErrorDescription is string[255]."""
    written = json.loads(write_frame(CallError("1", "InternalError", "x" * 300, {})))
    assert written[3] == "x" * 255


@pytest.mark.parametrize("text", ["", "x", "{", '{"a":1}', "[]", "2", "null", '"[2]"', "[2,", "[" * 100_000])
def test_what_is_no_array_gets_the_id_minus_1(text):
    """2.0.1 Part 4 §4.2.3: when the id cannot be read, the CALLERROR carries "-1"."""
    frame = read_frame(text)
    assert isinstance(frame, Malformed)
    assert (frame.id, frame.flaw, frame.type) == ("-1", Flaw.FRAME, None)


@pytest.mark.parametrize("id_", ["1", "x" * 36])
def test_takes_ids_of_1_to_36_characters(id_):
    assert read_frame(json.dumps([2, id_, "Heartbeat", {}])) == Call(id_, "Heartbeat", {})


@pytest.mark.parametrize("id_", ["", "x" * 37, 7, None, ["1"]])
def test_refuses_other_ids(id_):
    frame = read_frame(json.dumps([2, id_, "Heartbeat", {}]))
    assert isinstance(frame, Malformed)
    assert (frame.id, frame.flaw, frame.type) == ("-1", Flaw.FRAME, 2)


@pytest.mark.parametrize(
    ("parts", "flaw", "type_"),
    [
        ([2, "1"], Flaw.FRAME, 2),
        ([2, "1", "Heartbeat"], Flaw.FRAME, 2),
        ([2, "1", "Heartbeat", []], Flaw.PAYLOAD, 2),
        ([2, "1", "Heartbeat", None], Flaw.PAYLOAD, 2),
        ([2, "1", 7, {}], Flaw.FRAME, 2),
        ([2, "1", "Heartbeat", {}, {}], Flaw.FRAME, 2),
        ([1, "1", "Heartbeat", {}], Flaw.MESSAGE_TYPE, 1),
        (["2", "1", "Heartbeat", {}], Flaw.MESSAGE_TYPE, None),
        ([[2], "1"], Flaw.MESSAGE_TYPE, None),
        ([True, "1"], Flaw.MESSAGE_TYPE, None),
    ],
)
def test_a_broken_call_keeps_its_id(parts, flaw, type_):
    frame = read_frame(json.dumps(parts))
    assert isinstance(frame, Malformed)
    assert (frame.id, frame.flaw, frame.type) == ("1", flaw, type_)


@pytest.mark.parametrize(
    "parts",
    [
        [3],
        [3, 7, {}],
        [4],
        [6],
        [3, "1"],
        [3, "1", None],
        [3, "1", {}, {}],
        [4, "1"],
        [4, "1", 7],
        [5],
        [5, "1"],
        [6, "1", "NotifyPeriodicEventStream", []],
    ],
)
def test_a_broken_answer_is_known_as_one(parts):
    """An error about an answer would be taken for the answer to a call of the station's own."""
    frame = read_frame(json.dumps(parts))
    assert isinstance(frame, Malformed)
    assert frame.type == parts[0]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", str(2**63), "-1" + "0" * 400])
def test_refuses_numbers_that_json_does_not_have(number):
    """RFC 8259 §6. Python's parser takes them, and the REST API would fail when it shows the message."""
    assert isinstance(read_frame(f'[2,"1","MeterValues",{{"value":{number}}}]'), Malformed)


def test_takes_ordinary_fractions():
    assert read_frame('[2,"1","A",{"value":-1.5e3}]') == Call("1", "A", {"value": -1500.0})


@pytest.mark.parametrize("text", [r'[2,"1","\ud800",{}]', r'[2,"1","A",{"x":"\uDFFF"}]', r'[2,"1","A",{"\udc00":1}]'])
def test_refuses_half_surrogate_pairs(text):
    """RFC 7493 §2.1. One of them in the journal would lose the messages of all stations of that second."""
    assert isinstance(read_frame(text), Malformed)


def test_takes_whole_surrogate_pairs():
    assert read_frame(r'[2,"1","A",{"x":"\ud83d\ude00"}]') == Call("1", "A", {"x": "😀"})


@pytest.mark.parametrize("raw", [b'[2,"1","\xff",{}]', '[2,"1","A",{}]'.encode("utf-16"), b'[2,"1","\xed\xa0\x80",{}]'])
def test_refuses_bytes_that_are_not_utf_8(raw):
    assert isinstance(read_frame(raw), Malformed)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=40) | st.text(max_size=40) | json_values.map(json.dumps))
def test_never_raises_and_what_it_takes_can_be_sent(text):
    frame = read_frame(text)
    if not isinstance(frame, Malformed):
        assert read_frame(write_frame(frame).encode()) == frame


@given(st.lists(st.integers(0, 7) | st.text(max_size=40) | json_values, max_size=6))
def test_every_array_is_read_as_something(parts):
    frame = read_frame(json.dumps(parts))
    if isinstance(frame, Malformed):
        assert len(frame.id) <= 36
    else:
        assert read_frame(write_frame(frame).encode()) == frame

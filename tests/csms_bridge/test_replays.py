"""A CALL that comes twice is answered twice and carried out once."""

from csms_bridge.frames import Call, CallResult
from csms_bridge.replays import FOR, REMEMBERED, AnsweredCalls

CALL = Call("19", "StartTransaction", {"connectorId": 1})
TEXT = '[2,"19","StartTransaction",{"connectorId":1}]'
ANSWER = CallResult("19", {"transactionId": 7})


def memory(*calls: tuple[Call, str, CallResult], at: float = 0.0) -> AnsweredCalls:
    remembered = AnsweredCalls()
    for call, text, answer in calls:
        remembered.note(call, text, answer, at)
    return remembered


def test_the_same_call_gets_the_same_answer():
    assert memory((CALL, TEXT, ANSWER)).answer_to(CALL, TEXT, 1.0) is ANSWER


def test_a_new_call_gets_none():
    assert AnsweredCalls().answer_to(CALL, TEXT, 1.0) is None


def test_other_words_under_the_same_id_are_another_call():
    """Small stations use one id for all."""
    other = Call("19", "StartTransaction", {"connectorId": 2})
    assert memory((CALL, TEXT, ANSWER)).answer_to(other, TEXT.replace(":1", ":2"), 1.0) is None


def test_the_same_words_under_another_id_are_another_call():
    """Two readings of a meter may be the same."""
    other = Call("20", CALL.action, CALL.payload)
    assert memory((CALL, TEXT, ANSWER)).answer_to(other, TEXT.replace("19", "20"), 1.0) is None


def test_forgets_after_a_while():
    remembered = memory((CALL, TEXT, ANSWER))
    assert remembered.answer_to(CALL, TEXT, FOR - 1) is ANSWER
    assert remembered.answer_to(CALL, TEXT, FOR) is None


def test_remembers_the_last_ones_only():
    others = [(Call(str(n), "A", {}), f"[{n}]", CallResult(str(n), {})) for n in range(REMEMBERED)]
    assert memory((CALL, TEXT, ANSWER), *others[:-1]).answer_to(CALL, TEXT, 1.0) is ANSWER
    assert memory((CALL, TEXT, ANSWER), *others).answer_to(CALL, TEXT, 1.0) is None


def test_a_heartbeat_is_always_answered_anew():
    """It sets the station's clock; a station with one id for all would have its clock stopped."""
    beat, text = Call("1", "Heartbeat", {}), '[2,"1","Heartbeat",{}]'
    remembered = memory((beat, text, CallResult("1", {"currentTime": "2026-03-02T12:00:00.000Z"})))
    assert remembered.answer_to(beat, text, 1.0) is None


def test_knows_what_an_answer_was_about():
    """2.1's CALLRESULTERROR has the call's id alone."""
    remembered = memory((CALL, TEXT, ANSWER))
    assert remembered.action_of("19") == "StartTransaction"
    assert remembered.action_of("20") == ""

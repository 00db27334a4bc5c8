"""Who may charge while there is no CSMS that decides."""

from datetime import timedelta

import pytest

from csms_bridge import id_tokens
from csms_bridge.errors import IdTokenRefused, UnknownIdToken
from csms_bridge.id_tokens import LONGEST, IdToken, IdTokens, Leave, Policy, TokenStatus, leave_of
from tests.csms_bridge.room import NOON, Room

ACCEPTED, BLOCKED, EXPIRED, INVALID = (Leave(status) for status in TokenStatus)
LATER, EARLIER = NOON + timedelta(days=1), NOON - timedelta(days=1)


@pytest.fixture
def tokens(room: Room) -> IdTokens:
    return IdTokens(room.store, room.trail, Policy.LISTED, room.clock)


@pytest.mark.parametrize(
    ("policy", "listed", "leave"),
    [
        (Policy.NO, None, INVALID),
        (Policy.NO, IdToken("A"), INVALID),
        (Policy.NO, IdToken("A", blocked=True), INVALID),
        (Policy.YES, None, ACCEPTED),
        (Policy.YES, IdToken("A", blocked=True), BLOCKED),
        (Policy.YES, IdToken("A", expires_at=EARLIER), ACCEPTED),
        (Policy.LISTED, None, INVALID),
        (Policy.LISTED, IdToken("A"), ACCEPTED),
        (Policy.LISTED, IdToken("A", blocked=True, expires_at=LATER), BLOCKED),
        (Policy.LISTED, IdToken("A", expires_at=LATER), Leave(TokenStatus.ACCEPTED, LATER)),
        (Policy.LISTED, IdToken("A", expires_at=NOON), Leave(TokenStatus.EXPIRED, NOON)),
    ],
)
def test_the_policy_decides(policy, listed, leave):
    assert leave_of(policy, listed, NOON) == leave


@pytest.mark.parametrize("asked", ["04A1b2", "04a1B2", "04A1B2"])
def test_case_is_no_difference(tokens, asked):
    tokens.put([IdToken("04a1b2")], "user:anna")
    assert tokens.ask(asked) == ACCEPTED


@pytest.mark.parametrize("asked", ["", "04A1B3", "x" * 300, "04A1B2 "])
def test_others_may_not_charge(tokens, asked):
    tokens.put([IdToken("04A1B2")], "user:anna")
    assert tokens.ask(asked) == INVALID


def test_a_token_is_put_again_with_other_words(tokens, room):
    tokens.put([IdToken("04A1", note="Anna")], "user:anna")
    room.clock.advance(hours=1)
    [changed] = tokens.put([IdToken("04a1", blocked=True, note="lost")], "user:bert")
    assert tokens.page() == [changed]
    assert (changed.token, changed.blocked, changed.note, changed.changed_by) == ("04a1", True, "lost", "user:bert")
    assert tokens.ask("04A1") == BLOCKED


def test_all_are_put_or_none(tokens):
    with pytest.raises(IdTokenRefused, match="row 2: token"):
        tokens.put([IdToken("04A1"), IdToken("")], "user:anna")
    assert tokens.page() == []


@pytest.mark.parametrize("text", ["", " 04A1", "04A1 ", "04\nA1", "04\0A1", "x" * (LONGEST + 1)])
def test_what_no_token_is_cannot_be_put(tokens, text):
    with pytest.raises(IdTokenRefused):
        tokens.put([IdToken(text)], "user:anna")


def test_a_note_is_short(tokens):
    with pytest.raises(IdTokenRefused, match="note"):
        tokens.put([IdToken("04A1", note="x" * 201)], "user:anna")


def test_there_is_an_end_to_the_list(tokens, monkeypatch):
    monkeypatch.setattr(id_tokens, "MOST", 2)
    tokens.put([IdToken("A"), IdToken("B")], "user:anna")
    with pytest.raises(IdTokenRefused, match="more than 2"):
        tokens.put([IdToken("C")], "user:anna")
    assert len(tokens.page()) == 2


def test_what_was_removed_may_not_charge(tokens):
    tokens.put([IdToken("04A1")], "user:anna")
    tokens.remove("04a1", "user:anna", "left the company")
    assert tokens.ask("04A1") == INVALID
    with pytest.raises(UnknownIdToken):
        tokens.remove("04A1", "user:anna")


def test_every_change_is_audited(tokens, room):
    tokens.put([IdToken("04A1"), IdToken("04A2")], "user:anna")
    tokens.remove("04A1", "user:bert", "lost")
    with room.store.reading() as session:
        records = room.trail.records(session, kind="id-token", limit=10)
    assert [(one.act, one.thing, one.by) for one in records] == [
        ("id-token:put", "04A1", "user:anna"),
        ("id-token:put", "04A2", "user:anna"),
        ("id-token:removed", "04A1", "user:bert"),
    ]


def test_pages_in_the_order_of_the_alphabet(tokens):
    tokens.put([IdToken(text) for text in ("b", "A", "C")], "user:anna")
    assert [one.token for one in tokens.page(limit=2)] == ["A", "b"]
    assert [one.token for one in tokens.page(after="B")] == ["C"]

"""Answers are kept for their time, within a bound."""

from datetime import timedelta

import pytest

from csms_bridge.errors import StatusUnavailable
from csms_bridge.status.kept_answers import FAULT_KEPT, LONGEST, KeptAnswers
from tests.csms_bridge.room import NOON

HOUR = timedelta(hours=1)


def test_an_answer_is_kept_until_its_next_update():
    kept = KeptAnswers()
    kept.keep(("url", b"q"), b"answer", NOON + HOUR, NOON)
    assert kept.find(("url", b"q"), NOON + HOUR - timedelta(seconds=1)) == b"answer"
    assert kept.find(("url", b"q"), NOON + HOUR) is None
    assert kept.find(("other", b"q"), NOON) is None


def test_no_answer_is_kept_longer_than_a_day():
    kept = KeptAnswers()
    kept.keep("q", b"answer", NOON + timedelta(days=3000), NOON)
    assert kept.find("q", NOON + LONGEST - HOUR) == b"answer"
    assert kept.find("q", NOON + LONGEST) is None


def test_a_fault_is_kept_for_a_moment():
    kept = KeptAnswers()
    kept.keep_fault("q", StatusUnavailable("Timeout", "late"), NOON)
    with pytest.raises(StatusUnavailable, match="late"):
        kept.find("q", NOON + FAULT_KEPT - timedelta(seconds=1))
    assert kept.find("q", NOON + FAULT_KEPT) is None


def test_the_least_recently_used_are_forgotten():
    kept = KeptAnswers(room=3 * 1000)
    for name in "ab":
        kept.keep(name, b"x" * 400, NOON + HOUR, NOON)
    assert kept.find("a", NOON) is not None
    kept.keep("c", b"x" * 1000, NOON + HOUR, NOON)
    assert [kept.find(name, NOON) is not None for name in "abc"] == [True, False, True]


def test_a_newer_answer_takes_the_place_of_the_older():
    kept = KeptAnswers(room=2000)
    for _ in range(10):
        kept.keep("a", b"x" * 1000, NOON + HOUR, NOON)
    kept.keep("b", b"y", NOON + HOUR, NOON)
    assert kept.find("b", NOON) == b"y"


def test_what_is_larger_than_the_room_is_not_kept():
    kept = KeptAnswers(room=1000)
    kept.keep("a", b"x" * 1000, NOON + HOUR, NOON)
    assert kept.find("a", NOON) is None

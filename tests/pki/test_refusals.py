"""One table has every reason to refuse a request, and nothing else refuses one."""

import re
from pathlib import Path

import pytest

from pki.authority import _ALARMING
from pki.refusals import Refusal

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "pki" / "refusals.py"
CODE = {
    path: path.read_text(encoding="utf-8")
    for room in ("pki", "csms_bridge", "web")
    for path in (ROOT / room).rglob("*.py")
    if path != TABLE
}


@pytest.mark.parametrize("refusal", Refusal, ids=str)
def test_every_rule_has_all_its_parts(refusal: Refusal) -> None:
    rule = refusal.value
    assert re.fullmatch("[a-z]+(-[a-z]+)*", rule.code)
    assert rule.sentence[0].islower()
    assert not rule.sentence.endswith(".")
    assert re.match("OCPP |RFC |FIPS |CVE-|SEC |ours: ", rule.clause)
    assert rule.advice.endswith(".")


def test_every_code_stands_for_one_rule() -> None:
    codes = [refusal.value.code for refusal in Refusal]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("refusal", Refusal, ids=str)
def test_every_rule_is_enforced_somewhere(refusal: Refusal) -> None:
    assert any(re.search(rf"Refusal\.{refusal.name}\b", text) for text in CODE.values())


def test_requests_are_refused_by_the_table_alone() -> None:
    aside = [path.name for path, text in CODE.items() if re.search(r"(?<!class )CsrRejected\(", text)]
    assert aside == []


def test_what_raises_an_alarm_is_in_the_table() -> None:
    assert set(_ALARMING) <= {refusal.value.code for refusal in Refusal}


def test_a_closer_sentence_takes_the_place_of_the_general_one() -> None:
    assert Refusal.BAD_NAME.because().sentence == Refusal.BAD_NAME.value.sentence
    closer = Refusal.BAD_NAME.because("the name is a number")
    assert (closer.sentence, closer.code) == ("the name is a number", "bad-name")
    assert (closer.clause, closer.hint) == (Refusal.BAD_NAME.value.clause, Refusal.BAD_NAME.value.advice)

"""The list of cases is complete and honest: each has a test, a test elsewhere, or a reason, and one of these alone."""

import ast

import pytest

from tests.conformance.listing import ROOT, case_of, checks, elsewhere, parts, results, without

CASES = [case for part in parts() for case in part["cases"]]


def test_no_case_is_listed_twice() -> None:
    assert len(CASES) == len(set(CASES))


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_covered_in_one_way_or_has_a_reason(case: str) -> None:
    assert [case in checks(), case in elsewhere(), case in without()].count(True) == 1


def test_nothing_is_covered_that_is_not_listed() -> None:
    assert {*checks(), *elsewhere(), *without()} == set(CASES)


@pytest.mark.parametrize("case", sorted(checks()))
def test_a_check_says_what_it_checks_and_has_passed(case: str) -> None:
    """`pytest -n 0 tests/conformance --conformance-report` writes the results down."""
    assert checks()[case].says
    assert set(results().get(case, [])) == {"passed"}


def test_every_result_is_of_a_check() -> None:
    assert set(results()) == set(checks())


@pytest.mark.parametrize("place", sorted(place for one in elsewhere().values() for place in one["tests"]))
def test_a_test_elsewhere_exists(place: str) -> None:
    file, _, name = place.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not name or name in names


@pytest.mark.parametrize(
    ("test", "case"),
    [("test_tc_a_01_csms[2.0.1]", "TC_A_01"), ("test_tc_075_1_csms", "TC_075_1"), ("test_check_08", "CHECK_08")],
)
def test_a_test_is_named_after_its_case(test: str, case: str) -> None:
    assert case_of(test) == case

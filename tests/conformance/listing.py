"""Which cases there are, which test checks each, and what came of it; docs/conformance.md is made of this.

Run as a file of its own, so it imports nothing of ours.
"""

import ast
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "conformance"
RESULTS = ROOT / "docs" / "conformance.json"


@dataclass(frozen=True)
class Check:
    """A test of a case: where it is, and the first line of what it says of itself."""

    place: str
    says: str


def parts() -> list[dict[str, Any]]:
    """The tables, in order."""
    listed: list[dict[str, Any]] = _cases()["part"]
    return listed


def elsewhere() -> dict[str, dict[str, Any]]:
    """Cases that tests of other folders cover."""
    covered: dict[str, dict[str, Any]] = _cases()["elsewhere"]
    return covered


def without() -> dict[str, str]:
    """Cases without a test, and why."""
    missing: dict[str, str] = _cases()["without"]
    return missing


@cache
def checks() -> dict[str, Check]:
    """Case to its test in this folder."""
    return {case_of(name): check for name, check in _tests()}


def case_of(test: str) -> str:
    """`test_tc_a_01_csms[2.1]` is about TC_A_01."""
    return test.partition("[")[0].removeprefix("test_").removesuffix("_csms").upper()


@cache
def results() -> dict[str, list[str]]:
    """Case to what became of its tests, of all versions and variants."""
    found: dict[str, list[str]] = {}
    for name, outcome in json.loads(RESULTS.read_text(encoding="utf-8")).items():
        found.setdefault(case_of(name), []).append(outcome)
    return found


def table(title: str) -> str:
    """One part of the list as a table."""
    [part] = [part for part in parts() if part["title"] == title]
    lines = ["| case | checks | test | result |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(_row(case) for case in part["cases"])]) + "\n"


def summary() -> str:
    """How many cases there are, and how they are covered."""
    cases = [case for part in parts() for case in part["cases"]]
    passed = [case for case in cases if set(results().get(case, ["none"])) == {"passed"}]
    covered = [case for case in cases if case in elsewhere()]
    missing = [case for case in cases if case in without()]
    return (
        f"{len(cases)} cases: {len(passed)} passed here, {len(covered)} are covered by other tests, "
        f"{len(missing)} are not covered.\n"
    )


def _row(case: str) -> str:
    check = checks().get(case)
    if check is not None:
        became = results().get(case, [])
        result = "passed" if set(became) == {"passed"} else f"{became.count('passed')} of {len(became)} passed"
        return f"| {case} | {check.says} | `{check.place}` | {result} |"
    if case in elsewhere():
        places = ", ".join(f"`{place}`" for place in elsewhere()[case]["tests"])
        return f"| {case} | {elsewhere()[case]['checks']} | {places} | in `make test` |"
    return f"| {case} | not covered: {without()[case]} | | |"


def _tests() -> Iterator[tuple[str, Check]]:
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith(("test_tc_", "test_check_")):
                says = (ast.get_docstring(node) or "").partition("\n")[0]
                yield node.name, Check(f"{path.name}::{node.name}", says)


@cache
def _cases() -> dict[str, Any]:
    return tomllib.loads((HERE / "cases.toml").read_text(encoding="utf-8"))

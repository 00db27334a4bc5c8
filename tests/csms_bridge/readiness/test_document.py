"""docs/readiness.md says of each reason what it means and what to do."""

from pathlib import Path

import pytest

from csms_bridge.readiness.codes import Code, Verdict

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "readiness.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", Code)
def test_each_reason_has_a_line(code):
    (line,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{code}` |")]
    assert len([cell for cell in line.split("|") if cell.strip()]) == 4


@pytest.mark.parametrize("verdict", Verdict)
def test_each_verdict_has_a_line(verdict):
    assert f"\n| `{verdict}` |" in DOCUMENT

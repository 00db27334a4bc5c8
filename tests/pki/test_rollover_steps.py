"""The steps of a roll-over as a table: each need with facts that meet it and facts that do not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pki.hierarchy import AuthorityStatus
from pki.rollover_steps import ABANDONED, STEPS, Facts, StepName, moves_of, next_step, obstacles_to, step_called

NOW = datetime(2026, 11, 24, tzinfo=UTC)
YEAR = timedelta(days=365)
READY = Facts(
    is_root=True,
    now=NOW,
    old=("root", "stations"),
    new=("root-2", "stations-2"),
    old_ends=NOW + YEAR,
    new_begins=NOW - timedelta(days=2),
    new_ends=NOW + 10 * YEAR,
    note="by InstallCertificate",
)


def test_the_steps_come_in_their_order_and_end() -> None:
    assert [step.name.value for step in STEPS] == ["prepare", "distribute", "issue from new", "retire old"]
    after = [next_step(step.name) for step in STEPS]
    assert after == [*STEPS[1:], None]
    assert next_step(ABANDONED) is None
    assert step_called(ABANDONED) is None


@pytest.mark.parametrize("step", STEPS, ids=[step.name for step in STEPS])
def test_nothing_stands_against_a_step_that_is_ready(step) -> None:  # type: ignore[no-untyped-def]
    assert obstacles_to(step, READY) == ()


CASES = [
    (StepName.DISTRIBUTE, {"unpublished": ("root-2",)}, "no revocation list yet of 'root-2'", False),
    (StepName.DISTRIBUTE, {"note": ""}, "say in the note", False),
    (StepName.ISSUE_FROM_NEW, {"unpublished": ("stations-2",)}, "no revocation list yet", False),
    (StepName.ISSUE_FROM_NEW, {"new_begins": NOW + timedelta(seconds=1)}, "the successor is good from", False),
    (StepName.ISSUE_FROM_NEW, {"new_ends": NOW}, "the successor is good from", False),
    (StepName.ISSUE_FROM_NEW, {"new_ends": NOW + YEAR / 2}, "sooner than the old one", True),
    (StepName.ISSUE_FROM_NEW, {"unusable": ("stations-2",)}, "no signature can be had now from 'stations-2'", False),
    (StepName.ISSUE_FROM_NEW, {"cut_off": ("stations-2",)}, "no chain leads to the old root", True),
    (StepName.RETIRE_OLD, {"leaves": 7}, "7 good certificates were issued by 'root', 'stations'", True),
    (StepName.RETIRE_OLD, {"wishes": 3}, "the chains of 3 stations", True),
    (StepName.RETIRE_OLD, {"servers": ("server-ec",)}, "the server certificates 'server-ec'", True),
]


@pytest.mark.parametrize(("step", "changes", "sentence", "may_be_forced"), CASES)
def test_each_need_has_its_obstacle(
    step: StepName, changes: dict[str, object], sentence: str, may_be_forced: bool
) -> None:
    row = step_called(step)
    assert row is not None
    found = obstacles_to(row, replace(READY, **changes))  # type: ignore[arg-type]
    assert any(sentence in one.sentence and one.may_be_forced is may_be_forced for one in found)


def test_only_a_root_has_to_be_distributed_by_somebody() -> None:
    """An issuing authority's certificate comes with every chain."""
    assert obstacles_to(STEPS[1], replace(READY, is_root=False, note="")) == ()


def test_what_leaves_and_what_comes_move_together() -> None:
    after = {step.name.value: {str(status) for status in moves_of(step, READY).values()} for step in STEPS}
    assert after == {
        "prepare": {"active", "prepared"},
        "distribute": {"active", "prepared"},
        "issue from new": {"retiring", "active"},
        "retire old": {"retired", "active"},
    }
    moves = moves_of(STEPS[2], READY)
    assert moves["stations"] is moves["root"] is AuthorityStatus.RETIRING
    assert moves["stations-2"] is moves["root-2"] is AuthorityStatus.ACTIVE


def test_there_is_a_way_back_until_the_successor_issues() -> None:
    assert [step.may_be_abandoned for step in STEPS] == [True, True, False, False]

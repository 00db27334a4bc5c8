"""The path that a walk would take: the very plan with its steps, and what the quirk book changes of it. Pure."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from csms_bridge.quirks.book import Explanation
from csms_bridge.quirks.quirks import MEANINGS, USUAL, Quirks
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import Needed, Step, Walk

WHEN = {
    Needed.ALWAYS: "",
    Needed.IF_STILL_THERE: "if it stays on the line and asks for no restart",
    Needed.IF_OTHER_ROOT: "if its certificate stands under another root",
    Needed.IF_SLOT_LISTED: "if the slot is in use",
    Needed.UNLESS_ISSUED: "unless it has asked already",
    Needed.UNLESS_SLOTS_TOLD: "unless it reported them on the leg before",
    Needed.IF_NOT_ALLOWED: "if it does not say that it may",
    Needed.IF_WE_ALLOWED: "if the walk allowed it",
}
"""When a step is taken; the others belong to the way back of a walk that is cancelled."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step. `when` is empty for one that is always taken; `by_quirk`: other stations have none like it."""

    leg: SecurityProfile
    name: str
    done_when: str
    when: str
    may_skip: bool
    by_quirk: bool


@dataclass(frozen=True, slots=True)
class Change:
    """Something odd that changes the path: the key, its value, what that means, and the row that says so."""

    key: str
    value: Any
    meaning: str
    row: str


@dataclass(frozen=True, slots=True)
class Path:
    """From where to where, in which steps; `left_out` are steps that stations without a quirk take."""

    start: SecurityProfile
    goal: SecurityProfile
    steps: tuple[PathStep, ...]
    left_out: tuple[str, ...]
    changes: tuple[Change, ...]


@cache
def planned(version: OcppVersion, start: SecurityProfile, goal: SecurityProfile, quirks: Quirks) -> Walk:
    """The plan; a fleet has few of them. Raises ValueError when there is none."""
    return plan(version, start, goal, quirks)


def path_of(
    version: OcppVersion | None, start: SecurityProfile, goal: SecurityProfile, book: Explanation
) -> Path | None:
    """The path of a station that the book says this of; None when there is none."""
    if version is None:
        return None
    try:
        steps, left_out = _compared(version, start, goal, book.quirks)
    except ValueError:
        return None
    return Path(start, goal, steps, left_out, _changes(book))


@cache
def _compared(
    version: OcppVersion, start: SecurityProfile, goal: SecurityProfile, quirks: Quirks
) -> tuple[tuple[PathStep, ...], tuple[str, ...]]:
    """The steps, and those that only stations without a quirk take."""
    usual = [_key(step) for step in planned(version, start, goal, USUAL).steps]
    walk = planned(version, start, goal, quirks)
    ours = {_key(step) for step in walk.steps}
    steps = tuple(_shown(step, _key(step) not in usual) for step in walk.steps)
    return steps, tuple(name for leg, name in usual if (leg, name) not in ours)


def _key(step: Step) -> tuple[SecurityProfile, str]:
    return step.leg, step.name


def _shown(step: Step, by_quirk: bool) -> PathStep:
    return PathStep(step.leg, step.name, step.until.value, WHEN[step.needed], not step.must, by_quirk)


def _changes(book: Explanation) -> tuple[Change, ...]:
    odd = book.quirks.odd()
    return tuple(Change(key, odd[key], MEANINGS[key], book.decided_by.get(key, "")) for key in sorted(odd))

"""A finger on the table: how the progress of a walk is marked, what it learns and what it forgets. Pure."""

from dataclasses import replace
from datetime import datetime

from csms_bridge.walks.steps import Progress, StepState, WalkState

UNDER_WAY = (StepState.SENT, StepState.WAITING)
OF_THE_STEP = frozenset({"alternative", "again"})
OF_THE_LAST_MESSAGE = frozenset({"dropped", "reboot", "back", "back_on", "returns", "complaint", "again"})
OF_THE_LEG = frozenset({"password", "away"})
OF_THE_HOLD = frozenset({"held_by", "came"})


def next_step(at: Progress, state: StepState, now: datetime, note: str = "") -> Progress:
    """Close the current step and turn to the next; after the last one the walk is done."""
    closed = forget(mark(at, state, now, note), OF_THE_STEP)
    if at.index + 1 == len(at.views):
        return replace(closed, outcome=WalkState.DONE)
    return replace(closed, index=at.index + 1, tries=0)


def mark(at: Progress, state: StepState, now: datetime, note: str = "") -> Progress:
    view = replace(at.views[at.index], state=state, at=now, note=note)
    views = (*at.views[: at.index], view, *at.views[at.index + 1 :])
    return replace(at, views=views, moved=now)


def hold(at: Progress, reason: str, now: datetime, by: str = "") -> Progress:
    """Stop here, with the reason an operator reads; what the station complained of lately is part of it."""
    if complaint := at.facts.get("complaint"):
        reason = f"{reason}; it reported {complaint}"
    held = learn(forget(mark(at, StepState.HELD, now, reason), OF_THE_HOLD), held_by=by)
    return replace(held, outcome=WalkState.HELD, reason=reason)


def learn(at: Progress, **facts: str) -> Progress:
    return replace(at, facts={**at.facts, **facts})


def forget(at: Progress, names: frozenset[str] | set[str]) -> Progress:
    return replace(at, facts={name: value for name, value in at.facts.items() if name not in names})


def issued_serials(at: Progress) -> list[str]:
    return at.facts.get("issued", "").split()

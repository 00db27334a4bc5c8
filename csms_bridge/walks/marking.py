"""A finger on the table: how the progress of a walk is marked, what it learns and what it forgets. Pure."""

from dataclasses import replace
from datetime import datetime

from csms_bridge.walks.causes import Cause
from csms_bridge.walks.steps import Do, Progress, Step, StepState, WalkState

UNDER_WAY = (StepState.SENT, StepState.WAITING)
OF_THE_STEP = frozenset({"alternative", "again", "paused"})
OF_THE_LAST_MESSAGE = frozenset({"dropped", "reboot", "back", "back_on", "returns", "complaint", "again"})
OF_THE_LEG = frozenset(
    {
        "password",
        "away",
        "touched",
        "order",
        "old_url",
        "allowed",
        "restarted",
        "came_after",
        "old_proved",
        "was_touched",
        "was_after",
    }
)
OF_THE_HOLD = frozenset({"held_by", "cause", "came"})
UNSETTLING = frozenset({Do.RAISE_PROFILE, Do.PREFER_SLOT, Do.RESTART, Do.SET_PASSWORD})
"""After these a station may come back otherwise, or not at all."""
_WAS = {"touched": "was_touched", "came_after": "was_after"}
"""What a refusal brings back, and where it is kept until the answer."""


def next_step(at: Progress, state: StepState, now: datetime, note: str = "") -> Progress:
    """Close the current step and turn to the next; after the last one the walk is done, or its way back is."""
    closed = forget(mark(at, state, now, note), OF_THE_STEP)
    if at.index + 1 == len(at.views):
        return ended(closed)
    return replace(closed, index=at.index + 1, tries=0)


def ended(at: Progress) -> Progress:
    """At the end of the table."""
    if "cancel" in at.facts:
        return replace(at, outcome=WalkState.CANCELLED, reason=at.facts["cancel"])
    return replace(at, outcome=WalkState.DONE)


def mark(at: Progress, state: StepState, now: datetime, note: str = "") -> Progress:
    """The step at hand is in this state from now on."""
    view = replace(at.views[at.index], state=state, at=now, note=note)
    views = (*at.views[: at.index], view, *at.views[at.index + 1 :])
    return replace(at, views=views, moved=now)


def noted(at: Progress, note: str) -> Progress:
    """The step at hand with this note; its time goes on."""
    view = replace(at.views[at.index], note=note)
    return replace(at, views=(*at.views[: at.index], view, *at.views[at.index + 1 :]))


def hold(at: Progress, reason: str, now: datetime, cause: Cause) -> Progress:
    """Stop here, with the reason an operator reads; what the station complained of lately is part of it."""
    if complaint := at.facts.get("complaint"):
        reason = f"{reason}; it reported {complaint}"
    held = learn(forget(mark(at, StepState.HELD, now, reason), OF_THE_HOLD), cause=cause.value)
    return replace(held, outcome=WalkState.HELD, reason=reason)


def running(at: Progress) -> Progress:
    """On again; one that is being cancelled says so."""
    reason = f"being cancelled: {at.facts['cancel']}" if "cancel" in at.facts else ""
    return replace(at, outcome=WalkState.RUNNING, reason=reason)


def touch(at: Progress, step: Step) -> Progress:
    """The step at hand is begun: cancelling has to undo it from now on."""
    before = {was: at.facts[fact] for fact, was in _WAS.items() if fact in at.facts}
    at = learn(forget(at, frozenset(_WAS.values())), **before)
    if step.do in UNSETTLING:
        at = forget(at, {"came_after", "restarted", "old_proved"})
    if not step.undo:
        return at
    return learn(at, touched=",".join(dict.fromkeys([*numbers_of(at, "touched"), str(at.index)])))


def untouch(at: Progress) -> Progress:
    """The station refused what the step at hand asked: it is where it was before."""
    before = {fact: at.facts[was] for fact, was in _WAS.items() if was in at.facts}
    return learn(forget(at, {*_WAS, *_WAS.values()}), **before)


def numbers_of(at: Progress, fact: str) -> list[str]:
    """The numbers in a fact that is a list of them."""
    return [number for number in at.facts.get(fact, "").split(",") if number]


def learn(at: Progress, **facts: str) -> Progress:
    """These facts as well."""
    return replace(at, facts={**at.facts, **facts})


def forget(at: Progress, names: frozenset[str] | set[str]) -> Progress:
    """Without these facts."""
    return replace(at, facts={name: value for name, value in at.facts.items() if name not in names})


def issued_serials(at: Progress) -> list[str]:
    """The certificates issued in this walk, newest last."""
    return at.facts.get("issued", "").split()

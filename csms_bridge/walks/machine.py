"""The whole engine of a walk: `advance()`, pure. What was seen goes in, progress and the next acts come out.

Progress is stored before anything is sent, so a crash leaves a step *sent*, whose answer is then unknown. What an
answer means is in `answers`, what a connection means in `arrivals`, what an operator does in `operating`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from csms_bridge.walks.answers import answered, issued, unanswered
from csms_bridge.walks.arrivals import came_on_hold, connected, fell_back
from csms_bridge.walks.marking import OF_THE_LAST_MESSAGE, OF_THE_LEG, UNDER_WAY, forget, hold, learn, mark, next_step
from csms_bridge.walks.operating import walk_again
from csms_bridge.walks.slots import slot_numbers
from csms_bridge.walks.steps import (
    Answered,
    Complained,
    Connected,
    Disconnected,
    Do,
    Issued,
    Needed,
    Pace,
    Progress,
    RequestRefused,
    Seen,
    SlotsTold,
    Step,
    StepState,
    StepView,
    Tick,
    Unanswered,
    Until,
    Walk,
    WalkState,
    WeWereAway,
)

CERTIFICATE_ACTS = (Do.INSTALL_ISSUER_ROOT, Do.DELIVER)


def begin(walk: Walk, now: datetime, facts: Mapping[str, str]) -> Progress:
    """The progress of a walk that has not taken a step; `facts` names the CSMS root (see Progress)."""
    return Progress(tuple(StepView(step.name) for step in walk.steps), moved=now, facts=facts)


def advance(walk: Walk, at: Progress, seen: Seen, now: datetime, pace: Pace) -> tuple[Progress, Sequence[Do]]:
    """Take in one thing that was seen; return the progress to store, and then the acts to do, in order.

    Messages to the station are asked for on a Tick with `ready` only, at most one at a time. A walk on hold
    goes on by itself when its leg's end is seen after all; one that an operator holds does so when resumed.
    """
    if at.outcome is WalkState.HELD and isinstance(seen, Connected):
        at = came_on_hold(walk, at, seen)
    if at.outcome is not WalkState.RUNNING:
        return at, ()
    taken = _take_in(walk, at, seen, now, pace)
    if taken.outcome is WalkState.HELD and "away" in taken.facts:
        # It knocked on a closed door, or a message went down with us: before anybody is asked, the leg is tried again.
        taken = walk_again(walk, replace(taken, outcome=WalkState.RUNNING, reason=""), now)
    return _go_on(walk, taken, seen, now)


def takes_certificate(walk: Walk, at: Progress) -> bool:
    """Whether a certificate issued now is for this walk to deliver."""
    step = walk.steps[at.index]
    return at.outcome is WalkState.RUNNING and (step.do in CERTIFICATE_ACTS or step.until is Until.ISSUED)


def _take_in(walk: Walk, at: Progress, seen: Seen, now: datetime, pace: Pace) -> Progress:
    step = walk.steps[at.index]
    match seen:
        case Connected():
            return connected(walk, at, seen, now, pace)
        case Disconnected():
            gone = forget(at, {"back"})
            return learn(gone, dropped="yes") if at.state in UNDER_WAY else gone
        case Answered() if _is_about_last_message(seen, at):
            return answered(step, at, seen.answer, now, pace)
        case Unanswered() if _is_about_last_message(seen, at):
            return unanswered(step, at, now, pace)
        case Issued():
            return issued(step, at, seen, now)
        case WeWereAway():
            return learn(at, away="yes")
        case Complained(words):
            return learn(at, complaint=words)
        case SlotsTold(slots) if step.until is Until.SLOTS_TOLD:
            return next_step(learn(at, slots=slots), StepState.DONE, now, f"slots {slots or 'not told'}")
        case RequestRefused(reason) if step.until is Until.ISSUED:
            return hold(at, f"the authority refused the station's certificate request: {reason}", now)
        case Tick():
            return _time_went_by(step, at, now, pace)
    return at


def _is_about_last_message(seen: Answered | Unanswered, at: Progress) -> bool:
    """A line that dies slowly tells of its end when the step may have been asked again on a newer one."""
    is_of_step = seen.index == at.index and at.state is StepState.SENT
    return is_of_step and (seen.asked is None or seen.asked == at.moved)


def _go_on(walk: Walk, at: Progress, seen: Seen, now: datetime) -> tuple[Progress, Sequence[Do]]:
    """Walk over what needs nothing from the station; then, if it is ready, ask the next thing."""
    acts: list[Do] = []
    while at.outcome is WalkState.RUNNING and at.state is StepState.PENDING:
        step = walk.steps[at.index]
        if not _is_needed(step, at):
            at = next_step(at, StepState.SKIPPED, now, "not needed")
        elif step.until is Until.RECORDED:
            acts.append(step.do)
            at = next_step(forget(at, OF_THE_LEG), StepState.DONE, now)
        elif step.do is Do.WAIT:
            at = mark(at, StepState.WAITING, now)
        elif isinstance(seen, Tick) and seen.ready and now >= at.moved:
            at = mark(forget(at, OF_THE_LAST_MESSAGE), StepState.SENT, now)
            return replace(at, tries=at.tries + 1), (*acts, _act(step, at))
        else:
            break
    return at, acts


def _time_went_by(step: Step, at: Progress, now: datetime, pace: Pace) -> Progress:
    waited = now - at.moved
    if at.state is StepState.SENT and waited >= pace.silence:
        return unanswered(step, at, now, pace)
    if at.state is not StepState.WAITING:
        return at
    if step.settles and step.until is Until.ACCEPTED:
        over = waited >= pace.settle * step.settles
        return next_step(at, StepState.DONE, now, at.views[at.index].note) if over else at
    if step.until is Until.SEEN and fell_back(at, now, pace):
        words = f"it fell back: seen again on profile {at.facts['back_on']} when {step.leg:d} was expected"
        return hold(at, words, now)
    if waited < step.within:
        return at
    if step.optional:
        return next_step(at, StepState.SKIPPED, now, step.late)
    return hold(at, f"{step.name}: {step.late}", now)


def _is_needed(step: Step, at: Progress) -> bool:
    match step.needed:
        case Needed.IF_STILL_THERE:
            return "reboot" in at.facts or "dropped" not in at.facts
        case Needed.IF_OTHER_ROOT:
            return at.facts.get("issuer_root") not in (at.facts.get("csms_root"), at.facts.get("also_root"))
        case Needed.IF_SLOT_LISTED:
            return int(at.facts["slot"]) in slot_numbers(at.facts["priority"])
        case Needed.UNLESS_ISSUED:
            return "issued" not in at.facts
    return True


def _act(step: Step, at: Progress) -> Do:
    return step.otherwise if step.otherwise and "alternative" in at.facts else step.do

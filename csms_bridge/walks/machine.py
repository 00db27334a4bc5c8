"""The whole engine of a walk: `advance()`, pure. What was seen goes in, progress and the next acts come out.

Progress is stored before anything is sent, so a crash leaves a step *sent*, whose answer is then unknown. What an
answer means is in `answers`, what a connection means in `arrivals`, what an operator does in `operating`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from csms_bridge.walks.answers import answered, issued, unanswered
from csms_bridge.walks.arrivals import booted, came_on_hold, connected, falls_back_at
from csms_bridge.walks.causes import Cause
from csms_bridge.walks.marking import (
    OF_THE_LAST_MESSAGE,
    OF_THE_LEG,
    UNDER_WAY,
    forget,
    hold,
    learn,
    mark,
    next_step,
    noted,
    numbers_of,
    running,
    touch,
)
from csms_bridge.walks.operating import walk_again
from csms_bridge.walks.slots import slot_numbers
from csms_bridge.walks.steps import (
    Answered,
    Booted,
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

LATE_FOR = {
    Until.SEEN: Cause.NOT_SEEN,
    Until.ISSUED: Cause.NO_REQUEST,
    Until.PASSWORD_SEEN: Cause.PASSWORD_NOT_SEEN,
    Until.BACK: Cause.NO_WAY_BACK,
    Until.A_PASSWORD_SEEN: Cause.NO_WAY_BACK,
}
SWITCHES = (Do.RAISE_PROFILE, Do.PREFER_SLOT, Do.SET_PASSWORD)
WAITS_FOR_A_WINDOW = "waits for the next maintenance window of its site"
NEVER = datetime.max.replace(tzinfo=UTC)
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
        at = came_on_hold(walk, at, seen, now)
    if at.outcome is not WalkState.RUNNING:
        return at, ()
    taken = _take_in(walk, at, seen, now, pace)
    if taken.outcome is WalkState.HELD and "away" in taken.facts:
        # It knocked on a closed door, or a message went down with us: before anybody is asked, the leg is tried again.
        taken = walk_again(walk, running(taken), now)
    return _go_on(walk, taken, seen, now)


def quiet_until(walk: Walk, at: Progress, pace: Pace, *, ready: bool) -> datetime:
    """The moment before which a Tick with this `ready` moves nothing."""
    if at.outcome is not WalkState.RUNNING:
        return NEVER
    step, is_paused = walk.steps[at.index], "paused" in at.facts
    if is_paused and ready:
        return at.moved
    if at.state is StepState.PENDING and (ready or not _needs_the_station(step, at)):
        return at.moved
    ends = [at.moved + pace.asleep] if is_paused or at.state is StepState.PENDING else []
    if at.state is StepState.SENT:
        ends.append(at.moved + pace.silence)
    if at.state is StepState.WAITING and not is_paused:
        is_settling = step.settles and step.until is Until.ACCEPTED
        ends.append(at.moved + (pace.settle * step.settles if is_settling else step.within))
        ends += [moment for moment in [falls_back_at(at, pace)] if moment is not None]
    return min(ends, default=at.moved)


def waits_for_a_window(walk: Walk, at: Progress) -> bool:
    """Whether what is asked next takes the station off the line, and can wait for the next maintenance window.

    Between any two steps a station is reachable. But a switch that was begun is carried through, since half of one is
    worse than a late one: a restart that completes it waits for nothing, nor does the way back of a cancelled walk.
    """
    step = walk.steps[at.index]
    if at.state is not StepState.PENDING or walk.back is not None:
        return False
    if step.do is not Do.RESTART:
        return step.do in SWITCHES
    leg = [i for i in range(at.index) if walk.steps[i].leg is step.leg and walk.steps[i].do in SWITCHES]
    return not any(at.views[i].state is StepState.DONE for i in leg)


def takes_certificate(walk: Walk, at: Progress) -> bool:
    """Whether a certificate issued now is for this walk to deliver."""
    step = walk.steps[at.index]
    return at.outcome is WalkState.RUNNING and (step.do in CERTIFICATE_ACTS or step.until is Until.ISSUED)


def _take_in(walk: Walk, at: Progress, seen: Seen, now: datetime, pace: Pace) -> Progress:
    step = walk.steps[at.index]
    match seen:
        case Connected():
            return connected(walk, _on_line(step, at, now), seen, now, pace)
        case Disconnected():
            gone = forget(_off_line(step, at, now), {"back"})
            return learn(gone, dropped="yes") if at.state in UNDER_WAY else gone
        case Booted():
            return booted(walk, at, now)
        case Answered() if _is_about_last_message(seen, at):
            return answered(step, at, seen.answer, now, pace)
        case Unanswered() if _is_about_last_message(seen, at):
            return unanswered(step, at, now, pace)
        case Issued():
            return issued(step, at, seen, now)
        case WeWereAway():
            return learn(_off_line(step, at, now), away="yes")
        case Complained(words):
            return learn(at, complaint=words)
        case SlotsTold(slots) if step.until is Until.SLOTS_TOLD:
            return next_step(learn(at, slots=slots), StepState.DONE, now, f"slots {slots or 'not told'}")
        case RequestRefused(reason) if step.until is Until.ISSUED:
            return hold(at, f"the authority refused the station's certificate request: {reason}", now, Cause.AUTHORITY)
        case Tick(ready):
            # One that can be asked is on the line, though the end of an older line was told after its new beginning.
            return _time_went_by(step, _on_line(step, at, now) if ready else at, now, pace)
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
        if str(at.index) in numbers_of(at, "skips"):
            at = next_step(at, StepState.SKIPPED, now, f"skipped: {at.facts[f'skip_{at.index}']}")
        elif not _is_needed(step, at):
            at = next_step(at, StepState.SKIPPED, now, "not needed")
        elif step.until is Until.RECORDED:
            acts.append(step.do)
            at = next_step(_recorded(step, at), StepState.DONE, now)
        elif step.do is Do.WAIT:
            at = mark(at, StepState.WAITING, now)
        elif isinstance(seen, Tick) and seen.shut and waits_for_a_window(walk, at):
            return noted(at, WAITS_FOR_A_WINDOW), acts
        elif isinstance(seen, Tick) and seen.ready and now >= at.moved:
            at = mark(touch(forget(at, OF_THE_LAST_MESSAGE), step), StepState.SENT, now)
            return replace(at, tries=at.tries + 1), (*acts, _act(step, at))
        else:
            break
    return at, acts


def _needs_the_station(step: Step, at: Progress) -> bool:
    """Whether a message is to be sent for it, and not left out."""
    is_sent = step.until is not Until.RECORDED and step.do is not Do.WAIT
    return is_sent and str(at.index) not in numbers_of(at, "skips") and _is_needed(step, at)


def _recorded(step: Step, at: Progress) -> Progress:
    """What happens on our side ends a leg, but for the leave to go down, which has to be taken back yet."""
    return touch(at, step) if step.do is Do.PERMIT_LOWER else forget(at, OF_THE_LEG)


def _off_line(step: Step, at: Progress, now: datetime) -> Progress:
    """The station is away: what it would do on the line is not late meanwhile."""
    is_counted = step.online and at.state is StepState.WAITING and "paused" not in at.facts
    return learn(at, paused=now.isoformat()) if is_counted else at


def _on_line(step: Step, at: Progress, now: datetime) -> Progress:
    if "paused" not in at.facts:
        return at
    away = now - datetime.fromisoformat(at.facts["paused"])
    return replace(forget(at, {"paused"}), moved=at.moved + away)


def _time_went_by(step: Step, at: Progress, now: datetime, pace: Pace) -> Progress:
    waited = now - at.moved
    if at.state is StepState.SENT and waited >= pace.silence:
        return unanswered(step, at, now, pace)
    if waited >= pace.asleep and (at.state is StepState.PENDING or "paused" in at.facts):
        words = f"nothing could be asked of the station for {pace.asleep.days} days: it was away, or charging"
        return hold(at, f"{step.name}: {words}", now, Cause.ASLEEP)
    if at.state is not StepState.WAITING or "paused" in at.facts:
        return at
    if step.settles and step.until is Until.ACCEPTED:
        over = waited >= pace.settle * step.settles
        return next_step(at, StepState.DONE, now, at.views[at.index].note) if over else at
    back = falls_back_at(at, pace)
    if step.until is Until.SEEN and back is not None and now >= back:
        words = f"it fell back: seen again on profile {at.facts['back_on']} when {step.leg:d} was expected"
        return hold(at, words, now, Cause.FELL_BACK)
    if waited < step.within:
        return at
    if step.optional or (step.until is Until.A_PASSWORD_SEEN and "came_after" in at.facts):
        return next_step(at, StepState.SKIPPED, now, step.late)
    return hold(at, f"{step.name}: {step.late}", now, LATE_FOR.get(step.until, Cause.LATE))


def _is_needed(step: Step, at: Progress) -> bool:
    facts = at.facts
    match step.needed:
        case Needed.IF_STILL_THERE:
            return "reboot" in facts or "dropped" not in facts
        case Needed.IF_OTHER_ROOT:
            return facts.get("issuer_root") not in (facts.get("csms_root"), facts.get("also_root"))
        case Needed.IF_SLOT_LISTED:
            return int(facts["slot"]) in slot_numbers(facts["priority"])
        case Needed.IF_SLOT_WAS_LISTED:
            return int(facts["slot"]) in slot_numbers(facts["order"])
        case Needed.IF_UNPROVED:
            return "came_after" not in facts and "taken_back" not in facts
    return _IS_NEEDED[step.needed](facts)


_IS_NEEDED: Mapping[Needed, Callable[[Mapping[str, str]], bool]] = {
    Needed.ALWAYS: lambda _: True,
    Needed.UNLESS_ISSUED: lambda facts: "issued" not in facts,
    Needed.UNLESS_SLOTS_TOLD: lambda facts: not facts.get("slots"),
    Needed.IF_NOT_ALLOWED: lambda facts: facts.get("may_step_down") != "true",
    Needed.IF_WE_ALLOWED: lambda facts: "allowed" in facts,
    Needed.IF_SLOT_IS_BACK: lambda facts: "slot_back" in facts,
    Needed.IF_OLD_PROVED: lambda facts: "old_proved" in facts,
    Needed.IF_ARRIVED: lambda facts: "arrived" in facts,
    Needed.IF_NOT_ARRIVED: lambda facts: "arrived" not in facts,
    Needed.IF_OLD_ADDRESS_KNOWN: lambda facts: "old_url" in facts,
}


def _act(step: Step, at: Progress) -> Do:
    return step.otherwise if step.otherwise and "alternative" in at.facts else step.do

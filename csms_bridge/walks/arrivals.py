"""What a connection means for a walk: the end of a leg, a station that is back where it was, or nothing. Pure.

An answer alone never ends a leg; only a connection on the new profile does (A05.FR.07, 1.6 A05.FR.09).
"""

from datetime import datetime

from csms_bridge.station import SecurityProfile
from csms_bridge.walks.answers import unanswered
from csms_bridge.walks.causes import Cause
from csms_bridge.walks.marking import UNDER_WAY, forget, issued_serials, learn, mark, next_step, running
from csms_bridge.walks.steps import Connected, Pace, Progress, Step, StepState, Until, Walk, WalkState

MANY_RETURNS = 5
WAY_BACK_WAITS = (Until.BACK, Until.A_PASSWORD_SEEN)


def connected(walk: Walk, at: Progress, seen: Connected, now: datetime, pace: Pace) -> Progress:
    """Take a connection in."""
    at = learn(forget(at, {"back"}), dropped="yes") if at.state in UNDER_WAY else at
    at = learn(at, came_after=_as_text(seen))
    if (there := arrived(walk, at, seen, now)) is not None:
        return there
    step = walk.steps[at.index]
    if _is_where_it_was(walk, step, seen):
        returns = str(int(at.facts.get("returns", "0")) + 1)
        at = learn(at, back=now.isoformat(), back_on=str(int(seen.profile)), returns=returns)
    if at.state is StepState.WAITING and (step.settles or step.until is Until.BACK):
        return next_step(at, StepState.DONE, now, at.views[at.index].note)
    # What was sent went over a line that is gone, perhaps with the process that sent it: no answer will come.
    return unanswered(step, at, now, pace) if at.state is StepState.SENT else at


def booted(walk: Walk, at: Progress, now: datetime) -> Progress:
    """It restarted since this walk told it to: the password that it uses now is the one it goes on with."""
    came = _from_text(at.facts.get("came_after"))
    offered = at.facts.get("password")
    if "restarted" not in at.facts or came is None or came.password in (None, offered):
        return at
    at = learn(at, old_proved="yes")
    if walk.steps[at.index].until is Until.A_PASSWORD_SEEN and at.state is StepState.WAITING:
        return next_step(at, StepState.DONE, now, "it goes on with the old one")
    return at


def arrived(walk: Walk, at: Progress, seen: Connected, now: datetime) -> Progress | None:
    """Where the walk stands when this connection is the end of a leg; None when it is not."""
    if walk.back is not None:
        return _arrived_after_all(walk, at, seen, now)
    index = _awaited(walk, at, seen)
    return None if index is None else _jump(at, index, seen, now)


def _awaited(walk: Walk, at: Progress, seen: Connected) -> int | None:
    """The step that this connection is the end of: the next one that waits for a connection, if it fits."""
    waits = (Until.SEEN, Until.PASSWORD_SEEN)
    index = next((i for i in range(at.index, len(walk.steps)) if walk.steps[i].until in waits), None)
    return index if index is not None and _fits(walk, walk.steps[index], at, seen) else None


def _arrived_after_all(walk: Walk, at: Progress, seen: Connected, now: datetime) -> Progress | None:
    """A walk that is being cancelled is over when its station is where it was going, or uses its new password."""
    leg = walk.steps[at.index].leg
    goals = [
        step
        for step, view in zip(walk.steps[: walk.back], at.views, strict=False)
        if step.leg is leg and step.until in (Until.SEEN, Until.PASSWORD_SEEN) and view.state is not StepState.DONE
    ]
    if not goals or not _fits(walk, goals[0], at, seen):
        return None
    if goals[0].until is Until.SEEN:
        at = learn(at, arrived="yes")
    last = len(walk.steps) - 1
    while at.index < last:
        at = next_step(at, StepState.SKIPPED, now, "it came through after all")
    return mark(at, StepState.PENDING, now)


def _fits(walk: Walk, step: Step, at: Progress, seen: Connected) -> bool:
    """Whether this connection is what the step waits for. On profile 3 only a certificate of this walk counts."""
    if step.until is Until.PASSWORD_SEEN:
        return seen.password is not None and seen.password == at.facts.get("password")
    if walk.is_down:
        return seen.profile is step.leg
    if step.leg is SecurityProfile.MUTUAL_TLS:
        return seen.certificate is not None and seen.certificate in issued_serials(at)
    return seen.profile >= step.leg


def _is_where_it_was(walk: Walk, step: Step, seen: Connected) -> bool:
    return seen.profile > step.leg if walk.is_down else seen.profile < step.leg


def _jump(at: Progress, index: int, seen: Connected, now: datetime) -> Progress:
    """What was seen is stronger than any answer: the steps before the one that waited for it are over."""
    while at.index < index:
        state = StepState.DONE if at.state in UNDER_WAY else StepState.SKIPPED
        at = next_step(at, state, now, at.views[at.index].note or "its effect was seen")
    with_what = f" with certificate {seen.certificate}" if seen.certificate else ""
    return next_step(at, StepState.DONE, now, f"seen on profile {seen.profile:d}{with_what}")


def falls_back_at(at: Progress, pace: Pace) -> datetime | None:
    """When it has been back where it was for longer than the grace; at once if again and again in new connections."""
    if int(at.facts.get("returns", "0")) >= MANY_RETURNS:
        return at.moved
    back = at.facts.get("back")
    return max(datetime.fromisoformat(back), at.moved) + pace.grace if back is not None else None


def came_on_hold(walk: Walk, at: Progress, seen: Connected, now: datetime) -> Progress:
    """A connection while the walk is on hold. It goes on by itself when that is what it was waiting for."""
    at = learn(at, came=_as_text(seen), came_after=_as_text(seen))
    if at.outcome is not WalkState.HELD or is_held_by_operator(at):
        return at
    if arrived(walk, at, seen, now) is not None:
        return running(at)
    if at.facts.get("cause") == Cause.ASLEEP or walk.steps[at.index].until in WAY_BACK_WAITS:
        return running(mark(at, StepState.PENDING, now))
    return at


def is_held_by_operator(at: Progress) -> bool:
    """Whether a person holds it, and not the walk itself."""
    return at.facts.get("cause", at.facts.get("held_by")) == Cause.OPERATOR


def who_came(at: Progress) -> Connected | None:
    """The last connection while the walk was on hold."""
    return _from_text(at.facts.get("came"))


def _as_text(seen: Connected) -> str:
    return f"{seen.profile:d} {seen.certificate or '-'} {seen.password or '-'}"


def _from_text(text: str | None) -> Connected | None:
    if text is None:
        return None
    profile, *proofs = text.split(" ")
    certificate, password = (None if proof == "-" else proof for proof in proofs)
    return Connected(SecurityProfile(int(profile)), certificate, password)

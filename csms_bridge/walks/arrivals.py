"""What a connection means for a walk: the end of a leg, a station that is back where it was, or nothing. Pure.

An answer alone never ends a leg; only a connection on the new profile does (A05.FR.07, 1.6 A05.FR.09).
"""

from dataclasses import replace
from datetime import datetime

from csms_bridge.station import SecurityProfile
from csms_bridge.walks.answers import unanswered
from csms_bridge.walks.marking import UNDER_WAY, forget, issued_serials, learn, next_step
from csms_bridge.walks.steps import Connected, Pace, Progress, Step, StepState, Until, Walk, WalkState

MANY_RETURNS = 5
OPERATOR = "operator"


def connected(walk: Walk, at: Progress, seen: Connected, now: datetime, pace: Pace) -> Progress:
    at = learn(forget(at, {"back"}), dropped="yes") if at.state in UNDER_WAY else at
    if (index := arrival(walk, at, seen)) is not None:
        return jump(at, index, seen, now)
    step = walk.steps[at.index]
    if seen.profile < step.leg:
        returns = str(int(at.facts.get("returns", "0")) + 1)
        at = learn(at, back=now.isoformat(), back_on=str(int(seen.profile)), returns=returns)
    if at.state is StepState.WAITING and step.settles:
        return next_step(at, StepState.DONE, now, at.views[at.index].note)
    # What was sent went over a line that is gone, perhaps with the process that sent it: no answer will come.
    return unanswered(step, at, now, pace) if at.state is StepState.SENT else at


def arrival(walk: Walk, at: Progress, seen: Connected) -> int | None:
    """The step that this connection is the end of: the next one that waits for a connection, if it fits."""
    waits = (Until.SEEN, Until.PASSWORD_SEEN)
    index = next((i for i in range(at.index, len(walk.steps)) if walk.steps[i].until in waits), None)
    return index if index is not None and _fits(walk.steps[index], at, seen) else None


def _fits(step: Step, at: Progress, seen: Connected) -> bool:
    """Whether this connection is what the step waits for. On profile 3 only a certificate of this walk counts."""
    if step.until is Until.PASSWORD_SEEN:
        return seen.password is not None and seen.password == at.facts.get("password")
    if step.leg is SecurityProfile.MUTUAL_TLS:
        return seen.certificate is not None and seen.certificate in issued_serials(at)
    return seen.profile >= step.leg


def jump(at: Progress, index: int, seen: Connected, now: datetime) -> Progress:
    """What was seen is stronger than any answer: the steps before the one that waited for it are over."""
    while at.index < index:
        state = StepState.DONE if at.state in UNDER_WAY else StepState.SKIPPED
        at = next_step(at, state, now, at.views[at.index].note or "its effect was seen")
    with_what = f" with certificate {seen.certificate}" if seen.certificate else ""
    return next_step(at, StepState.DONE, now, f"seen on profile {seen.profile:d}{with_what}")


def fell_back(at: Progress, now: datetime, pace: Pace) -> bool:
    """Back on a lower profile for longer than the grace, or again and again in ever new connections."""
    back = at.facts.get("back")
    stays = back is not None and now - max(datetime.fromisoformat(back), at.moved) >= pace.grace
    return stays or int(at.facts.get("returns", "0")) >= MANY_RETURNS


def came_on_hold(walk: Walk, at: Progress, seen: Connected) -> Progress:
    if at.facts.get("held_by") != OPERATOR and arrival(walk, at, seen) is not None:
        return replace(at, outcome=WalkState.RUNNING, reason="")
    return learn(at, came=f"{seen.profile:d} {seen.certificate or '-'} {seen.password or '-'}")


def who_came(at: Progress) -> Connected | None:
    """The last connection while the walk was on hold."""
    if "came" not in at.facts:
        return None
    profile, *proofs = at.facts["came"].split(" ")
    certificate, password = (None if proof == "-" else proof for proof in proofs)
    return Connected(SecurityProfile(int(profile)), certificate, password)

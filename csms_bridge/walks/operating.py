"""What an operator does to a walk: held ones go on, a step is tried again or skipped, the walk is cancelled. Pure."""

from dataclasses import replace
from datetime import datetime

from csms_bridge.errors import WalkRefused
from csms_bridge.walks.arrivals import arrived, who_came
from csms_bridge.walks.marking import (
    OF_THE_HOLD,
    OF_THE_LAST_MESSAGE,
    OF_THE_STEP,
    ended,
    forget,
    learn,
    mark,
    numbers_of,
    running,
)
from csms_bridge.walks.steps import Progress, StepState, StepView, Until, Walk, WalkState
from csms_bridge.walks.way_back import undone, with_way_back

LEFT_OUT = "the walk was cancelled"
OVER = (StepState.DONE, StepState.SKIPPED)
_CLEARED = OF_THE_STEP | OF_THE_LAST_MESSAGE | OF_THE_HOLD


def resume(walk: Walk, at: Progress, now: datetime) -> Progress:
    """Go on after a hold: the leg is walked again from its first step, or from where its end was seen.

    A refusal often means that something before it is not there after all: a root, a key, a certificate. What was
    seen meanwhile counts, since a station that has arrived would refuse the profile it is on (A05.FR.01).
    """
    on = running(replace(forget(at, _CLEARED), moved=now, tries=0))
    came = who_came(at)
    if came is not None and (there := arrived(walk, on, came, now)) is not None:
        return there
    return walk_again(walk, on, now)


def walk_again(walk: Walk, at: Progress, now: datetime) -> Progress:
    """Back to the first step of the leg, or to the one after its end was seen; or to the first of the way back."""
    first = _first_again(walk, at)
    views = tuple(StepView(v.name) if first <= i <= at.index else v for i, v in enumerate(at.views))
    fresh = forget(at, _CLEARED | {"away"})
    return replace(fresh, views=views, index=first, moved=now, tries=0)


def retry(walk: Walk, at: Progress, now: datetime) -> Progress:
    """Go on after a hold with the step at hand alone; what is behind it stays as it is.

    What was seen meanwhile counts: a station that uses its new password is not sent another one.
    """
    on = running(replace(mark(forget(at, _CLEARED), StepState.PENDING, now), tries=0))
    came = who_came(at)
    there = arrived(walk, on, came, now) if came is not None else None
    return on if there is None else there


def objection_to_skip(walk: Walk, at: Progress, index: int) -> str:
    """Why this step may not be skipped; empty when it may."""
    step, state = walk.steps[index], at.views[index].state
    if index < at.index or state in OVER:
        return "it is over"
    if walk.back is not None:
        return "the walk is being cancelled, and each step of the way back is needed"
    if step.must:
        return step.must
    if step.until is Until.ROOT_LISTED and "root_accepted" not in at.facts:
        return "nothing else shows that the station holds our root, and without it the station could not come back"
    if state is StepState.SENT:
        return "it was sent to the station: wait for the answer, or hold the walk first"
    return ""


def skip(walk: Walk, at: Progress, index: int, reason: str, now: datetime) -> Progress:
    """Leave a step out, on an operator's word; also when the leg is walked again. A held walk goes on behind it.

    Raises WalkRefused where that is not safe.
    """
    if why := objection_to_skip(walk, at, index):
        raise WalkRefused(f"{walk.steps[index].name!r} is not skipped: {why}")
    skips = ",".join([*numbers_of(at, "skips"), str(index)])
    told = learn(at, skips=skips, **{f"skip_{index}": reason})
    return retry(walk, told, now) if index == at.index else told


def cancel(walk: Walk, at: Progress, reason: str, now: datetime) -> Progress:
    """Give it up: what was begun in this leg is undone, and the walk is cancelled when the way back is proved.

    Legs whose end was seen stay. Raises WalkRefused when it is being cancelled already.
    """
    if walk.back is not None:
        raise WalkRefused(
            "the walk is being cancelled already",
            "resume it to try the way back again, or leave the station as it is: voltward walk cancel WALK --as-it-is",
        )
    views = tuple(view if view.state in OVER else _left_out(view, now) for view in at.views)
    left = replace(learn(forget(at, _CLEARED), cancel=reason), views=views)
    back = undone(walk, at)
    if not back:
        return ended(left)
    after = with_way_back(walk, {"undo": back})
    added = tuple(StepView(step.name) for step in after.steps[len(walk.steps) :])
    on = replace(learn(left, undo=back), views=(*views, *added), index=len(walk.steps), moved=now, tries=0)
    return running(on)


def leave(at: Progress, reason: str) -> Progress:
    """End it as it is, on an operator's word: nothing is undone, and nothing is proved."""
    return replace(at, outcome=WalkState.CANCELLED, reason=f"{reason} (left as it was, the way back not proved)")


def _left_out(view: StepView, now: datetime) -> StepView:
    return replace(view, state=StepState.SKIPPED, at=now, note=view.note or LEFT_OUT)


def _first_again(walk: Walk, at: Progress) -> int:
    """The first step of the leg; once the leg's end was seen, the first step after what is on record of that."""
    if walk.back is not None:
        return walk.back
    leg = [i for i, step in enumerate(walk.steps) if step.leg is walk.steps[at.index].leg]
    seen = next(i for i in leg if walk.steps[i].until is Until.SEEN)
    if at.index <= seen:
        return leg[0]
    is_on_record = walk.steps[seen + 1].until is Until.RECORDED and at.views[seen + 1].state is StepState.DONE
    return seen + 2 if is_on_record else seen + 1

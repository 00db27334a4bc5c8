"""What an operator does to a walk: held ones go on, their leg is walked again. Pure."""

from dataclasses import replace
from datetime import datetime

from csms_bridge.walks.arrivals import arrival, jump, who_came
from csms_bridge.walks.marking import OF_THE_HOLD, OF_THE_LAST_MESSAGE, OF_THE_STEP, forget
from csms_bridge.walks.steps import Progress, StepView, Until, Walk, WalkState


def resume(walk: Walk, at: Progress, now: datetime) -> Progress:
    """Go on after a hold: the leg is walked again from its first step, or from where its end was seen.

    A refusal often means that something before it is not there after all: a root, a key, a certificate. What was
    seen meanwhile counts, since a station that has arrived would refuse the profile it is on (A05.FR.01).
    """
    cleared = forget(at, OF_THE_STEP | OF_THE_LAST_MESSAGE | OF_THE_HOLD)
    running = replace(cleared, moved=now, tries=0, outcome=WalkState.RUNNING, reason="")
    came = who_came(at)
    if came is not None and (index := arrival(walk, running, came)) is not None:
        return jump(running, index, came, now)
    return walk_again(walk, running, now)


def walk_again(walk: Walk, at: Progress, now: datetime) -> Progress:
    """Back to the first step of the leg, or to the one after its end was seen."""
    first = _first_again(walk, at.index)
    views = tuple(StepView(v.name) if first <= i <= at.index else v for i, v in enumerate(at.views))
    fresh = forget(at, OF_THE_STEP | OF_THE_LAST_MESSAGE | OF_THE_HOLD | {"away"})
    return replace(fresh, views=views, index=first, moved=now, tries=0)


def _first_again(walk: Walk, index: int) -> int:
    """The first step of the leg; once the leg's end was seen, the step after that."""
    leg = [i for i, step in enumerate(walk.steps) if step.leg is walk.steps[index].leg]
    seen = next(i for i in leg if walk.steps[i].until is Until.SEEN)
    return leg[0] if index <= seen else seen + 1

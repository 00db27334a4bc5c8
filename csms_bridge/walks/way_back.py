"""The way back of a walk that is cancelled: what was begun is undone, and the end is seen. Pure.

What a step did is undone by the steps in its `undo`, last step first. What happens on our side comes last: a station
is refused nothing before it is known to need it no more. So a walk ends as *cancelled* only when its station is known
to find its way back, or to have arrived after all; else it is held.
"""

from collections.abc import Mapping
from dataclasses import replace

from csms_bridge.walks.marking import numbers_of
from csms_bridge.walks.steps import ON_OUR_SIDE, Do, Needed, Progress, Step, StepState, Until, Walk


def with_way_back(walk: Walk, facts: Mapping[str, str]) -> Walk:
    """The plan as it stands: with the steps back when it is being cancelled."""
    if walk.back is not None or "undo" not in facts:
        return walk
    touched = [int(number) for number in facts["undo"].split(",") if number]
    return replace(walk, steps=(*walk.steps, *_steps(walk, touched)), back=len(walk.steps))


def undone(walk: Walk, at: Progress) -> str:
    """The steps of this leg that were begun and have something to undo, as the fact `undo`.

    Once the end of the way down was seen, the station stays there; merely the leave that it was given is taken back.
    """
    touched = numbers_of(at, "touched")
    views = zip(walk.steps, at.views, strict=False)
    if walk.is_down and any(step.until is Until.SEEN and view.state is StepState.DONE for step, view in views):
        touched = [number for number in touched if walk.steps[int(number)].do is Do.ALLOW_DOWNGRADE]
    return ",".join(touched)


def _late(step: Step) -> int:
    """What is asked of the station comes before the wait for it, and what we refuse it last."""
    return 2 if step.do in ON_OUR_SIDE else int(step.do is Do.WAIT)


def _steps(walk: Walk, touched: list[int]) -> list[Step]:
    backwards = [step for number in sorted(touched, reverse=True) for step in walk.steps[number].undo]
    undo = sorted(dict.fromkeys(backwards), key=_late)
    leg = walk.steps[touched[-1]].leg
    if walk.is_down:
        return undo
    return [*undo, Step(f"bar profiles below {leg:d}", Do.BAR_BELOW, Until.RECORDED, leg, needed=Needed.IF_ARRIVED)]

"""The way back of a walk that is cancelled: what was begun is undone, and the end is seen. Pure.

What a step did is undone by the steps in its `undo`, last step first. What happens on our side comes last: a station
is refused nothing before it is known to need it no more. So a walk ends as *cancelled* only when its station is known
to find its way back, or to have arrived after all; else it is held.
"""

from collections.abc import Mapping
from dataclasses import replace

from csms_bridge.walks.steps import ON_OUR_SIDE, Do, Needed, Progress, Step, Until, Walk


def with_way_back(walk: Walk, facts: Mapping[str, str]) -> Walk:
    """The plan as it stands: with the steps back when it is being cancelled."""
    if walk.back is not None or "undo" not in facts:
        return walk
    touched = [int(number) for number in facts["undo"].split(",") if number]
    return replace(walk, steps=(*walk.steps, *_steps(walk, touched)), back=len(walk.steps))


def undone(at: Progress) -> str:
    """The steps of this leg that were begun and have something to undo, as the fact `undo`."""
    return at.facts.get("touched", "")


def _steps(walk: Walk, touched: list[int]) -> list[Step]:
    backwards = [step for number in sorted(touched, reverse=True) for step in walk.steps[number].undo]
    undo = sorted(dict.fromkeys(backwards), key=lambda step: step.do in ON_OUR_SIDE)
    leg = walk.steps[touched[-1]].leg
    if walk.is_down:
        return undo
    return [*undo, Step(f"bar profiles below {leg:d}", Do.BAR_BELOW, Until.RECORDED, leg, needed=Needed.IF_ARRIVED)]

"""A walk that stands at one step, for the rules one by one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from csms_bridge.commands import Answer, Outcome
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks.machine import advance, begin
from csms_bridge.walks.plans import plan
from csms_bridge.walks.steps import (
    Answered,
    Do,
    Progress,
    Seen,
    StepState,
    Tick,
    Unanswered,
)
from tests.csms_bridge.room import NOON
from tests.csms_bridge.walks.journey import FACTS, PACE, PLANS

NONE, BASIC, TLS, MUTUAL = SecurityProfile
V16, V201, V21 = OcppVersion
DONE, SKIPPED, HELD = StepState.DONE, StepState.SKIPPED, StepState.HELD
ACCEPTED, REBOOT, REJECTED = Outcome.ACCEPTED, Outcome.REBOOT_REQUIRED, Outcome.REJECTED
NOT_SUPPORTED, FAILED = Outcome.NOT_SUPPORTED, Outcome.FAILED
LONGEST = [(V16, NONE, MUTUAL), (V201, BASIC, MUTUAL), (V21, BASIC, MUTUAL)]
"""One walk of each version that has every leg in it."""
MESSAGES = [do for do in Do if do not in (Do.WAIT, Do.BAR_BELOW)]
REFUSALS = (REJECTED, NOT_SUPPORTED, FAILED)

all_plans = pytest.mark.parametrize("way", PLANS, ids=lambda way: f"{way[0]}-{way[1]:d}-{way[2]:d}")
longest_plans = pytest.mark.parametrize("way", LONGEST, ids=lambda way: str(way[0]))


class At:
    """A walk that stands at one step, and what comes of events there."""

    def __init__(self, way, do: Do, leg: SecurityProfile, state: StepState = StepState.PENDING, **facts: str) -> None:
        self.walk = plan(*way)
        self.now = NOON
        index = next(i for i, step in enumerate(self.walk.steps) if step.leg is leg and step.do is do)
        started = begin(self.walk, NOON, {**FACTS, **facts})
        views = tuple(replace(v, state=DONE) if i < index else v for i, v in enumerate(started.views))
        self.at: Progress = replace(started, views=views, index=index)
        self.acts: list[Do] = []
        if state is not StepState.PENDING:
            self.tick()
        if state is StepState.WAITING:
            self.answer(ACCEPTED)
        assert self.at.state is state

    def see(self, *events: Seen) -> "At":
        for event in events:
            self.at, acts = advance(self.walk, self.at, event, self.now, PACE)
            self.acts += acts
        return self

    def tick(self, ready: bool = True, **span: float) -> "At":
        self.now += timedelta(**span)
        return self.see(Tick(ready))

    def answer(self, outcome: Outcome, words: str = "", **facts: str) -> "At":
        return self.see(Answered(self.at.index, Answer(outcome, words, facts)))

    def no_answer(self) -> "At":
        return self.see(Unanswered(self.at.index))

    @property
    def do(self) -> Do:
        return self.walk.steps[self.at.index].do

    def state_of(self, do: Do) -> StepState:
        """Of the last step before the current one, or the current one, that does this."""
        index = next(i for i in range(self.at.index, -1, -1) if self.walk.steps[i].do is do)
        return self.at.views[index].state


TO_TLS, TO_3 = (V16, BASIC, TLS), (V16, TLS, MUTUAL)
SLOTS_2 = {"priority": "1", "active": "1", "slot": "2", "used": "1"}

"""A station's walk on its line: what is seen there is told to the walk, and what the walk asks for is done."""

import asyncio

from csms_bridge.commands import Answer, Outcome
from csms_bridge.errors import BridgeError
from csms_bridge.link import GOING_AWAY
from csms_bridge.open_line import OpenLine
from csms_bridge.settling import settle
from csms_bridge.walks import machine
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.steps import Answered, Do, Seen, Tick, Unanswered
from pki.errors import PkiError


class WalkLine:
    """The line as a walk has it. `is_acting`: something that the walk asked for is being done now."""

    def __init__(self, line: OpenLine) -> None:
        self.is_acting = False
        self._line = line
        self._desk = line.desk

    async def move(self) -> None:
        """One tick: lets time pass for the walk, and asks the next thing when the station is ready for it."""
        if not self.is_acting:
            await self.feed(self._tick())

    async def takes_certificate(self) -> bool:
        """Whether a certificate that was issued is brought by a step of the walk."""
        moved = await self._desk.moves.ask(self._line.station)
        return moved is not None and machine.takes_certificate(moved[0].walk, moved[0].at)

    async def feed(self, *seen: Seen) -> None:
        """Tell the walk; store its progress; then do what it asks. In a lane nothing moves it but time."""
        if self._line.lane is not None and not self._line.lane.walks:
            seen = tuple(one for one in seen if isinstance(one, Tick))
        moved = await self._desk.moves.ask(self._line.station, *seen) if seen else None
        if moved is None:
            return
        under_way, acts = moved
        for act in acts:
            self.is_acting = True
            self._line.spawn(self._perform(under_way, act))

    def _tick(self) -> Tick:
        """As far as the line tells: whether somebody is charging is looked up for many stations at once."""
        if not self._line.may_walk or not self._line.booted:
            return Tick(ready=False)
        # A station that restarted speaks first: give it the time before anything is asked of it.
        return Tick(ready=self._desk.clock() - self._line.arrival.at >= self._line.first_words)

    async def _perform(self, under_way: WalkUnderWay, act: Do) -> None:
        index, asked = under_way.at.index, under_way.at.moved
        try:
            answer = await self._send_act(under_way, act)
        finally:
            self.is_acting = False
        # What comes next is stored with the answer, and then asked at once.
        await self.feed(Unanswered(index, asked) if answer is None else Answered(index, answer, asked), self._tick())

    async def _send_act(self, under_way: WalkUnderWay, act: Do) -> Answer | None:
        if act is Do.HANG_UP:
            await self._line.drop("dial your new address", GOING_AWAY)
            return Answer(Outcome.ACCEPTED, "the line was closed")
        try:
            prepared = await asyncio.to_thread(self._desk.acts.prepare, under_way, act)
        except (BridgeError, PkiError, LookupError) as error:
            # Nothing was sent: a refusal, which holds the walk with its reason, and not a lost answer.
            return Answer(Outcome.FAILED, f"nothing, since it could not be asked: {error}")
        station = self._line.station
        if prepared.password:
            await asyncio.to_thread(self._desk.ledger.learn, station, password=prepared.password)
        answer = await self._line.ask(prepared.command)
        await settle(self._desk, station, prepared, answer)
        return answer

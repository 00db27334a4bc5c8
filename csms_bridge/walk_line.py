"""A station's walk on its line: what is seen there is told to the walk, and what the walk asks for is done."""

import asyncio

from csms_bridge.commands import Answer, Outcome
from csms_bridge.errors import BridgeError
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
        if not self.is_acting and await self.is_walking():
            await self.feed(Tick(ready=await self._is_ready()))

    async def is_walking(self) -> bool:
        """Whether there is a walk at all: most stations have none, and are asked about together."""
        return await self._desk.walking.ask(self._line.station)

    async def takes_certificate(self) -> bool:
        """Whether a certificate that was issued is brought by a step of the walk."""
        return await self.is_walking() and await asyncio.to_thread(self._step_takes)

    async def feed(self, seen: Seen) -> None:
        """Tell the walk; store its progress; then do what it asks. In a lane nothing moves it but time."""
        if self._line.lane is not None and not isinstance(seen, Tick):
            return
        if not await self.is_walking():
            return
        result = await asyncio.to_thread(self._desk.ledger.apply, self._line.station, self._desk.advancing(seen))
        if result is None:
            return
        under_way, acts = result
        for act in acts:
            self.is_acting = True
            self._line.spawn(self._perform(under_way, act))

    async def _is_ready(self) -> bool:
        if not self._line.is_accepted or not self._line.booted:
            return False
        # A station that restarted speaks first: give it the time before anything is asked of it.
        if self._desk.clock() - self._line.arrival.at < self._line.first_words:
            return False
        return not await self._line.is_charging()

    def _step_takes(self) -> bool:
        under_way = self._desk.ledger.under_way(self._line.station)
        return under_way is not None and machine.takes_certificate(under_way.walk, under_way.at)

    async def _perform(self, under_way: WalkUnderWay, act: Do) -> None:
        index, asked = under_way.at.index, under_way.at.moved
        try:
            answer = await self._send_act(under_way, act)
        finally:
            self.is_acting = False
        await self.feed(Unanswered(index, asked) if answer is None else Answered(index, answer, asked))
        await self.move()

    async def _send_act(self, under_way: WalkUnderWay, act: Do) -> Answer | None:
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

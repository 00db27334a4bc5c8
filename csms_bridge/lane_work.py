"""What is done for a station in a lane: it is asked for a new certificate at once, gets it, and comes back with it.

Some stations do no certificate work while they are Pending, whatever OCPP says (reference, station-everest). Such a
one is told Accepted at its next BootNotification; what it may say and do here stays the same.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from csms_bridge import commands as c
from csms_bridge.certificate_asks import Delivery
from csms_bridge.commands import Answer, Outcome
from csms_bridge.enrolment import Enrolment
from csms_bridge.errors import ChainTooLong
from csms_bridge.lanes import Lanes
from csms_bridge.standing import SIGN, Lane, Standing, is_refusal_while_pending
from csms_bridge.walks.acts import Acts

LONGEST_WAIT = timedelta(hours=1)
"""Between two rounds of work on one line."""


class StationLine(Protocol):
    """The line to the station, as far as it is needed here."""

    @property
    def station(self) -> str:
        """The identity."""

    def ask(self, command: c.Command) -> Awaitable[Answer | None]:
        """Send a command and read its answer; None when there was none."""

    def drop(self, reason: str) -> Awaitable[None]:
        """Close the line."""


class LaneWork:
    """One line in a lane, from its opening to its end. `run` is its work, the other methods tell it what happens."""

    def __init__(
        self, line: StationLine, lane: Lane, lanes: Lanes, enrolment: Enrolment, acts: Acts, interval: timedelta
    ) -> None:
        self.lane = lane
        self._line = line
        self._lanes = lanes
        self._enrolment = enrolment
        self._acts = acts
        self._interval = interval
        self._told: Standing | None = None
        self._must_be_accepted = False
        self._taken_at: float | None = None
        self._hindrance = ""
        self._turn = asyncio.Lock()
        self._woken = asyncio.Event()
        self._over = False

    async def run(self, first_words: timedelta) -> None:
        """Work until the line ends. A station that restarted has `first_words` to say so before it is asked."""
        self._must_be_accepted = await asyncio.to_thread(self._lanes.works_when_accepted, self._line.station)
        await self._pause(first_words)
        wait = self._interval
        while not self._over:
            await self._round()
            wait = self._interval if await self._pause(wait) else min(wait * 2, LONGEST_WAIT)

    def end(self) -> None:
        """The line ended."""
        self._over = True
        self._woken.set()

    async def boot_status(self) -> Standing:
        """What to answer to a BootNotification."""
        if not self._must_be_accepted:
            station = self._line.station
            self._must_be_accepted = await asyncio.to_thread(self._lanes.works_when_accepted, station)
        return Standing.ACCEPTED if self._must_be_accepted else Standing.PENDING

    def booted(self, told: Standing) -> None:
        """A BootNotification was answered so."""
        self._told = told
        self._woken.set()

    async def answer_refused(self, action: str, words: str) -> None:
        """The station turned down an answer of ours."""
        if action == SIGN and is_refusal_while_pending(words):
            await self._insist(words)

    async def deliver(self, delivery: Delivery) -> None:
        """A certificate was issued, or waits to be brought."""
        async with self._turn:
            await self._deliver(delivery)

    async def _round(self) -> None:
        async with self._turn:
            if self._taken_at is not None:
                await self._see_it_off(self._taken_at)
            elif self._must_be_accepted and self._told is not Standing.ACCEPTED:
                await self._line.ask(c.Trigger(c.Message.BOOT, plain=True))
            elif delivery := await asyncio.to_thread(self._enrolment.unproved, self._line.station):
                await self._deliver(delivery)
            elif await asyncio.to_thread(self._lanes.may_request, self._line.station):
                await self._ask_to_renew()
            else:
                await self._hindered("it has asked for too many certificates today")

    async def _ask_to_renew(self) -> None:
        if self.lane is Lane.BOOTSTRAP:
            # Fresh from the factory: the name of its operator goes into its request (A02.FR.13).
            await self._line.ask(self._acts.introduction(with_country=False))
        answer = await self._line.ask(c.TriggerCertificateRequest())
        if _is_rejected(answer) and not _is_about_standing(answer):
            await self._line.ask(self._acts.introduction(with_country=True))
            answer = await self._line.ask(c.TriggerCertificateRequest())
        if answer is None or answer.outcome is Outcome.ACCEPTED:
            return
        if answer.outcome is Outcome.REJECTED and self._told is not Standing.ACCEPTED:
            await self._insist(answer.words)
        else:
            await self._hindered(f"asked for a certificate request, it answered {answer.words}")

    async def _deliver(self, delivery: Delivery) -> None:
        if self.lane is Lane.BOOTSTRAP:
            await self._line.ask(self._acts.root_above(delivery))
        try:
            answer = await self._bring(delivery)
            if _is_rejected(answer) and not _is_about_standing(answer):
                delivery = replace(delivery, with_root=True)
                answer = await self._bring(delivery)
        except ChainTooLong as error:
            await self._hindered(error.sentence)
            return
        if answer is None:
            return
        if _is_about_standing(answer):
            await self._insist(answer.words)
        elif answer.outcome is Outcome.ACCEPTED:
            self._taken_at = asyncio.get_running_loop().time()
            await asyncio.to_thread(self._enrolment.taken, delivery)
        else:
            await asyncio.to_thread(self._enrolment.rejected, delivery, answer.words)

    async def _bring(self, delivery: Delivery) -> Answer | None:
        command = self._acts.delivery(delivery)
        await asyncio.to_thread(self._enrolment.sent, delivery, command.chain)
        return await self._line.ask(command)

    async def _see_it_off(self, taken_at: float) -> None:
        """Stations come back with a new certificate by themselves; one that does not is made to (A02)."""
        if asyncio.get_running_loop().time() - taken_at >= self._interval.total_seconds():
            await self._line.drop("it accepted its new certificate and did not come back with it by itself")

    async def _insist(self, words: str) -> None:
        """It does no certificate work now: it is asked for a BootNotification, and that is answered Accepted."""
        if self._told is Standing.ACCEPTED:
            await self._hindered(f"told Accepted, it still answers {words}")
            return
        if self._must_be_accepted:
            return
        self._must_be_accepted = True
        await asyncio.to_thread(self._lanes.remember_works_when_accepted, self._line.station, words)
        await self._line.ask(c.Trigger(c.Message.BOOT, plain=True))

    async def _hindered(self, reason: str) -> None:
        if reason != self._hindrance:
            self._hindrance = reason
            await asyncio.to_thread(self._lanes.hindered, self._line.station, reason)

    async def _pause(self, span: timedelta) -> bool:
        """Wait; whether something happened meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(span.total_seconds()):
                await self._woken.wait()
        happened = self._woken.is_set()
        self._woken.clear()
        return happened


def _is_rejected(answer: Answer | None) -> bool:
    return answer is not None and answer.outcome is Outcome.REJECTED


def _is_about_standing(answer: Answer | None) -> bool:
    return answer is not None and is_refusal_while_pending(answer.words)

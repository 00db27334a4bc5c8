"""One connected station, from the open WebSocket to its end: greeted, served, and its last answers taken in."""

import asyncio
import contextlib

from csms_bridge.arrivals import Business
from csms_bridge.delivering import Delivering
from csms_bridge.desk import Desk
from csms_bridge.frames import CallError, CallResultError
from csms_bridge.lane_work import LaneWork
from csms_bridge.link import Link
from csms_bridge.open_line import Arrival, OpenLine
from csms_bridge.order_line import carry_out
from csms_bridge.posture.schedule import Due
from csms_bridge.station import CommandOrder
from csms_bridge.station_calls import StationCalls, Work
from csms_bridge.walk_line import WalkLine
from csms_bridge.walks.steps import Connected, Disconnected

LAST_WORDS = 5.0
"""Seconds that a replaced line has for what it still holds."""


class Session:
    """A station's connection. What goes on there is in the parts that it is put together from."""

    def __init__(self, link: Link, arrival: Arrival, desk: Desk, predecessor: "Session | None" = None) -> None:
        self.line = OpenLine(link, arrival, desk)
        self.walk = WalkLine(self.line)
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._predecessor = predecessor
        self._desk = desk
        self._nudged = False
        self._lane = _lane_work(self.line)
        self._delivering = Delivering(self.line, self.walk, self._lane)
        self._reader = desk.posture.reader(link.station, link.dialect, self.line.ask)
        work = Work(self.walk, self._delivering, self._lane, self._reader, self.nudge)
        self._calls = StationCalls(self.line, work)
        link.when_answer_refused = self._answer_refused

    @property
    def station(self) -> str:
        """The identity."""
        return self.line.station

    @property
    def is_accepted(self) -> bool:
        """Whether the station may be asked for more than its acceptance needs."""
        return self.line.is_accepted

    @property
    def is_at_rest(self) -> bool:
        """Whether something may be asked of the station that nobody ordered."""
        return self.line.is_accepted and self.line.booted and not self.walk.is_acting

    async def run(self) -> None:
        """Serve the line until it closes."""
        self.line.spawn(self._greet())
        try:
            await self.line.link.serve(self._calls.answer)
        finally:
            await self._wind_up()

    def nudge(self, *, sign: bool = True, restart: bool = False) -> None:
        """There may be something to do: move the walk, sign what waits. One round at a time.

        `sign`, and `restart`, when the station's new password waits for one: looked up for all at once, not by each.
        """
        if not self._nudged:
            self._nudged = True
            self.line.spawn(self._round(sign=sign, restart=restart))

    def carry_out(self, order: CommandOrder) -> None:
        """Send a command that somebody ordered."""
        self.line.spawn(carry_out(order, self.line))

    def read_settings(self, due: Due) -> None:
        """Ask the station for its settings, beside whatever else goes on."""
        self.line.spawn(self._read_settings(due))

    async def _round(self, *, sign: bool, restart: bool) -> None:
        try:
            await (self._delivering.sign_waiting() if sign else self.walk.move())
            if restart and self.line.is_accepted:
                await self._desk.password_errand.restart(self.line)
        finally:
            self._nudged = False

    async def _read_settings(self, due: Due) -> None:
        if self._lane is None and await self._reader.carry_out(due):
            self._desk.posture.rounds.arrived(self.station)

    async def _greet(self) -> None:
        """Do what there is to do; for most stations of a fleet that comes back there is nothing."""
        business = await self._let_predecessor_end(self.line.arrival.business)
        if self._lane is not None:
            await self._lane.run(self.line.first_words)
            return
        arrival = self.line.arrival
        admitted = arrival.admitted
        if business.requests and admitted.certificate_serial:
            await asyncio.to_thread(self._desk.enrolment.seen_in_use, self.station, admitted.certificate_serial)
        if business.rotation and arrival.password is not None:
            await asyncio.to_thread(self._desk.password_errand.rotations.seen, self.station, arrival.password)
        if business.walking:
            await self.walk.feed(Connected(admitted.profile, admitted.certificate_serial, arrival.password))
        if business.requests or business.walking:
            await self._delivering.sign_waiting()
            await self._delivering.catch_up()
        if business.commands and self.line.booted and self.line.lane is None:
            await asyncio.to_thread(self._desk.orders.wake, self.station)
        if business.pending:
            # It came through a lane and was told Pending last. That is the end of what was ordered: see quiet.py.
            await self.line.ask_to_boot()

    async def _let_predecessor_end(self, business: Business) -> Business:
        """Answers that came on the old line are taken in first; what was not answered there never will be.

        Returns what there is to do then.
        """
        if self._predecessor is None:
            return business
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await asyncio.shield(self._predecessor.ended)
        self._predecessor = None
        now = await asyncio.to_thread(self._desk.sightings.arrivals.business, self.station)
        self.line.booted = self.line.booted or now.booted  # it may have booted just before it changed lines
        return now

    async def _wind_up(self) -> None:
        if self._lane is not None:
            self._lane.end()
        self._reader.line_closed()
        await self.line.finish_work()
        self.ended.set_result(None)
        line = (self.station, self.line.arrival.at)
        if not self.line.replaced and await self._desk.leaving.ask(line):
            await self.walk.feed(Disconnected())

    def _answer_refused(self, action: str, error: CallError | CallResultError) -> None:
        if self._lane is not None:
            self.line.spawn(self._lane.answer_refused(action, f"{error.code}: {error.description}"))


def _lane_work(line: OpenLine) -> LaneWork | None:
    if line.lane is None or line.lane.walks:
        return None
    desk = line.desk
    return LaneWork(line, line.lane, desk.sightings.lanes, desk.enrolment, desk.acts, desk.settings.pending_interval)

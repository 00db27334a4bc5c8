"""Certificates on a station's line: what it asked for is signed, and brought by its walk, by its lane, or by itself."""

import asyncio

from csms_bridge.certificate_asks import Delivery
from csms_bridge.lane_work import LaneWork
from csms_bridge.open_line import OpenLine
from csms_bridge.settling import settle
from csms_bridge.walk_line import WalkLine
from csms_bridge.walks.acts import Prepared
from csms_bridge.walks.steps import Issued, RequestRefused


class Delivering:
    """Signs what waits for this station, and brings it."""

    def __init__(self, line: OpenLine, walk: WalkLine, lane: LaneWork | None) -> None:
        self._line = line
        self._desk = line.desk
        self._walk = walk
        self._lane = lane
        self._under_way: set[int] = set()

    async def sign_waiting(self) -> None:
        """Sign what the station asked for, tell the walk, and deliver; then the walk may go on."""
        for result in await self._desk.counter.sign_waiting(self._line.station):
            if isinstance(result, Delivery):
                await self._issued(result)
            else:
                await self._walk.feed(RequestRefused(result.reason))
        await self._walk.move()

    async def catch_up(self) -> None:
        """What was issued on earlier lines and is not with the station yet."""
        for delivery in await asyncio.to_thread(self._desk.enrolment.undelivered, self._line.station):
            await self._issued(delivery)  # its walk may not have heard of it before a crash

    async def _issued(self, delivery: Delivery) -> None:
        await self._walk.feed(Issued(delivery.serial, delivery.root))
        if self._lane is not None:
            await self._lane.deliver(delivery)
        elif delivery.ask not in self._under_way:
            self._under_way.add(delivery.ask)  # a round and a greeting may both find it
            try:
                if not await self._walk.takes_certificate():
                    await self._deliver(delivery)
            finally:
                self._under_way.discard(delivery.ask)

    async def _deliver(self, delivery: Delivery) -> None:
        command = self._desk.acts.delivery(delivery)
        if len(command.chain) > delivery.limit:
            await asyncio.to_thread(self._desk.enrolment.not_sent, delivery, len(command.chain))
            return
        await self._desk.counter.sent(delivery)
        prepared = Prepared(command, delivery=delivery)
        await settle(self._desk, self._line.station, prepared, await self._line.ask(prepared.command))

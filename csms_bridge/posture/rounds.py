"""The rounds in which a process reads the settings of the stations that are connected to it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from csms_bridge.posture.book import PostureBook
from csms_bridge.posture.clock_offset import ClockWatch
from csms_bridge.posture.pacing import ReadingQueue
from csms_bridge.posture.postures import Postures
from csms_bridge.posture.schedule import Due
from pki.clock import Clock

_LOOKED_AT = 200
"""Stations in one round: some milliseconds in a thread."""
_COMPARED = 200
"""The same."""
_BUSY = timedelta(minutes=1)
_NOT_DUE = timedelta(minutes=10)
"""How often it is looked whether a station still charges, walks, or is quiet."""


class Readable(Protocol):
    """A station's line."""

    @property
    def is_accepted(self) -> bool:
        """Whether the station is neither pending nor rejected."""

    @property
    def is_at_rest(self) -> bool:
        """Whether something may be asked that nobody ordered."""

    def read_settings(self, due: Due) -> None:
        """Begin to read."""


class ReadingRounds:
    """One for each process. `unasked`: whether stations are read without anybody asking."""

    def __init__(
        self, postures: Postures, book: PostureBook, clocks: ClockWatch, queue: ReadingQueue, clock: Clock,
        *, unasked: bool, pause: timedelta,
    ) -> None:  # fmt: skip
        self._postures = postures
        self._book = book
        self._clocks = clocks
        self._queue = queue
        self._clock = clock
        self._unasked = unasked
        self._pause = pause
        self._changed: set[str] = set()

    def arrived(self, station: str) -> None:
        """It connected, booted, was read, or is to be looked at again for another reason."""
        self._changed.add(station)
        self._queue.arrived(station)

    def left(self, station: str) -> None:
        """Its line is gone."""
        self._queue.left(station)
        self._clocks.left(station)

    async def round(self, lines: Mapping[str, Readable], *, only_asked: bool = False) -> None:
        """To be called every second; with `only_asked` it does what somebody waits for, and leaves the rest."""
        if not only_asked:
            await self._note()
        now = self._clock()
        for station, due in (await self._look(await asyncio.to_thread(self._book.asked, _LOOKED_AT))).items():
            if due is not None and station in lines and lines[station].is_accepted:
                lines[station].read_settings(due)
        if only_asked:
            return
        for station, due in (await self._look(self._queue.unknown(now, _LOOKED_AT))).items():
            self._expect(station, due, now + self._pause)
        for station, due in (await self._look(self._queue.take(now))).items():
            self._begin(station, due, lines.get(station))

    async def _note(self) -> None:
        """Clocks that were heard, and what differs since something new is known."""
        if news := self._clocks.take_news():
            await asyncio.to_thread(self._book.note_clocks, news)
            self._changed |= news.keys()
        if some := sorted(self._changed)[:_COMPARED]:
            self._changed.difference_update(some)
            await asyncio.to_thread(self._postures.compare, some)

    async def _look(self, stations: Sequence[str]) -> Mapping[str, Due | None]:
        return await asyncio.to_thread(self._postures.look, stations) if stations else {}

    def _begin(self, station: str, due: Due | None, line: Readable | None) -> None:
        """Its turn has come. What was true when it was put in the queue may not be now: quiet, charging, in a walk."""
        if line is None:
            return
        now = self._clock()
        if due is not None and due.at <= now and line.is_at_rest:
            line.read_settings(due)
        else:
            self._expect(station, due, now + _BUSY)

    def _expect(self, station: str, due: Due | None, earliest: datetime) -> None:
        if not self._unasked:
            return
        if due is None:
            self._queue.look_again(station, self._clock() + _NOT_DUE)
        else:
            self._queue.expect(station, max(due.at, earliest))

"""Asks one connected station for its settings, in questions that it can take, and takes in the reports that follow.

1.6 is asked for its configuration keys by name, 2.x for its variables; on demand for everything there is. What a
station does not know or will not tell is a fact that is kept, and no reason to ask again at once.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from csms_bridge import commands as c
from csms_bridge.commands import Answer
from csms_bridge.dialects.wire import Dialect, read_time
from csms_bridge.events import ReportTold
from csms_bridge.posture.batches import Room, batches
from csms_bridge.posture.book import Outcome, PostureBook, Result
from csms_bridge.posture.clock_offset import ClockWatch, Stamp
from csms_bridge.posture.device_model import DeviceModel, Source, Taken
from csms_bridge.posture.reports import ReportStream
from csms_bridge.posture.schedule import Due
from csms_bridge.posture.subjects import (
    BASE_KEYS,
    EXTENSION_KEYS,
    MOST_ITEMS,
    MOST_OCTETS,
    VARIABLES,
    Subject,
    slot_variables,
    variable_of,
)
from csms_bridge.station import OcppVersion
from csms_bridge.variables import Reading, Variable

Ask = Callable[[c.Command], Awaitable[Answer | None]]
"""Sends a command; None when no answer came."""

MOST_QUESTIONS = 60
"""Of one reading: a station that refuses every question is not asked each of its settings alone."""
_ENOUGH_DROPPED = 500
"""Values of one report: a station that has told so much more than is kept goes on without being read."""
_AFTER_THE_LAST = 10
_FOREIGN = 4
"""Reports that nobody here awaits (somebody ordered them) and that are followed all the same."""
_LONGEST_REPORT = 20
"""Times the patience: a station may send the same part again and again."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where what was read is put."""

    book: PostureBook
    model: DeviceModel
    clocks: ClockWatch


class StopReading(Exception):
    """Nothing more can be asked in this reading."""

    def __init__(self, outcome: Outcome, words: str) -> None:
        super().__init__(words)
        self.outcome = outcome
        self.words = words


@dataclass(slots=True)
class _Notes:
    """What a reading has found so far."""

    room: Room = field(default_factory=Room)
    questions: int = 0
    dropped: int = 0
    revealed: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    extension: bool | None = None
    report: str | None = None


@dataclass(slots=True)
class _Incoming:
    """A report under way. `ours`: this reading waits for it."""

    stream: ReportStream
    ours: bool = False
    taken: Taken = field(default_factory=Taken)

    @property
    def is_full(self) -> bool:
        """Whether so much of it was dropped that the rest need not be looked at."""
        return self.taken.dropped >= _ENOUGH_DROPPED

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.stream.is_complete or self.stream.is_endless or self.is_full


class SettingsReader:
    """One station's line, as far as its settings go. `patience`: seconds between two parts of a report."""

    def __init__(self, station: str, dialect: Dialect, ask: Ask, shelf: Shelf, patience: float) -> None:
        self._station = station
        self._dialect = dialect
        self._ask_station = ask
        self._model = shelf.model
        self._book = shelf.book
        self._clocks = shelf.clocks
        self._patience = patience
        self._busy = False
        self._incoming: dict[int, _Incoming] = {}
        self._moved = asyncio.Event()
        self._closed = False

    async def carry_out(self, due: Due) -> bool:
        """A reading from its beginning to its end, written down; false when one is under way already."""
        if self._busy:
            return False
        self._busy = True
        try:
            await asyncio.to_thread(self._book.begin, self._station, due)
            result = await self.read(due.whole)
            await asyncio.to_thread(self._book.end, self._station, result)
        finally:
            self._busy = False
        return True

    async def read(self, whole: bool) -> Result:
        """Read what is compared; with `whole` everything that the station has."""
        notes = _Notes()
        try:
            if self._dialect.version is OcppVersion.V16:
                await self._read_keys(notes, whole)
            else:
                await self._read_variables(notes)
                if whole:
                    await self._read_report(notes)
        except StopReading as stop:
            return self._result(notes, stop.outcome, stop.words, whole)
        words = "; ".join(notes.refused)
        if notes.dropped:
            words = f"{words}; {notes.dropped} values more than are kept of one station".lstrip("; ")
        return self._result(notes, Outcome.PART if words else Outcome.WHOLE, words, whole)

    async def report(self, told: ReportTold) -> None:
        """A part of a report, whoever asked for it. Written down before it is answered: no flood gets ahead of us."""
        report = self._follow(told.request_id)
        if report.stream.take(told.part, told.more) and not report.is_full:
            report.taken = report.taken.joined(await self._take(told.readings, Source.REPORT))
        if report.stream.is_complete and not report.ours:
            self._incoming.pop(told.request_id, None)
        self._moved.set()

    def awaits(self, request_id: int) -> bool:
        """Whether a report of this number was asked for here, and not by a walk or a person."""
        return request_id in self._incoming and self._incoming[request_id].ours

    def line_closed(self) -> None:
        """No part of any report will come any more."""
        self._closed = True
        self._moved.set()

    def _follow(self, request_id: int) -> _Incoming:
        """The report of this number; of those that nobody awaits only the latest few are followed."""
        foreign = [number for number, report in self._incoming.items() if not report.ours]
        if request_id not in self._incoming and len(foreign) >= _FOREIGN:
            del self._incoming[foreign[0]]
        return self._incoming.setdefault(request_id, _Incoming(ReportStream(request_id)))

    # --- 1.6

    async def _read_keys(self, notes: _Notes, whole: bool) -> None:
        began = self._model.moment()
        known = await self._ask_for(EXTENSION_KEYS, notes, Source.KEYS)
        notes.extension = any(reading.value is not None for reading in known) or await self._lists_roots(notes)
        await self._ask_for(BASE_KEYS, notes, Source.KEYS)
        if whole:
            await self._read_all_keys(notes, began)

    async def _read_all_keys(self, notes: _Notes, began: datetime) -> None:
        answer = await self._ask(c.ReadSettings(()), notes)
        if answer.outcome is not c.Outcome.ACCEPTED:
            notes.refused.append(f"all keys at once: {answer.words}")
            return
        await self._note(answer.readings, notes, Source.KEYS)
        if not notes.dropped:
            await asyncio.to_thread(self._model.forget_older, self._station, Source.KEYS, began)

    async def _lists_roots(self, notes: _Notes) -> bool:
        """No key of the extension is known: a station that lists its roots has it all the same (§8.5.33)."""
        answer = await self._ask(c.ListRoots(), notes)
        return answer.outcome is c.Outcome.ACCEPTED

    # --- 2.x

    async def _read_variables(self, notes: _Notes) -> None:
        limits = await self._ask_for((MOST_ITEMS, MOST_OCTETS), notes, Source.VALUES)
        told = {reading.variable: reading.value for reading in limits}
        notes.room = notes.room.told(told.get(MOST_ITEMS), told.get(MOST_OCTETS))
        readings = await self._ask_for(VARIABLES, notes, Source.VALUES)
        values = {reading.variable: reading.value for reading in readings}
        order = variable_of(Subject.PRIORITY, self._dialect.version)
        if self._dialect.version is OcppVersion.V21 and order is not None:
            await self._ask_for(slot_variables(values.get(order) or ""), notes, Source.VALUES)

    async def _read_report(self, notes: _Notes) -> None:
        for base in (c.ReportBase.FULL, c.ReportBase.CONFIGURATION):
            answer = await self._ask_report(base, notes)
            if answer.outcome is not c.Outcome.NOT_SUPPORTED:
                break
        if answer.outcome is not c.Outcome.ACCEPTED:
            notes.report = f"the station gives none: {answer.words}"

    async def _ask_report(self, base: c.ReportBase, notes: _Notes) -> Answer:
        request_id, began = secrets.randbelow(2**31), self._model.moment()
        # In place before the question goes out: a part may come before the answer (reference, station-quirks 22).
        report = self._incoming[request_id] = _Incoming(ReportStream(request_id), ours=True)
        try:
            answer = await self._ask(c.AskReport(request_id, base), notes)
            if answer.outcome is c.Outcome.ACCEPTED:
                await self._await(report)
                await self._close_report(report, began, notes)
            return answer
        finally:
            self._incoming.pop(request_id, None)

    async def _await(self, report: _Incoming) -> None:
        """Until the report is complete, has no end, or nothing of it came for a while.

        After its last part a station owes us at most what it sent twice before: not much patience is needed.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience * _LONGEST_REPORT):
                while not (report.is_over or self._closed):
                    self._moved.clear()
                    ended = report.stream.last is not None
                    async with asyncio.timeout(self._patience / _AFTER_THE_LAST if ended else self._patience):
                        await self._moved.wait()

    async def _close_report(self, report: _Incoming, began: datetime, notes: _Notes) -> None:
        stream = report.stream
        notes.dropped += report.taken.dropped
        notes.revealed |= set(report.taken.revealed)
        notes.report = stream.words
        if stream.is_complete and not report.taken.dropped:
            await asyncio.to_thread(self._model.forget_older, self._station, Source.REPORT, began)
        elif not report.is_over and stream.last is None:
            raise StopReading(Outcome.FAILED, stream.words)
        elif report.is_full:
            notes.report = "the report is longer than what is kept of one station"
        elif stream.words:
            notes.refused.append(stream.words)

    # --- questions

    async def _ask_for(self, variables: Sequence[Variable], notes: _Notes, source: Source) -> list[Reading]:
        """Ask for these in as few questions as the station takes."""
        found: list[Reading] = []
        waiting = batches(variables, notes.room, self._octets)
        while waiting:
            batch = waiting.pop(0)
            answer = await self._ask(c.ReadSettings(batch), notes)
            if answer.outcome is c.Outcome.ACCEPTED:
                await self._note(answer.readings, notes, source)
                found += answer.readings
            elif answer.outcome is c.Outcome.NOT_SUPPORTED:
                raise StopReading(Outcome.PART, f"it does not answer questions about its settings: {answer.words}")
            elif len(batch) > 1:
                # Too much at once, or one of them is not to its taste: halves tell which.
                waiting[:0] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
            else:
                notes.refused.append(f"{batch[0].name}: {answer.words}")
        return found

    async def _ask(self, command: c.Command, notes: _Notes) -> Answer:
        """One question. Raises StopReading when no answer came, or enough was asked."""
        if notes.questions >= MOST_QUESTIONS:
            raise StopReading(Outcome.PART, f"it refused most of {MOST_QUESTIONS} questions")
        notes.questions += 1
        answer = await self._ask_station(command)
        if answer is None:
            raise StopReading(Outcome.FAILED, "it did not answer")
        return answer

    async def _note(self, readings: Sequence[Reading], notes: _Notes, source: Source) -> None:
        self._hear_clock(readings)
        taken = await self._take(readings, source)
        notes.dropped += taken.dropped
        notes.revealed |= set(taken.revealed)

    def _hear_clock(self, readings: Sequence[Reading]) -> None:
        """ClockCtrlr.DateTime is the station's clock at the moment of its answer."""
        clock = variable_of(Subject.CLOCK, self._dialect.version)
        for reading in readings:
            if clock is not None and reading.variable == clock and (at := read_time(reading.value)) is not None:
                self._clocks.heard(self._station, Stamp(at, may_wait=False), self._model.moment())

    async def _take(self, readings: Sequence[Reading], source: Source) -> Taken:
        return await asyncio.to_thread(self._model.take, self._station, readings, source)

    def _octets(self, variable: Variable) -> int:
        payload = self._dialect.request(c.ReadSettings((variable,))).payload
        return len(json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode())

    def _result(self, notes: _Notes, outcome: Outcome, words: str, whole: bool) -> Result:
        return Result(
            outcome, words, whole, extension=notes.extension, report=notes.report,
            revealed=tuple(sorted(notes.revealed)),
        )  # fmt: skip

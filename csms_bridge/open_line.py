"""One station's line: how it came in, where it stands on it, what is asked on it, and the work that goes on there."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from csms_bridge import commands as c
from csms_bridge.admission import Admitted
from csms_bridge.arrivals import Business
from csms_bridge.commands import Answer, Outcome
from csms_bridge.desk import Desk
from csms_bridge.dialects.wire import Request, WireFault
from csms_bridge.errors import NotSent, StationSilent
from csms_bridge.frames import CallError, CallResult, Json
from csms_bridge.link import POLICY_VIOLATION, Link
from csms_bridge.orders import Ending
from csms_bridge.standing import Lane, Standing, may_ask, provoked_by
from csms_bridge.station import OcppVersion
from csms_bridge.station_roots.answers import ROOT_MESSAGES

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the station came in, and what there was to do for it then."""

    serial: str
    admitted: Admitted
    password: str | None
    at: datetime
    business: Business


class OpenLine:
    """What everybody who works on a station's line shares. `booted`, `rejected` and `replaced` say how it went on."""

    def __init__(self, link: Link, arrival: Arrival, desk: Desk) -> None:
        self.link = link
        self.arrival = arrival
        self.desk = desk
        self.booted = arrival.business.booted
        self.rejected = False
        self.replaced = False
        self.provoked: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def station(self) -> str:
        """The identity."""
        return self.link.station

    @property
    def version(self) -> OcppVersion:
        """What it speaks."""
        return self.link.dialect.version

    @property
    def lane(self) -> Lane | None:
        """Why the station is let in as Pending only; None when it is not."""
        return self.arrival.admitted.lane

    @property
    def standing(self) -> Standing:
        """Where the station stands on this line, whatever it was told. A 1.6 station need not boot (J16E only asks)."""
        if self.rejected:
            return Standing.REJECTED
        is_accepted = self.booted or self.version is OcppVersion.V16
        return Standing.ACCEPTED if is_accepted and self.lane is None else Standing.PENDING

    @property
    def is_accepted(self) -> bool:
        """Whether the station may be asked for more than its acceptance needs (B02.FR.01, B03.FR.03)."""
        return self.standing is Standing.ACCEPTED and not self.replaced

    @property
    def may_walk(self) -> bool:
        """Whether a walk may go on here: as accepted, or in the lane that a walk leads out of."""
        in_lane = self.lane is not None and self.lane.walks and not self.rejected
        return self.is_accepted or (in_lane and not self.replaced)

    @property
    def first_words(self) -> timedelta:
        """What a station that restarted gets for its BootNotification, before anything is asked of it."""
        return min(self.desk.settings.walk_settle, timedelta(seconds=2))

    async def is_charging(self) -> bool:
        """Whether somebody is charging."""
        return await asyncio.to_thread(self.desk.charging.is_busy, self.station)

    async def drop(self, reason: str, code: int = POLICY_VIOLATION) -> None:
        """Close the line for a reason of ours."""
        await asyncio.to_thread(self.desk.sightings.closed_by_us, self.station, reason)
        await self.link.close(code, reason[:100])

    # --- asking

    async def ask_to_boot(self) -> None:
        """Ask for a BootNotification unless one comes by itself: a station that did not restart sends none."""
        await asyncio.sleep(self.first_words.total_seconds())
        if not self.booted:
            await self.ask(c.Trigger(c.Message.BOOT, plain=True))

    async def ask(self, command: c.Command) -> Answer | None:
        """Send a command and read its answer; None when there was none."""
        dialect = self.link.dialect
        try:
            request = dialect.request(command)
            dialect.check_request(request.action, request.payload)
        except LookupError as error:
            return Answer(Outcome.NOT_SUPPORTED, str(error))
        except WireFault as fault:
            return Answer(Outcome.FAILED, f"nothing, since it could not be asked: {fault.sentence}")
        try:
            result = await self.call(request)
        except NotSent as unsent:
            await self._note_roots(request, Ending.UNSENT, None, unsent.sentence)
            return Answer(Outcome.FAILED, f"nothing, since it could not be asked: {unsent.sentence}")
        except StationSilent as silent:
            await self._note_roots(request, Ending.SILENT, None, silent.sentence)
            return None
        if isinstance(result, CallError):
            await self._note_roots(request, Ending.REFUSED, None, f"{result.code}: {result.description}".rstrip(": "))
            return dialect.error(result.code, result.description)
        await self._note_roots(request, Ending.ANSWERED, result.payload)
        try:
            dialect.check_answer(request.action, result.payload)
        except WireFault as fault:
            await self.link.refuse_answer(result, dialect.error_codes[fault.fault], fault.sentence)
            return Answer(Outcome.FAILED, f"an answer that breaks the schema: {fault.sentence}")
        return dialect.answer(command, result.payload)

    async def call(self, request: Request) -> CallResult | CallError:
        """Send a CALL. What it asks for may be said from now on. Raises StationSilent."""
        if not may_ask(self.standing, self.lane, request.action):
            raise NotSent(request.action, f"it is not sent to a station that is {self.standing} now")
        self.provoked |= provoked_by(request.action, request.payload)
        return await self.link.call(request)

    async def _note_roots(self, request: Request, ending: Ending, answer: Json | None, words: str = "") -> None:
        """What a walk learns of the station's roots stands in the inventory as well."""
        if request.action in ROOT_MESSAGES:
            await asyncio.to_thread(self.desk.roots.heard, self.station, request, ending, answer, words)

    # --- work

    def spawn(self, work: Awaitable[None]) -> None:
        """Do a piece of work beside the others."""
        task = asyncio.ensure_future(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish_work(self) -> None:
        """Wait until all that was begun has come to its end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guard(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:
            # A fault in one piece of work must not end the station's line; its record stays for the next try.
            log.exception("station_work_failed", station=self.station)

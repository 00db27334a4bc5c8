"""One connected station at work: its calls answered, its walk moved, its certificates and commands delivered."""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from csms_bridge import commands as c
from csms_bridge import events as e
from csms_bridge.admission import Admitted
from csms_bridge.certificate_asks import Delivery, Receipt
from csms_bridge.charging import Phase
from csms_bridge.charging_book import ChargingBook, Told
from csms_bridge.commands import Answer, Outcome
from csms_bridge.dialects.timestamps import stamp_of
from csms_bridge.dialects.wire import Fault, House, Request, WireFault
from csms_bridge.enrolment import Enrolment
from csms_bridge.enrolment_counter import EnrolmentCounter
from csms_bridge.errands import ErrandRunner
from csms_bridge.errors import BridgeError, NotSent, StationSilent
from csms_bridge.event_intake import EventIntake
from csms_bridge.frames import CallError, CallResult, CallResultError, Json
from csms_bridge.id_tokens import NO_LEAVE, IdTokens, Leave
from csms_bridge.lane_work import LaneWork
from csms_bridge.link import POLICY_VIOLATION, Link, Reply
from csms_bridge.log_fetches import LogFetches
from csms_bridge.lots import Lots
from csms_bridge.orders import Ending, Orders
from csms_bridge.password_book import PasswordBook
from csms_bridge.password_errand import PasswordErrand
from csms_bridge.posture.desk import PostureDesk
from csms_bridge.posture.schedule import Due
from csms_bridge.questions import Questions
from csms_bridge.renewals import Renewals
from csms_bridge.security_vocabulary import COMPLAINTS, DISCARDED, canonical
from csms_bridge.settings import BridgeSettings
from csms_bridge.sightings import Sightings
from csms_bridge.standing import Standing, may_ask, may_say, provoked_by
from csms_bridge.station import CommandOrder, OcppVersion, SecurityProfile
from csms_bridge.station_roots.answers import ROOT_MESSAGES
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.variables import Variable
from csms_bridge.walks import machine
from csms_bridge.walks.acts import Acts, Prepared
from csms_bridge.walks.ledger import Change, Ledger
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.steps import (
    Answered,
    Complained,
    Connected,
    Disconnected,
    Do,
    Issued,
    Pace,
    Progress,
    RequestRefused,
    Seen,
    SlotsTold,
    Tick,
    Unanswered,
    WeWereAway,
)
from pki.clock import Clock
from pki.errors import PkiError

log = structlog.get_logger(__name__)

PRIORITY = Variable("OCPPCommCtrlr", "NetworkConfigurationPriority")
"""The variable whose list of values tells which connection slots a station has."""
LONGEST_SERIAL = 25
"""`serialNumber` and `chargePointSerialNumber` of a BootNotification, in all three versions."""
LAST_WORDS = 5.0
"""Seconds that a replaced line has for what it still holds."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a session works with: the same for all stations of a process."""

    sightings: Sightings
    passwords: PasswordBook
    enrolment: Enrolment
    counter: EnrolmentCounter
    walking: Lots[str, bool]
    ledger: Ledger
    orders: Orders
    acts: Acts
    events: EventIntake
    charging: ChargingBook
    tokens: IdTokens
    questions: Questions
    password_errand: PasswordErrand
    errands: Mapping[str, ErrandRunner]
    roots: StationRoots
    posture: PostureDesk
    logs: LogFetches
    renewals: Renewals
    settings: BridgeSettings
    clock: Clock

    @property
    def pace(self) -> Pace:
        """The walks' patience, from the settings."""
        settings = self.settings
        return Pace(settings.walk_settle, settings.walk_grace, silence=settings.call_timeout * 3)

    def tell_walks_we_were_away(self) -> None:
        """At start: stations may have knocked in vain since the last process ended."""
        for station in self.ledger.running_stations():
            self.ledger.apply(station, self.advancing(WeWereAway()))

    def let_time_pass(self, station: str) -> None:
        """A tick for the walk of a station that is not connected: it may be late."""
        self.ledger.apply(station, self.advancing(Tick(ready=False)))

    def advancing(self, seen: Seen) -> Change:
        """What `seen` does to a walk, for the ledger."""

        def change(under_way: WalkUnderWay, now: datetime) -> tuple[Progress, Sequence[Do]]:
            return machine.advance(under_way.walk, under_way.at, seen, now, self.pace)

        return change


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the station came in."""

    serial: str
    admitted: Admitted
    password: str | None
    at: datetime


class Session:
    """A station's connection, from the open WebSocket to its end."""

    def __init__(self, link: Link, arrival: Arrival, desk: Desk, predecessor: "Session | None" = None) -> None:
        self.link = link
        self.arrival = arrival
        self.replaced = False
        self._predecessor = predecessor
        self.ended = asyncio.Event()
        self._desk = desk
        self._booted = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._acting = False
        self._nudged = False
        self._delivering: set[int] = set()
        self._rejected = False
        self._provoked: set[str] = set()
        self._lane = _lane_work(self, desk)
        link.when_answer_refused = self._answer_refused
        self._reader = desk.posture.reader(link.station, link.dialect, self.ask)

    @property
    def station(self) -> str:
        """The identity."""
        return self.link.station

    @property
    def version(self) -> OcppVersion:
        """What it speaks."""
        return self.link.dialect.version

    @property
    def standing(self) -> Standing:
        """Where the station stands on this line, whatever it was told. A 1.6 station need not boot (J16E only asks)."""
        if self._rejected:
            return Standing.REJECTED
        is_accepted = self._booted or self.link.dialect.version is OcppVersion.V16
        return Standing.ACCEPTED if is_accepted and self._lane is None else Standing.PENDING

    async def run(self) -> None:
        """Serve the line until it closes."""
        self._booted = await asyncio.to_thread(self._desk.sightings.has_booted, self.station)
        self._spawn(self._greet())
        try:
            await self.link.serve(self._answer)
        finally:
            await self._wind_up()

    def nudge(self) -> None:
        """There may be something to do: move the walk, sign what waits. One round at a time."""
        if not self._nudged:
            self._nudged = True
            self._spawn(self._round())

    async def _round(self) -> None:
        try:
            await self._sign_waiting()
            if self.is_accepted:
                await self._desk.password_errand.restart(self)
        finally:
            self._nudged = False

    def carry_out(self, order: CommandOrder) -> None:
        """Send a command that somebody ordered."""
        self._spawn(self._carry_out(order))

    @property
    def is_accepted(self) -> bool:
        """Whether the station may be asked for more than its acceptance needs (B02.FR.01, B03.FR.03)."""
        return self.standing is Standing.ACCEPTED and not self.replaced

    @property
    def is_at_rest(self) -> bool:
        """Whether something may be asked of the station that nobody ordered."""
        return self.is_accepted and self._booted and not self._acting

    def read_settings(self, due: Due) -> None:
        """Ask the station for its settings, beside whatever else goes on."""
        self._spawn(self._read_settings(due))

    async def _read_settings(self, due: Due) -> None:
        if self._lane is None and await self._reader.carry_out(due):
            self._desk.posture.rounds.arrived(self.station)

    async def drop(self, reason: str) -> None:
        """Close the line for a reason of ours."""
        await asyncio.to_thread(self._desk.sightings.closed_by_us, self.station, reason)
        await self.link.close(POLICY_VIOLATION, reason[:100])

    async def _greet(self) -> None:
        await self._let_predecessor_end()
        if self._lane is not None:
            await self._lane.run(self._first_words())
            return
        admitted = self.arrival.admitted
        if admitted.certificate_serial:
            await asyncio.to_thread(self._desk.enrolment.seen_in_use, self.station, admitted.certificate_serial)
        if self.arrival.password is not None:
            await asyncio.to_thread(self._desk.password_errand.rotations.seen, self.station, self.arrival.password)
        await self._feed(Connected(admitted.profile, admitted.certificate_serial, self.arrival.password))
        await self._sign_waiting()
        for delivery in await asyncio.to_thread(self._desk.enrolment.undelivered, self.station):
            await self._feed(Issued(delivery.serial, delivery.root))  # its walk may not have heard of it before a crash
            await self._deliver_unless_walking(delivery)
        if self._booted:
            await asyncio.to_thread(self._desk.orders.wake, self.station)
        await self._accept_who_waits()

    async def _accept_who_waits(self) -> None:
        """It came through a lane and was told Pending last: one that did not restart says nothing until it is asked."""
        if await asyncio.to_thread(self._desk.sightings.waits_for_acceptance, self.station):
            await asyncio.sleep(self._first_words().total_seconds())
            if not self._booted:
                await self.ask(c.Trigger(c.Message.BOOT, plain=True))

    def _first_words(self) -> timedelta:
        """What a station that restarted gets for its BootNotification, before anything is asked of it."""
        return min(self._desk.settings.walk_settle, timedelta(seconds=2))

    async def _let_predecessor_end(self) -> None:
        """Answers that came on the old line are taken in first; what was not answered there never will be."""
        if self._predecessor is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await self._predecessor.ended.wait()
            self._predecessor = None

    async def _wind_up(self) -> None:
        if self._lane is not None:
            self._lane.end()
        self._reader.line_closed()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.ended.set()
        if not self.replaced:
            await asyncio.to_thread(self._desk.sightings.disconnected, self.station, self.arrival.at)
            await self._feed(Disconnected())

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:
            # A fault in one piece of work must not end the station's line; its record stays for the next try.
            log.exception("station_work_failed", station=self.station)

    # --- the station's calls

    async def _answer(self, action: str, payload: Json) -> Reply:
        dialect = self.link.dialect
        dialect.check_call(action, payload)
        if not may_say(self.standing, self.arrival.admitted.lane, action, self._provoked):
            raise WireFault(Fault.SECURITY, "a BootNotification must be accepted first")  # B01.FR.10, B02.FR.09
        event = dialect.event(action, payload)
        self._desk.posture.heard(self.station, stamp_of(action, payload), self._desk.clock())
        if (answer := await self._desk.questions.answer(self.station, dialect.version, event)) is not None:
            return Reply(dialect.spell(answer))
        match event:
            case e.Booted():
                return await self._boot(event, action, payload)
            case e.CertificateAsked():
                return await self._certificate_asked(event)
            case e.SecurityEventTold():
                await self._desk.events.take(self.station, event)
                return Reply(self._standing(action, payload).payload, then=lambda: self._heed(event))
            case e.ReportTold():
                await self._reader.report(event)
                slots = event.values_of(PRIORITY)
                if slots or not (event.more or self._reader.awaits(event.request_id)):
                    told = SlotsTold(slots)
                    return Reply(self._standing(action, payload).payload, then=lambda: self._spawn(self._feed(told)))
            case e.LogStatusTold():
                await asyncio.to_thread(self._desk.logs.told, self.station, event)
            case e.ChargingTold():
                return await self._charging_told(event, action, payload)
            case e.ConnectorsTold():
                await asyncio.to_thread(self._desk.charging.connectors_told, self.station, event)
        return self._standing(action, payload)

    async def _charging_told(self, event: e.ChargingTold, action: str, payload: Json) -> Reply:
        """The message is durable before the station hears that it was taken."""
        told = Told(self.station, self.link.dialect.version, action, payload, event)
        number = await asyncio.to_thread(self._desk.charging.take, told)
        if event.phase is Phase.ENDED:
            self._spawn(asyncio.to_thread(self._desk.orders.wake, self.station))
        if event.token is None:
            return self._standing(action, payload, number)
        leave = await asyncio.to_thread(self._desk.tokens.ask, event.token.text)
        return self._standing(action, payload, number, leave)

    def _heed(self, told: e.SecurityEventTold) -> None:
        """What a security event sets in motion."""
        name = canonical(told.type)
        if name in COMPLAINTS:
            self._spawn(self._feed(Complained(f"{name}: {told.tech_info}".rstrip(": "))))
        if name == DISCARDED:
            self._spawn(self._renew_after_discard())

    async def _renew_after_discard(self) -> None:
        await asyncio.to_thread(self._desk.renewals.ask_after_discard, self.station)

    def _standing(self, action: str, payload: Json, transaction: int = 0, leave: Leave = NO_LEAVE) -> Reply:
        settings = self._desk.settings
        interval = int(settings.heartbeat.total_seconds())
        house = House(self._desk.clock(), interval, leave.status, leave.until, transaction)
        response = self.link.dialect.response(action, payload, house)
        try:
            self.link.dialect.check_response(action, response)
        except WireFault:
            # A message that only we may send: recognised, and not taken (OCPP-J 1.6 §4.2.3 NotSupported).
            raise WireFault(Fault.NOT_SUPPORTED, f"{action} is not for a CSMS to answer") from None
        return Reply(response)

    async def _boot(self, boot: e.Booted, action: str, payload: Json) -> Reply:
        """BootNotification. On profile 3 the serial must be the certificate's CN (B01.FR.11/.12; 1.6 by policy)."""
        reply = self._standing(action, payload)
        on_certificate = self.arrival.admitted.profile is SecurityProfile.MUTUAL_TLS
        if on_certificate and boot.serials and not any(self._is_its_serial(serial) for serial in boot.serials):
            reason = "the serial number in the BootNotification is not the certificate's"
            rejected = {**reply.payload, "status": "Rejected"}
            self._rejected = True
            return Reply(rejected, then=lambda: self._spawn(self.drop(reason)))
        if self._lane is not None:
            return await self._boot_in_lane(self._lane, boot, reply.payload)
        await asyncio.to_thread(self._desk.sightings.booted, self.station, boot)
        self._booted = True
        return Reply(reply.payload, then=self._after_boot)

    async def _boot_in_lane(self, lane: LaneWork, boot: e.Booted, accepted: Json) -> Reply:
        """Pending, unless the station works only when accepted; then that is all that it is told, and no more."""
        told = await lane.boot_status()
        await asyncio.to_thread(self._desk.sightings.booted, self.station, boot, told)
        interval = int(self._desk.settings.pending_interval.total_seconds())
        pending = {**accepted, "status": "Pending", "interval": interval}
        return Reply(accepted if told is Standing.ACCEPTED else pending, then=lambda: lane.booted(told))

    def _after_boot(self) -> None:
        self.nudge()
        self._spawn(asyncio.to_thread(self._desk.orders.wake, self.station))
        self._desk.posture.rounds.arrived(self.station)

    def _is_its_serial(self, told: str) -> bool:
        """The field ends at 25 characters; a longer serial number comes cut off or not at all."""
        registered = self.arrival.serial
        return told == registered or (len(told) == LONGEST_SERIAL and registered.startswith(told))

    async def _certificate_asked(self, asked: e.CertificateAsked) -> Reply:
        """Answered at once; signing begins when the answer is on its way (A02.FR.11/.12)."""
        try:
            receipt = await self._take_request(asked)
        except SQLAlchemyError:
            # A CALLERROR would leave some stations stuck until they restart (reference, station-everest).
            log.exception("certificate_request_not_recorded", station=self.station)
            receipt = Receipt(False, "the request cannot be recorded now")
        response = self.link.dialect.certificate_response(receipt.accepted, receipt.reason)
        if receipt.accepted:
            return Reply(response, then=lambda: self._spawn(self._sign_waiting()))
        return Reply(response, then=lambda: self._spawn(self._feed(RequestRefused(receipt.reason))))

    async def _take_request(self, asked: e.CertificateAsked) -> Receipt:
        lanes = self._desk.sightings.lanes
        if self._lane is not None and not await asyncio.to_thread(lanes.may_request, self.station):
            return Receipt(False, "too many certificate requests today")
        return await self._desk.counter.ask(self.station, asked, self.arrival.admitted.profile)

    # --- certificates

    async def _sign_waiting(self) -> None:
        for result in await self._desk.counter.sign_waiting(self.station):
            if isinstance(result, Delivery):
                await self._feed(Issued(result.serial, result.root))
                await self._deliver_unless_walking(result)
            else:
                await self._feed(RequestRefused(result.reason))
        await self._move_walk()

    async def _deliver_unless_walking(self, delivery: Delivery) -> None:
        if self._lane is not None:
            await self._lane.deliver(delivery)
        elif delivery.ask not in self._delivering:
            self._delivering.add(delivery.ask)  # a round and a greeting may both find it
            try:
                if not (await self._is_walking() and await asyncio.to_thread(self._walk_takes)):
                    await self._deliver(delivery)
            finally:
                self._delivering.discard(delivery.ask)

    async def _deliver(self, delivery: Delivery) -> None:
        command = self._desk.acts.delivery(delivery)
        if len(command.chain) > delivery.limit:
            await asyncio.to_thread(self._desk.enrolment.not_sent, delivery, len(command.chain))
            return
        await self._desk.counter.sent(delivery)
        prepared = Prepared(command, delivery=delivery)
        await self._settle(prepared, await self.ask(prepared.command))

    def _walk_takes(self) -> bool:
        under_way = self._desk.ledger.under_way(self.station)
        return under_way is not None and machine.takes_certificate(under_way.walk, under_way.at)

    # --- the walk

    async def _move_walk(self) -> None:
        """One tick: lets time pass for the walk, and asks the next thing when the station is ready for it."""
        if not self._acting and await self._is_walking():
            await self._feed(Tick(ready=await self._is_ready()))

    async def _is_walking(self) -> bool:
        """Whether there is a walk at all: most stations have none, and are asked about together."""
        return await self._desk.walking.ask(self.station)

    async def _is_ready(self) -> bool:
        if self.replaced or not self._booted or self._lane is not None:
            return False
        # A station that restarted speaks first: give it the time before anything is asked of it.
        if self._desk.clock() - self.arrival.at < min(self._desk.settings.walk_settle, timedelta(seconds=2)):
            return False
        return not await self.is_charging()

    async def is_charging(self) -> bool:
        """Whether somebody is charging."""
        return await asyncio.to_thread(self._desk.charging.is_busy, self.station)

    async def _feed(self, seen: Seen) -> None:
        """Tell the walk; store its progress; then do what it asks. In a lane nothing moves it but time."""
        if self._lane is not None and not isinstance(seen, Tick):
            return
        if not await self._is_walking():
            return
        result = await asyncio.to_thread(self._desk.ledger.apply, self.station, self._desk.advancing(seen))
        if result is None:
            return
        under_way, acts = result
        for act in acts:
            self._acting = True
            self._spawn(self._perform(under_way, act))

    async def _perform(self, under_way: WalkUnderWay, act: Do) -> None:
        index = under_way.at.index
        try:
            answer = await self._send_act(under_way, act)
        finally:
            self._acting = False
        await self._feed(Unanswered(index) if answer is None else Answered(index, answer))
        await self._move_walk()

    async def _send_act(self, under_way: WalkUnderWay, act: Do) -> Answer | None:
        try:
            prepared = await asyncio.to_thread(self._desk.acts.prepare, under_way, act)
        except (BridgeError, PkiError, LookupError) as error:
            # Nothing was sent: a refusal, which holds the walk with its reason, and not a lost answer.
            return Answer(Outcome.FAILED, f"nothing, since it could not be asked: {error}")
        if prepared.password:
            await asyncio.to_thread(self._desk.ledger.learn, self.station, password=prepared.password)
        answer = await self.ask(prepared.command)
        await self._settle(prepared, answer)
        return answer

    async def _settle(self, prepared: Prepared, answer: Answer | None) -> None:
        """Write down what an answer means for a password or a certificate; silence means nothing yet."""
        if answer is None:
            return
        accepted = answer.outcome is Outcome.ACCEPTED
        if prepared.password and accepted:
            await asyncio.to_thread(self._desk.passwords.accepted, self.station, prepared.password)
        elif prepared.password and answer.outcome is not Outcome.REBOOT_REQUIRED:
            await asyncio.to_thread(self._desk.passwords.refused, self.station, prepared.password)
        if prepared.delivery and accepted:
            await self._desk.counter.taken(prepared.delivery)
        elif prepared.delivery:
            await asyncio.to_thread(self._desk.enrolment.rejected, prepared.delivery, answer.words)

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
            result = await self._call(request)
        except StationSilent as silent:
            await self._note_roots(request, _ending_of(silent), None, silent.sentence)
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

    async def _note_roots(self, request: Request, ending: Ending, answer: Json | None, words: str = "") -> None:
        """What a walk learns of the station's roots stands in the inventory as well."""
        if request.action in ROOT_MESSAGES:
            await asyncio.to_thread(self._desk.roots.heard, self.station, request, ending, answer, words)

    async def _call(self, request: Request) -> CallResult | CallError:
        """Send a CALL. What it asks for may be said from now on. Raises StationSilent."""
        if not may_ask(self.standing, self.arrival.admitted.lane, request.action):
            raise NotSent(request.action, f"it is not sent to a station that is {self.standing} now")
        self._provoked |= provoked_by(request.action, request.payload)
        return await self.link.call(request)

    def _answer_refused(self, action: str, error: CallError | CallResultError) -> None:
        if self._lane is not None:
            self._spawn(self._lane.answer_refused(action, f"{error.code}: {error.description}"))

    # --- commands of people and scripts

    async def _carry_out(self, order: CommandOrder) -> None:
        if (runner := self._desk.errands.get(order.errand)) is not None:
            if self.is_accepted:
                await runner.carry_out(order, self)
            else:  # an errand carries a secret, which is not for who has proved too little or leaves just now
                await asyncio.to_thread(self._desk.orders.put_back, order)
            return
        try:
            result = await self._call(Request(order.action, order.payload))
        except StationSilent as silent:
            await asyncio.to_thread(self._desk.orders.finish, order, None, silent.sentence, _ending_of(silent))
            return
        if isinstance(result, CallError):
            error = f"{result.code}: {result.description}".rstrip(": ")
            await asyncio.to_thread(self._desk.orders.finish, order, result.details, error, Ending.REFUSED)
            return
        remark = self.link.dialect.remark_on_answer(order.action, result.payload)
        await asyncio.to_thread(self._desk.orders.finish, order, result.payload, remark, Ending.ANSWERED)


def _lane_work(session: Session, desk: Desk) -> LaneWork | None:
    lane = session.arrival.admitted.lane
    if lane is None:
        return None
    interval = desk.settings.pending_interval
    return LaneWork(session, lane, desk.sightings.lanes, desk.enrolment, desk.acts, interval)


def _ending_of(silent: StationSilent) -> Ending:
    return Ending.UNSENT if isinstance(silent, NotSent) else Ending.SILENT

"""The calls of one station, answered: what each sets in motion, and what must be durable before its answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from csms_bridge import events as e
from csms_bridge.certificate_asks import Receipt
from csms_bridge.charging import Phase
from csms_bridge.charging_book import Told
from csms_bridge.delivering import Delivering
from csms_bridge.dialects.timestamps import stamp_of
from csms_bridge.dialects.wire import Fault, House, WireFault
from csms_bridge.errors import ChargingFull
from csms_bridge.event_intake import EventNotKept
from csms_bridge.frames import Json
from csms_bridge.id_tokens import NO_LEAVE, Leave
from csms_bridge.lane_work import LaneWork
from csms_bridge.link import Reply
from csms_bridge.open_line import OpenLine
from csms_bridge.posture.reader import SettingsReader
from csms_bridge.security_vocabulary import COMPLAINTS, DISCARDED, canonical
from csms_bridge.standing import Standing, may_say
from csms_bridge.station import SecurityProfile
from csms_bridge.variables import Variable
from csms_bridge.walk_line import WalkLine
from csms_bridge.walks.steps import Booted, Complained, RequestRefused, SlotsTold

log = structlog.get_logger(__name__)

PRIORITY = Variable("OCPPCommCtrlr", "NetworkConfigurationPriority")
"""The variable whose list of values tells which connection slots a station has."""
LONGEST_SERIAL = 25
"""`serialNumber` and `chargePointSerialNumber` of a BootNotification, in all three versions."""


@dataclass(frozen=True, slots=True)
class Work:
    """What goes on beside the calls on the same line. `nudge`: there may be something to do."""

    walk: WalkLine
    delivering: Delivering
    lane: LaneWork | None
    reader: SettingsReader
    nudge: Callable[[], None]


def is_serial(registered: str, told: str) -> bool:
    """Whether a BootNotification tells this serial number: in any case, with blanks around it, or cut off at its end.

    The certificate has proved the station already; one that spells its own number otherwise must not lose its line.
    """
    known, said = registered.strip().casefold(), told.strip().casefold()
    return said == known or (len(told) == LONGEST_SERIAL and known.startswith(said))


class StationCalls:
    """Answers what one station says on one line."""

    def __init__(self, line: OpenLine, work: Work) -> None:
        self._line = line
        self._desk = line.desk
        self._work = work
        self._asked_to_boot = False

    async def answer(self, action: str, payload: Json) -> Reply:
        """The answer to a CALL, and what to do once it is on its way. Raises WireFault."""
        line, dialect = self._line, self._line.link.dialect
        dialect.check_call(action, payload)
        if not may_say(line.standing, line.lane, action, line.provoked):
            self._have_it_boot()
            raise WireFault(Fault.SECURITY, "a BootNotification must be accepted first")  # B01.FR.10, B02.FR.09
        event = dialect.event(action, payload)
        if line.lane is None:  # else it may be anybody's clock
            self._desk.posture.heard(line.station, stamp_of(action, payload), self._desk.clock())
        if (answer := await self._desk.questions.answer(line.station, dialect.version, event)) is not None:
            return Reply(dialect.spell(answer))
        match event:
            case e.Booted():
                return await self._boot(event, action, payload)
            case e.CertificateAsked():
                return await self._certificate_asked(event)
            case e.SecurityEventTold():
                return await self._event_told(event, action, payload)
            case e.ReportTold():
                return await self._report_told(event, action, payload)
            case e.LogStatusTold():
                await asyncio.to_thread(self._desk.logs.told, line.station, event)
            case e.FirmwareStatusTold():
                await asyncio.to_thread(self._desk.firmware.told, line.station, event)
            case e.ChargingTold():
                return await self._charging_told(event, action, payload)
            case e.ConnectorsTold():
                await asyncio.to_thread(self._desk.charging.connectors_told, line.station, event)
        return self._standing(action, payload)

    def _standing(self, action: str, payload: Json, transaction: int = 0, leave: Leave = NO_LEAVE) -> Reply:
        settings, dialect = self._desk.settings, self._line.link.dialect
        interval = int(settings.heartbeat.total_seconds())
        house = House(self._desk.clock(), interval, leave.status, leave.until, transaction)
        response = dialect.response(action, payload, house)
        try:
            dialect.check_response(action, response)
        except WireFault:
            # A message that only we may send: recognised, and not taken (OCPP-J 1.6 §4.2.3 NotSupported).
            raise WireFault(Fault.NOT_SUPPORTED, f"{action} is not for a CSMS to answer") from None
        return Reply(response)

    # --- what it tells

    async def _event_told(self, told: e.SecurityEventTold, action: str, payload: Json) -> Reply:
        try:
            await self._desk.events.take(self._line.station, told)
        except EventNotKept:
            raise WireFault(Fault.INTERNAL, "the event cannot be recorded now: send it again") from None
        return Reply(self._standing(action, payload).payload, then=lambda: self._heed(told))

    async def _report_told(self, told: e.ReportTold, action: str, payload: Json) -> Reply:
        await self._work.reader.report(told)
        reply = self._standing(action, payload)
        slots = told.values_of(PRIORITY)
        if slots or not (told.more or self._work.reader.awaits(told.request_id)):
            return Reply(reply.payload, then=lambda: self._line.spawn(self._work.walk.feed(SlotsTold(slots))))
        return reply

    async def _charging_told(self, event: e.ChargingTold, action: str, payload: Json) -> Reply:
        """The message is durable before the station hears that it was taken."""
        told = Told(self._line.station, self._line.version, action, payload, event)
        try:
            number = await asyncio.to_thread(self._desk.charging.take, told)
        except ChargingFull as full:
            raise WireFault(Fault.INTERNAL, full.sentence) from None
        if event.phase is Phase.ENDED:
            self._line.spawn(asyncio.to_thread(self._desk.orders.wake, self._line.station))
        if event.token is None:
            return self._standing(action, payload, number)
        leave = await asyncio.to_thread(self._desk.tokens.ask, event.token.text)
        return self._standing(action, payload, number, leave)

    def _heed(self, told: e.SecurityEventTold) -> None:
        """What a security event sets in motion."""
        name = canonical(told.type)
        if name in COMPLAINTS:
            complaint = Complained(f"{name}: {told.tech_info}".rstrip(": "))
            self._line.spawn(self._work.walk.feed(complaint))
        if name == DISCARDED:
            self._line.spawn(self._renew_after_discard())

    async def _renew_after_discard(self) -> None:
        await asyncio.to_thread(self._desk.renewals.ask_after_discard, self._line.station)

    # --- booting

    def _have_it_boot(self) -> None:
        """It speaks before it was accepted: moved here from another CSMS, or restored, without a restart."""
        lane = self._line.lane
        is_to_boot = (lane is None or lane.walks) and not self._line.booted
        if is_to_boot and not self._line.rejected and not self._asked_to_boot:
            self._asked_to_boot = True
            self._line.spawn(self._ask_to_boot())

    async def _ask_to_boot(self) -> None:
        if not await asyncio.to_thread(self._desk.quiet.is_on, self._line.station):
            await self._line.ask_to_boot()

    async def _boot(self, boot: e.Booted, action: str, payload: Json) -> Reply:
        """BootNotification. On profile 3 the serial must be the certificate's CN (B01.FR.11/.12; 1.6 by policy)."""
        reply = self._standing(action, payload)
        line, lane = self._line, self._work.lane
        on_certificate = line.arrival.admitted.profile is SecurityProfile.MUTUAL_TLS
        if (
            (on_certificate or line.lane is not None)
            and boot.serials
            and not any(self._is_its_serial(serial) for serial in boot.serials)
        ):
            whose = "the certificate's" if on_certificate else "the registered one"
            reason = f"the serial number in the BootNotification is not {whose}"
            rejected = {**reply.payload, "status": "Rejected"}
            line.rejected = True
            return Reply(rejected, then=lambda: line.spawn(line.drop(reason)))
        if lane is not None:
            return await self._boot_in_lane(lane, boot, reply.payload)
        await asyncio.to_thread(self._desk.sightings.booted, line.station, boot)
        if not line.booted:
            await asyncio.to_thread(self._desk.replanning.booted, line.station)
        line.booted = True
        return Reply(reply.payload, then=lambda: self._after_boot(restarted=boot.reason != "Triggered"))

    async def _boot_in_lane(self, lane: LaneWork, boot: e.Booted, accepted: Json) -> Reply:
        """Pending, unless the station works only when accepted; then that is all that it is told, and no more."""
        told = await lane.boot_status()
        await asyncio.to_thread(self._desk.sightings.booted, self._line.station, boot, told, in_lane=True)
        interval = int(self._desk.settings.pending_interval.total_seconds())
        pending = {**accepted, "status": "Pending", "interval": interval}
        return Reply(accepted if told is Standing.ACCEPTED else pending, then=lambda: lane.booted(told))

    def _after_boot(self, *, restarted: bool) -> None:
        if restarted:
            self._line.spawn(self._work.walk.feed(Booted()))
        self._work.nudge()
        if self._line.lane is None:  # what was ordered waits until it is back for good
            self._line.spawn(asyncio.to_thread(self._desk.orders.wake, self._line.station))
        self._desk.posture.rounds.arrived(self._line.station)

    def _is_its_serial(self, told: str) -> bool:
        return is_serial(self._line.arrival.serial, told)

    # --- certificates

    async def _certificate_asked(self, asked: e.CertificateAsked) -> Reply:
        """Answered at once; signing begins when the answer is on its way (A02.FR.11/.12)."""
        self._desk.rush.came()
        try:
            receipt = await self._take_request(asked)
        except SQLAlchemyError:
            # A CALLERROR would leave some stations stuck until they restart (reference, station-everest).
            log.exception("certificate_request_not_recorded", station=self._line.station)
            receipt = Receipt(False, "the request cannot be recorded now")
        response = self._line.link.dialect.certificate_response(receipt.accepted, receipt.reason)
        work = self._work
        if receipt.accepted:
            return Reply(response, then=lambda: self._line.spawn(work.delivering.sign_waiting()))
        return Reply(response, then=lambda: self._line.spawn(work.walk.feed(RequestRefused(receipt.reason))))

    async def _take_request(self, asked: e.CertificateAsked) -> Receipt:
        station, lanes = self._line.station, self._desk.sightings.lanes
        if self._line.lane is not None and not await asyncio.to_thread(lanes.may_request, station):
            return Receipt(False, "too many certificate requests today")
        return await self._desk.counter.ask(station, asked, self._line.arrival.admitted.profile)

"""A station that nobody registered, on an open line: its BootNotification is answered Pending, and nothing else is.

It never leads to a certificate. Nothing that it says is journalled but what its BootNotification says of it.
"""

import asyncio
from collections.abc import Mapping

import structlog

from csms_bridge.admission import SUBPROTOCOLS
from csms_bridge.connection import StationConnection
from csms_bridge.dialects import DIALECTS
from csms_bridge.dialects.wire import Fault, House, WireFault
from csms_bridge.events import Booted
from csms_bridge.frames import Json
from csms_bridge.id_tokens import NO_LEAVE
from csms_bridge.journal import NoJournal
from csms_bridge.judging import Welcome
from csms_bridge.link import POLICY_VIOLATION, Limits, Link, Reply
from csms_bridge.settings import BridgeSettings
from csms_bridge.standing import Lane, Standing, may_say
from csms_bridge.strangers import Strangers
from csms_bridge.tally import REPLACED_WORDS
from pki.clock import Clock

log = structlog.get_logger(__name__)


class Quarantine:
    """The open lines of unknown stations, one for each identity: the newest."""

    def __init__(self, strangers: Strangers, settings: BridgeSettings, clock: Clock) -> None:
        self._strangers = strangers
        self._settings = settings
        self._clock = clock
        self._lines: dict[str, Link] = {}

    @property
    def lines(self) -> Mapping[str, Link]:
        """Who is in quarantine now."""
        return self._lines

    async def serve(self, connection: StationConnection, welcome: Welcome) -> None:
        """Until the line ends."""
        station, version = welcome.identity, SUBPROTOCOLS[welcome.admitted.subprotocol]
        limits = Limits(self._settings.call_timeout.total_seconds(), self._settings.unanswered_limit)
        link = Link(station, connection, DIALECTS[version], NoJournal(), limits)
        before, self._lines[station] = self._lines.get(station), link
        if before is not None:
            await before.close(1000, REPLACED_WORDS)
        log.info("unknown_station_in_quarantine", station=station, address=welcome.line.address)

        async def answer(action: str, payload: Json) -> Reply:
            return self._answer(link, action, payload)

        try:
            await link.serve(answer)
        finally:
            if self._lines.get(station) is link:
                del self._lines[station]

    async def let_go(self) -> None:
        """Close the lines of those that were adopted or taken off the list."""
        if not self._lines:
            return
        gone = await asyncio.to_thread(self._strangers.gone_among, list(self._lines))
        for station, reason in gone.items():
            if link := self._lines.get(station):
                await link.close(POLICY_VIOLATION, reason)

    def _answer(self, link: Link, action: str, payload: Json) -> Reply:
        link.dialect.check_call(action, payload)
        if not may_say(Standing.PENDING, Lane.QUARANTINE, action, ()):
            raise WireFault(Fault.SECURITY, "this station is not registered")  # B02.FR.09
        event = link.dialect.event(action, payload)
        if isinstance(event, Booted):
            self._strangers.booted(link.station, event)
        interval = int(self._settings.pending_interval.total_seconds())
        house = House(self._clock(), interval, NO_LEAVE.status, NO_LEAVE.until, 0)
        return Reply({**link.dialect.response(action, payload, house), "status": "Pending", "interval": interval})

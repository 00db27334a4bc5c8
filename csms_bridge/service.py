"""The OCPP side as a running thing: listener, sessions, and the clockwork that keeps walks and certificates moving."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from weakref import WeakValueDictionary

import structlog
from cryptography import x509

from csms_bridge.admission import SUBPROTOCOLS, outranks
from csms_bridge.arrivals import Incoming
from csms_bridge.connection import StationConnection
from csms_bridge.dialects import DIALECTS
from csms_bridge.doorkeeper import Doorkeeper
from csms_bridge.edge_chain import Anchors
from csms_bridge.edges import Edges
from csms_bridge.errors import LineOutranked, ProofWithdrawn, UnknownStation
from csms_bridge.fleet import Fleet
from csms_bridge.judging import Welcome
from csms_bridge.link import Limits, Link
from csms_bridge.listener import Listener
from csms_bridge.open_line import Arrival
from csms_bridge.orders import Ending
from csms_bridge.quarantine import Quarantine
from csms_bridge.reception import Reception
from csms_bridge.session import Session
from csms_bridge.settings import UnknownStations
from csms_bridge.standing import Lane
from csms_bridge.tally import OUTRANKED_WORDS, REPLACED_WORDS, WITHDRAWN_WORDS
from csms_bridge.tls import TlsPolicy, server_context
from pki.authority import Authority, ServerCredential

log = structlog.get_logger(__name__)

THREADS = 32
"""The doors are synchronous. Most of these threads wait, for the database's one writer above all; those that only
read must not queue behind them."""

_TRUST_CHECK = timedelta(seconds=2)
_ROOTS_ROUND = timedelta(seconds=5)
_CLOCKS_DIFFER = timedelta(minutes=1)
"""How far the clocks of two nodes may be apart, for one to hear of the other's revocations."""

Work = Callable[[], Coroutine[None, None, None]]


class Bridge:
    """Start it in a running event loop; `ports` is known after `start`."""

    def __init__(self, fleet: Fleet, authority: Authority) -> None:
        self._fleet = fleet
        self._authority = authority
        self._sessions: dict[str, Session] = {}
        self._arriving: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: list[asyncio.Task[None]] = []
        self._contexts: dict[TlsPolicy, ssl.SSLContext] = {}
        self._shown: tuple[str, ...] = ()
        self._anchors: list[x509.Certificate] = []
        self._looked = fleet.desk.clock()
        desk = fleet.desk
        self._edge_anchors = Anchors([])
        edges = Edges(desk.settings, lambda: self._edge_anchors)
        door = Doorkeeper(desk.settings)
        self._quarantine = Quarantine(fleet.strangers, desk.settings, desk.clock)
        lets_strangers_in = desk.settings.unknown_stations is UnknownStations.QUARANTINE
        reception = Reception(
            desk.sightings, desk.passwords, authority, door, desk.clock, edges, fleet.strangers,
            quarantine=lets_strangers_in,
        )  # fmt: skip
        self._listener = Listener(desk.settings, reception, self._tls_context, self._serve, fleet.tally)

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """The main port and the TLS-only port, as bound."""
        return self._listener.main_port, self._listener.tls_port

    async def start(self) -> None:
        """Take up service. Raises OSError when a port is taken."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "doors"))
        await asyncio.to_thread(self._fleet.desk.sightings.forget_connections)
        await asyncio.to_thread(self._fleet.desk.moves.tell_we_were_away)
        await asyncio.to_thread(self._fleet.trust.sightings.began)
        await self._renew_server_certificates()
        await self._listener.start()
        self._fleet.tell_ports(*self.ports)
        self._loop = asyncio.get_running_loop()
        self._authority.when_revoked(self._revoked)
        settings = self._fleet.desk.settings
        self._every(settings.tick, self._tick)
        self._every(timedelta(seconds=1), self._write_journal)
        self._every(timedelta(seconds=1), self._read_settings)
        self._every(settings.renewal_check, self._renew_server_certificates)
        self._every(_TRUST_CHECK, self._renew_trust)
        self._every(settings.tick, self._look_after_firmware)
        self._every(_ROOTS_ROUND, self._look_after_roots)

    async def stop(self) -> None:
        """Close every line and write what is left to write."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.stop()
        await self._fleet.desk.events.finish()
        await self._write_journal()

    def _tls_context(self, policy: TlsPolicy) -> ssl.SSLContext:
        return self._contexts[policy]

    async def _renew_server_certificates(self) -> None:
        credentials = await asyncio.to_thread(self._authority.server_credentials)
        shown = tuple(credential.chain_pem for credential in credentials)
        if shown != self._shown:
            await self._take_up(credentials, await asyncio.to_thread(self._authority.trust_anchors))
            self._shown = shown
            log.info("server_certificates_in_use", serials=[credential.serial for credential in credentials])

    async def _renew_trust(self) -> None:
        """An anchor or an authority that came or went, by whichever process: the next handshake knows."""
        anchors = await asyncio.to_thread(self._authority.trust_anchors)
        if anchors != self._anchors:
            await self._take_up(await asyncio.to_thread(self._authority.server_credentials), anchors)
            log.info("trust_anchors_in_use", count=len(anchors))

    async def _take_up(self, credentials: list[ServerCredential], anchors: list[x509.Certificate]) -> None:
        settings = self._fleet.desk.settings
        policies = {settings.ocpp_tls_policy, settings.tls_port_policy}
        self._contexts = {
            policy: await asyncio.to_thread(server_context, credentials, anchors, policy) for policy in policies
        }
        self._anchors, self._edge_anchors = anchors, Anchors(anchors)
        await asyncio.to_thread(self._fleet.trust.shows, credentials)

    async def _serve(self, connection: StationConnection, welcome: Welcome) -> None:
        """An admitted station's connection; a second one takes over when its proof is at least equal."""
        station = welcome.identity
        if welcome.admitted.lane is Lane.QUARANTINE:
            await self._quarantine.serve(connection, welcome)
            return
        # One after the other: else one could be taken in while another, which outranks it, is being written down.
        async with self._arriving.setdefault(station, asyncio.Lock()):
            session = await self._take_in(connection, welcome)
        if not isinstance(session, Session):
            await connection.close(1008, session)
            return
        try:
            await session.run()
        finally:
            if self._sessions.get(station) is session:
                del self._sessions[station]
                self._fleet.desk.posture.rounds.left(station)
            log.info("station_disconnected", station=station)

    async def _take_in(self, connection: StationConnection, welcome: Welcome) -> Session | str:
        """The session of a connection, which is on record and has replaced its predecessor; or why there is none."""
        station, admitted, desk = welcome.identity, welcome.admitted, self._fleet.desk
        holder = self._sessions.get(station)
        if holder is not None and not outranks(admitted, holder.line.arrival.admitted):
            await asyncio.to_thread(self._fleet.recoveries.contested, station, admitted, welcome.line.address)
            return OUTRANKED_WORDS
        version = SUBPROTOCOLS[admitted.subprotocol]
        try:
            arrived = await desk.arriving.ask(Incoming(station, admitted, version, welcome.password, welcome.line))
        except UnknownStation:
            return "not registered"
        except ProofWithdrawn:
            return WITHDRAWN_WORDS
        except LineOutranked as error:
            log.info("line_outranked", station=station, node=error.node)
            await asyncio.to_thread(self._fleet.recoveries.contested, station, admitted, welcome.line.address)
            return OUTRANKED_WORDS
        if arrived.displaced:
            displaced = arrived.displaced, welcome.line.address
            await asyncio.to_thread(self._fleet.two_places.took_over, station, *displaced)
        limits = Limits(desk.settings.call_timeout.total_seconds(), desk.settings.unanswered_limit)
        link = Link(station, connection, DIALECTS[version], self._fleet.journal, limits)
        replaced = self._sessions.get(station)
        arrival = Arrival(welcome.serial, admitted, welcome.password, arrived.at, arrived.business)
        session = Session(link, arrival, desk, replaced)
        self._sessions[station] = session
        desk.posture.rounds.arrived(station)
        desk.rush.came()
        if replaced is not None:
            _let_go(replaced)
        log.info("station_connected", station=station, profile=int(admitted.profile), version=version)
        return session

    async def _tick(self) -> None:
        """Find out what is due for the stations that are connected here."""
        await self._look_elsewhere()
        await self._drop_closed_lanes()
        await self._quarantine.let_go()
        await self._nudge_who_is_due()
        if await asyncio.to_thread(self._fleet.desk.orders.any_waiting):
            await self._send_orders()

    async def _send_orders(self) -> None:
        for order in await asyncio.to_thread(self._fleet.desk.orders.claim, set(self._sessions)):
            if session := self._sessions.get(order.station):
                session.carry_out(order)
            else:
                await asyncio.to_thread(
                    self._fleet.desk.orders.finish, order, None, "the station just left", Ending.UNSENT
                )

    async def _nudge_who_is_due(self) -> None:
        moves = self._fleet.desk.moves
        (walking, away), signing, restarts = await asyncio.to_thread(self._due, set(self._sessions))
        for station in {*walking, *signing, *restarts}:
            if session := self._sessions.get(station):
                session.nudge(sign=station in signing, restart=station in restarts)
        await asyncio.to_thread(moves.let_time_pass, away)

    def _due(self, connected: set[str]) -> tuple[tuple[list[str], list[str]], set[str], set[str]]:
        """Whose walk time may move, here and elsewhere; who waits for a certificate; who is to be restarted."""
        desk = self._fleet.desk
        restarts = connected.intersection(desk.password_errand.rotations.restart_due())
        return desk.moves.due(connected), set(desk.enrolment.waiting_stations()), restarts

    async def _read_settings(self) -> None:
        desk = self._fleet.desk
        await desk.posture.rounds.round(self._sessions, only_asked=desk.rush.puts_off("settings"))

    async def _write_journal(self) -> None:
        heard = self._fleet.journal.take_heard()
        await asyncio.to_thread(self._fleet.journal.flush)
        await asyncio.to_thread(self._fleet.strangers.flush)
        if heard:
            await asyncio.to_thread(self._fleet.desk.sightings.heard, heard)

    async def _look_after_roots(self) -> None:
        if self._fleet.rush.puts_off("roots"):
            return
        barred = [name for name, session in self._sessions.items() if not session.is_accepted]
        await asyncio.to_thread(self._fleet.roots.round, barred)
        await asyncio.to_thread(self._fleet.trust.round, barred)
        await asyncio.to_thread(self._fleet.migrations.round)

    async def _look_after_firmware(self) -> None:
        await asyncio.to_thread(self._fleet.firmware.round)

    async def _look_elsewhere(self) -> None:
        """What other processes did, another node or a command on the data folder: revocations, stations taken in."""
        # Another node's clock may be behind ours; what was dropped already has no line here any more.
        since, self._looked = self._looked - _CLOCKS_DIFFER, self._fleet.desk.clock()
        self._drop_revoked(await asyncio.to_thread(self._authority.revoked_since, since))
        ours = {name: session for name, session in self._sessions.items() if not session.line.replaced}
        for station in await asyncio.to_thread(self._fleet.desk.sightings.taken_elsewhere, ours.keys(), since):
            if self._sessions.get(station) is ours[station]:  # and not a line that came here meanwhile
                _let_go(ours[station])

    async def _drop_closed_lanes(self) -> None:
        """A lane is open for a time, and until somebody closes it; whoever is in it then has no business here."""
        lanes = {name: one.line.lane for name, one in self._sessions.items()}
        lines = {name: lane for name, lane in lanes.items() if lane is not None}
        if not lines:
            return
        for station, reason in (await asyncio.to_thread(self._fleet.lanes.closed_among, lines)).items():
            if session := self._sessions.get(station):
                await session.line.drop(reason)

    def _revoked(self, serials: Sequence[str]) -> None:
        """Called by the authority, in any thread: the live line of a revoked certificate is closed at once."""
        self._loop.call_soon_threadsafe(self._drop_revoked, serials)

    def _drop_revoked(self, serials: Sequence[str]) -> None:
        revoked = set(serials)
        for session in self._sessions.values() if revoked else ():
            serial = session.line.arrival.admitted.certificate_serial
            if serial in revoked:
                task = asyncio.ensure_future(session.line.drop(f"its certificate {serial} was revoked"))
                task.add_done_callback(lambda done: done.exception())

    def _every(self, period: timedelta, work: Work) -> None:
        self._tasks.append(asyncio.create_task(_repeat(period, work)))


def _let_go(session: Session) -> None:
    """A newer line of the same station has taken over, here or at another node."""
    session.line.replaced = True
    closing = asyncio.create_task(session.line.link.close(1000, REPLACED_WORDS))
    closing.add_done_callback(lambda task: task.exception())


async def _repeat(period: timedelta, work: Work) -> None:
    """Do `work` again and again; a fault in one round is logged and the next round comes."""
    while True:
        await asyncio.sleep(period.total_seconds())
        try:
            await work()
        except Exception:
            log.exception("round_failed", work=work.__name__)

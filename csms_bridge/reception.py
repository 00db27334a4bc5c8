"""The HTTP upgrade: facts are gathered here, `admission` decides, and every decision is recorded."""

import asyncio
import ssl
from http import HTTPStatus

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request, Response

from csms_bridge.admission import SUBPROTOCOLS, Admitted, Refused, Verdict, identity_of, read_basic, stranger
from csms_bridge.arrivals import Line
from csms_bridge.doorkeeper import Doorkeeper
from csms_bridge.edge_chain import VerifiedChain
from csms_bridge.edge_headers import BrokenEdgeHeader
from csms_bridge.edges import Edges
from csms_bridge.judging import Asked, Judging, Knocking, Outcome, Shown, Welcome, offered_of, single
from csms_bridge.lots import Lots
from csms_bridge.password_book import PasswordBook
from csms_bridge.password_checks import ChecksBusy, until_even
from csms_bridge.sightings import Sightings
from csms_bridge.strangers import Knock, Strangers
from csms_bridge.tls import verified_root
from pki.authority import Authority
from pki.clock import Clock
from pki.secret_text import Secret

log = structlog.get_logger(__name__)

REFUSAL_PACE = 0.25
"""Seconds: refused credentials are answered at multiples of this after they came."""
_RETRY_AFTER = 10


class Reception:
    """Answers upgrade requests."""

    def __init__(
        self,
        sightings: Sightings,
        passwords: PasswordBook,
        authority: Authority,
        throttle: Doorkeeper,
        clock: Clock,
        edges: Edges,
        strangers: Strangers,
        *,
        quarantine: bool,
    ) -> None:
        self._strangers = strangers
        self._quarantine = quarantine
        self._edges = edges
        self._passwords = passwords
        self._judging = Judging(sightings, passwords, authority, edges)
        self._lots: Lots[Knocking, Outcome] = Lots(self._judging.judge_each)
        self._throttle = throttle
        self._clock = clock

    async def receive(self, connection: ServerConnection, request: Request) -> Welcome | Response:
        """A Welcome, or the HTTP answer that turns the peer away."""
        line, shown, fault = self._facts(connection, request)
        identity = identity_of(request.path)
        if identity is None:
            return refusal(connection, Refused(400, "no identity"))
        if self._throttle.must_wait(line.address, identity, self._clock()):
            return refusal(connection, Refused(429, "too many refusals"))
        came = asyncio.get_running_loop().time()
        outcome = await self._lots.ask(Knocking(identity, line, request, shown, fault))
        if outcome is None:
            outcome = await asyncio.to_thread(self._judge_stranger, identity, line, request, shown)
        if isinstance(outcome, Asked):
            outcome = await self._judge_slowly(outcome)
        if isinstance(outcome, Refused):
            await self._pace(outcome, came)
            if outcome.status != HTTPStatus.SERVICE_UNAVAILABLE:
                self._throttle.failed(line.address, identity, self._clock())
            return refusal(connection, outcome)
        self._throttle.succeeded(line.address, identity, self._clock())
        return outcome

    def _facts(self, connection: ServerConnection, request: Request) -> tuple[Line, Shown, Refused | None]:
        """The line and what was shown on it, by our own TLS or by an edge's word; and what is wrong with that word."""
        line = line_of(connection)
        try:
            told = self._edges.told(line.address, request.headers)
        except BrokenEdgeHeader as error:
            return line, None, Refused(400, f"not taken: {error}")
        if told is not None:
            return told.line, told.chain, None
        return line, _shown(connection.transport.get_extra_info("ssl_object")), None

    def _judge_stranger(self, identity: str, line: Line, request: Request, shown: Shown) -> Welcome | Refused:
        """Nobody registered it: refused, or let in to be looked at. Listed, as far as there is room."""
        refused = Refused(404, "no such station is registered")
        verdict: Verdict = stranger(offered_of(request)) if self._quarantine else refused
        state = "quarantined" if isinstance(verdict, Admitted) else "refused"
        try:
            basic = read_basic(single(request, "Authorization"))
        except (ValueError, MultipleValuesError) as error:
            return Refused(400, str(error)) if self._quarantine else refused
        password = basic.password_for(identity) if basic else None
        credential = self._passwords.credential_of(identity, password) if password else None
        proof = self._words_of(shown, basic_present=basic is not None, tls=line.tls_version is not None)
        version = SUBPROTOCOLS[verdict.subprotocol] if isinstance(verdict, Admitted) else None
        knock = Knock(identity, line.address, state, verdict.reason, proof, credential, version)
        noted = self._strangers.knocked(knock)
        log.info("unknown_identity", identity=identity, address=line.address, state=state, noted=noted)
        if isinstance(verdict, Refused) or not noted:
            return verdict if isinstance(verdict, Refused) else refused
        return Welcome(identity, "", verdict, None, line)

    def _words_of(self, shown: Shown, *, basic_present: bool, tls: bool) -> str:
        """What an unknown station showed; nothing of it counts."""
        over = "TLS" if tls else "a plain line"
        if isinstance(shown, VerifiedChain):
            presented = self._judging.presented(shown)
            maker = presented.maker
            whose = f"of {maker.vendor} for {', '.join(maker.names)}" if maker else f"{presented.serial} of ours"
            return f"a client certificate {whose}, over {over}"
        return f"a password over {over}" if basic_present else f"nothing, over {over}"

    async def _judge_slowly(self, asked: Asked) -> Welcome | Refused:
        """Beside the threads that everything else needs."""
        station, password, home = asked.station.id, asked.password or Secret(b""), asked.is_at_home
        find = self._passwords.checks.find
        try:
            used = await find(station, password, asked.known.good, is_at_home=home)
            stale = None if used else await find(station, password, asked.known.retired, is_at_home=home)
        except ChecksBusy:
            log.warning("password_checks_full", station=station)
            return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many passwords are being checked")
        return await asyncio.to_thread(self._judging.conclude, asked, used, is_retired=stale is not None)

    async def _pace(self, refused: Refused, came: float) -> None:
        if refused.status == HTTPStatus.UNAUTHORIZED:
            await asyncio.sleep(until_even(asyncio.get_running_loop().time() - came, REFUSAL_PACE))


def _shown(tls: ssl.SSLObject | None) -> VerifiedChain | None:
    leaf = tls.getpeercert(binary_form=True) if tls is not None else None
    return VerifiedChain(leaf, verified_root(tls) or b"") if tls is not None and leaf else None


def line_of(connection: ServerConnection) -> Line:
    """Where a connection comes from and what protects it."""
    address = str((connection.remote_address or ("",))[0])
    tls = connection.transport.get_extra_info("ssl_object")
    if tls is None:
        return Line(address)
    cipher = tls.cipher()
    return Line(address, tls.version(), cipher[0] if cipher else None)


def refusal(connection: ServerConnection, refused: Refused) -> Response:
    """The HTTP answer: the status, and nothing that would help an impostor."""
    response = connection.respond(refused.status, HTTPStatus(refused.status).phrase + "\n")
    if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(_RETRY_AFTER)
    if refused.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
    return response

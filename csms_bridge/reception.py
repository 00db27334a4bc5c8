"""The HTTP upgrade: facts are gathered here, `admission` decides, and every decision is recorded."""

import asyncio
import ssl
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from cryptography import x509
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request, Response

from csms_bridge.admission import (
    SUBPROTOCOLS,
    Admitted,
    MakersCertificate,
    Peer,
    PresentedCertificate,
    Refused,
    Registered,
    Verdict,
    decide,
    identity_of,
    presented_of,
    read_basic,
    stranger,
)
from csms_bridge.doorkeeper import Doorkeeper
from csms_bridge.edge_chain import UntrustedChain, VerifiedChain
from csms_bridge.edge_headers import BrokenEdgeHeader, ShownChain
from csms_bridge.edges import Edges
from csms_bridge.password_book import PasswordBook
from csms_bridge.password_checks import ChecksBusy, until_even
from csms_bridge.sightings import Line, Sightings
from csms_bridge.station import KnownPassword
from csms_bridge.strangers import Knock, Strangers
from csms_bridge.tls import verified_root
from pki.anchors import Anchor
from pki.authority import Authority
from pki.clock import Clock
from pki.foreign_certificates import UNREADABLE
from pki.secret_text import Secret

log = structlog.get_logger(__name__)
_NAMES = (x509.NameOID.COMMON_NAME, x509.NameOID.SERIAL_NUMBER)
Shown = VerifiedChain | ShownChain | None
"""A client certificate: verified by our own TLS, passed on by an edge, or none."""
_LONGEST_NAME, _MOST_NAMES = 64, 4  # of a stranger's certificate, for the record


REFUSAL_PACE = 0.25
"""Seconds: refused credentials are answered at multiples of this after they came."""
_RETRY_AFTER = 10


@dataclass(frozen=True, slots=True)
class Welcome:
    """An admitted peer: who it is, what it proved, and the id of the password it used."""

    identity: str
    serial: str
    admitted: Admitted
    password: str | None
    line: Line


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a peer asks to be let in with, and what is on record for it."""

    station: Registered
    line: Line
    offered: tuple[str, ...]
    basic_present: bool
    password: Secret | None
    known: list[KnownPassword]
    retired: list[KnownPassword]
    certificate: PresentedCertificate | None


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
        self._sightings = sightings
        self._passwords = passwords
        self._authority = authority
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
        outcome = await asyncio.to_thread(self._judge, identity, line, request, shown, fault)
        if isinstance(outcome, _Asked):
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

    def _judge(
        self, identity: str, line: Line, request: Request, shown: Shown, fault: Refused | None
    ) -> "Welcome | Refused | _Asked":
        """The verdict; or what was asked, when it takes a slow hash to tell."""
        known = self._sightings.registered(identity)
        if known is None:
            return self._judge_stranger(identity, line, request, shown)
        asked = self._read(*known, line, request, shown, fault)
        if isinstance(asked, Refused):
            self._sightings.judged(identity, line, asked)
            return asked
        if asked.password is None:
            return self._conclude(asked, None, is_retired=False)
        found, unsure = self._passwords.checks.at_once(identity, asked.password, asked.known)
        if found is not None:
            return self._conclude(asked, found, is_retired=False)
        stale, also_unsure = self._passwords.checks.at_once(identity, asked.password, asked.retired)
        return asked if unsure or also_unsure else self._conclude(asked, None, is_retired=stale is not None)

    def _judge_stranger(self, identity: str, line: Line, request: Request, shown: Shown) -> Welcome | Refused:
        """Nobody registered it: refused, or let in to be looked at. Listed, as far as there is room."""
        refused = Refused(404, "no such station is registered")
        verdict: Verdict = stranger(offered_of(request)) if self._quarantine else refused
        state = "quarantined" if isinstance(verdict, Admitted) else "refused"
        try:
            basic = read_basic(_single(request, "Authorization"))
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
            presented = self._presented(shown)
            maker = presented.maker
            whose = f"of {maker.vendor} for {', '.join(maker.names)}" if maker else f"{presented.serial} of ours"
            return f"a client certificate {whose}, over {over}"
        return f"a password over {over}" if basic_present else f"nothing, over {over}"

    async def _judge_slowly(self, asked: "_Asked") -> Welcome | Refused:
        """Beside the threads that everything else needs."""
        station, password = asked.station.id, asked.password or Secret(b"")
        try:
            used = await self._passwords.checks.find(station, password, asked.known)
            stale = None if used else await self._passwords.checks.find(station, password, asked.retired)
        except ChecksBusy:
            log.warning("password_checks_full", station=station)
            return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many passwords are being checked")
        return await asyncio.to_thread(self._conclude, asked, used, is_retired=stale is not None)

    async def _pace(self, refused: Refused, came: float) -> None:
        if refused.status == HTTPStatus.UNAUTHORIZED:
            await asyncio.sleep(until_even(asyncio.get_running_loop().time() - came, REFUSAL_PACE))

    def _read(
        self,
        station: Registered,
        known: list[KnownPassword],
        line: Line,
        request: Request,
        shown: Shown,
        fault: Refused | None,
    ) -> "_Asked | Refused":
        try:
            verified = self._edges.verify(shown) if isinstance(shown, ShownChain) else shown
        except UntrustedChain as error:
            fault = Refused(401, f"the edge passed on a client certificate that leads to no anchor: {error}")
        if fault is not None:
            return fault
        try:
            basic = read_basic(_single(request, "Authorization"))
            offered = offered_of(request)
        except (ValueError, MultipleValuesError) as error:
            return Refused(400, str(error))
        certificate = None if verified is None else self._presented(verified)
        password = basic.password_for(station.id) if basic else None
        retired = self._passwords.retired(station.id) if password is not None else []
        return _Asked(station, line, offered, basic is not None, password, known, retired, certificate)

    def _conclude(self, asked: "_Asked", used: str | None, *, is_retired: bool) -> Welcome | Refused:
        station, line = asked.station, asked.line
        peer = Peer(
            password_retired=is_retired,
            identity=station.id,
            tls=line.tls_version is not None,
            offered=asked.offered,
            basic_present=asked.basic_present,
            password_fits=used is not None if asked.basic_present else None,
            certificate=asked.certificate,
        )
        verdict = decide(peer, station)
        self._sightings.judged(station.id, line, verdict)
        if isinstance(verdict, Refused):
            return verdict
        return Welcome(station.id, station.serial, verdict, used if verdict.lane is None else None, line)

    def _presented(self, shown: VerifiedChain) -> PresentedCertificate:
        record = self._authority.identify(shown.leaf)
        if record is None:
            anchor = self._authority.anchors.identify(shown.root)
            maker = makers_certificate(shown.leaf, anchor) if anchor is not None else None
            return PresentedCertificate("", None, "", "unknown", "", maker=maker)
        return presented_of(record, is_retired=self._authority.is_retired(record.authority))


def makers_certificate(leaf: bytes, anchor: Anchor) -> MakersCertificate:
    """What a certificate (DER) under an anchor says. One that cannot be read says nothing."""
    try:
        subject = x509.load_der_x509_certificate(leaf).subject
    except UNREADABLE:
        return MakersCertificate(anchor.vendor, anchor.name, ())
    stated = [one.value for kind in _NAMES for one in subject.get_attributes_for_oid(kind)]
    names = tuple(dict.fromkeys(name[:_LONGEST_NAME] for name in stated if isinstance(name, str)))
    return MakersCertificate(anchor.vendor, anchor.name, names[:_MOST_NAMES])


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


def offered_of(request: Request) -> tuple[str, ...]:
    """The subprotocols that are offered, in the peer's order."""
    offered = request.headers.get_all("Sec-WebSocket-Protocol")
    return tuple(name.strip() for value in offered for name in value.split(","))


def _single(request: Request, name: str) -> str | None:
    """A header's one value, None without it. Raises MultipleValuesError when it is repeated."""
    return request.headers.get(name)

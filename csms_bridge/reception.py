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
    Admitted,
    BasicCredentials,
    MakersCertificate,
    Peer,
    PresentedCertificate,
    Refused,
    Registered,
    decide,
    identity_of,
    presented_of,
    read_basic,
)
from csms_bridge.doorkeeper import Doorkeeper
from csms_bridge.edge_chain import UntrustedChain, VerifiedChain
from csms_bridge.edge_headers import BrokenEdgeHeader, ShownChain
from csms_bridge.edges import Edges
from csms_bridge.password_book import KnownPassword, PasswordBook
from csms_bridge.sightings import Line, Sightings
from csms_bridge.tls import verified_root
from pki.anchors import Anchor
from pki.authority import Authority
from pki.clock import Clock
from pki.foreign_certificates import UNREADABLE

log = structlog.get_logger(__name__)
_NAMES = (x509.NameOID.COMMON_NAME, x509.NameOID.SERIAL_NUMBER)
Shown = VerifiedChain | ShownChain | None
"""A client certificate: verified by our own TLS, passed on by an edge, or none."""
_LONGEST_NAME, _MOST_NAMES = 64, 4  # of a stranger's certificate, for the record


@dataclass(frozen=True, slots=True)
class Welcome:
    """An admitted peer: who it is, what it proved, and the id of the password it used."""

    identity: str
    serial: str
    admitted: Admitted
    password: str | None
    line: Line


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
    ) -> None:
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
        outcome = await asyncio.to_thread(self._judge, identity, line, request, shown, fault)
        if isinstance(outcome, Refused):
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
    ) -> Welcome | Refused:
        known = self._sightings.registered(identity)
        if known is None:
            unknown = Refused(404, "no such station is registered")
            log.info("unknown_identity", identity=identity, address=line.address)  # anybody can make these up
            return unknown
        station, passwords = known
        try:
            verified = self._edges.verify(shown) if isinstance(shown, ShownChain) else shown
        except UntrustedChain as error:
            fault = Refused(401, f"the edge passed on a client certificate that leads to no anchor: {error}")
        if fault is not None:
            self._sightings.judged(identity, line, fault)
            return fault
        try:
            basic = read_basic(_single(request, "Authorization"))
            offered = tuple(
                name.strip() for value in request.headers.get_all("Sec-WebSocket-Protocol") for name in value.split(",")
            )
        except (ValueError, MultipleValuesError) as error:
            refused = Refused(400, str(error))
            self._sightings.judged(identity, line, refused)
            return refused
        used = self._matching(station, basic, passwords)
        retired = basic is not None and used is None and self._is_retired(station, basic)
        peer = Peer(
            password_retired=retired,
            identity=identity,
            tls=line.tls_version is not None,
            offered=offered,
            basic_present=basic is not None,
            password_fits=None if basic is None else used is not None,
            certificate=None if verified is None else self._presented(verified),
        )
        verdict = decide(peer, station)
        self._sightings.judged(identity, line, verdict)
        if isinstance(verdict, Refused):
            return verdict
        return Welcome(identity, station.serial, verdict, used if verdict.lane is None else None, line)

    def _matching(
        self, station: Registered, basic: BasicCredentials | None, passwords: list[KnownPassword]
    ) -> str | None:
        password = basic.password_for(station.id) if basic else None
        return None if password is None else self._passwords.matching(station.id, password, passwords)

    def _is_retired(self, station: Registered, basic: BasicCredentials) -> bool:
        return self._matching(station, basic, self._passwords.retired(station.id)) is not None

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
    if refused.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
    return response


def _single(request: Request, name: str) -> str | None:
    """A header's one value, None without it. Raises MultipleValuesError when it is repeated."""
    return request.headers.get(name)

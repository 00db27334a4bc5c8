"""Certificates for stations that ask outside OCPP, over EST (ADR 0014): in the factory, or where OCPP cannot.

A station proves itself by a one-time code, or by a certificate of ours that is good. What it then gets is decided as
for SignCertificate: names from the register, the same policy, the same issuing. Whoever asks again, because the
answer was lost, gets the same certificate.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from csms_bridge.acts import FleetAct
from csms_bridge.admission import PresentedCertificate, Registered, certificate_fault, presented_of
from csms_bridge.errors import ProofRefused, TooManyRefusals
from csms_bridge.quirks.quirks import QuirksOf, nothing_odd
from csms_bridge.sightings import Sightings
from csms_bridge.station import IDENTITY
from csms_bridge.throttle import WINDOW, Throttle
from csms_bridge.turns import Turns
from pki.alarms import AlarmKind
from pki.audit import AuditTrail
from pki.authority import Authority, Certificate, CertificateRequest, CertificateState, Order
from pki.clock import Clock
from pki.enrolment_codes import CodeState, EnrolmentCode, EnrolmentCodes
from pki.errors import CodeAtWork, CodeRefused, MadeAlready, PkiError, RequestAtWork, SignerUnavailable
from pki.keys import KeyFamily
from pki.only_once import Once
from pki.refusals import Refusal
from pki.request_claims import check_channel, check_same_names
from pki.secret_text import Secret
from pki.store import Store

log = structlog.get_logger(__name__)

_ADDRESS_ALLOWANCE = 10  # times what one station may be refused: a factory's many stations share one address
_OURS_TO_MEND = (CodeAtWork, RequestAtWork, SignerUnavailable, TooManyRefusals)
_ALARMING = {"other-key", "other-station"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. `tls_unique` names the connection where TLS does (1.2), `presented` is DER.

    `family` is the only kind of key that was asked for; None means any.
    """

    csr: bytes = field(repr=False)
    address: str
    presented: bytes | None = field(default=None, repr=False)
    tls_unique: bytes | None = field(default=None, repr=False)
    family: KeyFamily | None = None


class OutsideEnrolment:
    """Proof in, certificate out. `failures` is how many refusals one address may collect for one station a minute."""

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        authority: Authority,
        sightings: Sightings,
        codes: EnrolmentCodes,
        clock: Clock,
        failures: int,
        quirks_of: QuirksOf = nothing_odd,
    ) -> None:
        self._quirks_of = quirks_of
        self._store = store
        self._trail = trail
        self._authority = authority
        self._sightings = sightings
        self._codes = codes
        self._clock = clock
        self._turns = Turns()
        self._of_station = Throttle(failures)
        self._of_address = Throttle(failures * _ADDRESS_ALLOWANCE)

    def by_code(self, station: str, typed: Secret, asked: Asked) -> Certificate:
        """The certificate for a request that came with a one-time code.

        Raises CodeRefused, CodeAtWork, ProofRefused, TooManyRefusals, and what `Authority.issue` raises.
        """
        # What can be no identity is nobody: it neither reaches the database nor fills the throttle's memory.
        station = station if IDENTITY.fullmatch(station) else ""
        with self._watched(asked.address, station):
            code = self._codes.find(typed.reveal.decode("ascii", "replace"), station, self._clock())
            registered = self._registered(station)
            if registered is None:
                raise CodeRefused("unknown", "there is no such enrolment code for this station")
            self._check_beside_code(registered, asked.presented)
            request = self._read(asked)
            certificate = self._redeem(code, self._order(registered, request))
            self._note(station, certificate, "code", asked.address)
        return certificate

    def by_certificate(self, asked: Asked, *, renewing: bool) -> Certificate:
        """The certificate for a request that came over a connection with a certificate of ours.

        `renewing` demands that the names stay (RFC 7030 §4.2.2). What is presented stays good until the station uses
        the new one. Raises ProofRefused, TooManyRefusals, RequestAtWork, and what `Authority.issue` raises.
        """
        shown = self._authority.identify(asked.presented) if asked.presented is not None else None
        if shown is None or shown.station is None:
            raise ProofRefused("the client certificate is not a station's certificate of this authority")
        station = shown.station
        with self._watched(asked.address, station), self._turns.of(station):
            registered = self._registered(station)
            if registered is None:
                raise ProofRefused("the client certificate belongs to a station that is not registered any more")
            if (fault := certificate_fault(self._presented(shown), registered)) is not None:
                raise ProofRefused(fault)
            request = self._read(asked)
            if renewing:
                check_same_names(request.der, shown.der)
            order = self._order(registered, request)
            certificate = self._made_since(order, shown.made_at, shown.serial) or self._issued_once(order, shown)
            self._note(station, certificate, "certificate", asked.address)
        return certificate

    def _issued_once(self, order: Order, shown: Certificate) -> Certificate:
        """Another node may be asked the same at this moment: what it has made is given; what it makes, waited for."""
        once = replace(order, once=Once(shown.made_at, shown.serial))
        try:
            return self._authority.issue(once, _by(order.station or ""))
        except MadeAlready as made:
            return self._authority.certificate(made.serial)

    def _redeem(self, code: EnrolmentCode, order: Order) -> Certificate:
        """Nothing is bound before the request is known to be in order: a bad key may be replaced by a better one."""
        by = _by(code.station)
        if code.state is CodeState.OPEN:
            self._authority.check(order, by)
        claimed = self._codes.claim(code.id, order.request.spki_sha256, self._clock())
        if claimed.used_for is not None:
            return self._again(claimed.used_for)
        try:
            certificate = self._made_since(order, code.made_at) or self._authority.issue(order, by)
        except PkiError:
            self._codes.let_go(code.id)
            raise
        self._codes.use_up(code.id, certificate.serial, by, self._clock())
        return certificate

    def _again(self, serial: str) -> Certificate:
        certificate = self._authority.certificate(serial)
        if certificate.state is not CertificateState.GOOD:
            raise CodeRefused("used", f"the enrolment code was used, and its certificate is {certificate.state}")
        return certificate

    def _made_since(self, order: Order, since: datetime, but: str = "") -> Certificate | None:
        """What this station got for this key already: somebody lost the answer, or we a process. Not the one `but`."""
        for known in self._authority.certificates_of_key(order.request.spki_sha256):
            theirs = known.station == order.station and known.state is CertificateState.GOOD
            is_fresh = known.made_at >= since and known.serial != but
            if theirs and is_fresh and self._authority.would_issue_again(order, known):
                return known
        return None

    def _order(self, station: Registered, request: CertificateRequest) -> Order:
        return Order(
            request=request,
            profile="station",
            common_name=station.serial,
            station=station.id,
            issuer_family=self._quirks_of([station.id])[station.id].issuer_family,
        )

    def _read(self, asked: Asked) -> CertificateRequest:
        request = self._authority.read_request(asked.csr)
        if asked.family is not None and request.key_family is not asked.family:
            sentence = f"the key is of the family {request.key_family}, where {asked.family} was asked for"
            raise Refusal.KEY_TYPE.because(sentence)
        check_channel(request.der, asked.tls_unique)
        return request

    def _check_beside_code(self, station: Registered, presented: bytes | None) -> None:
        """A code makes up for an old certificate or a foreign one; not for another station's or a revoked one."""
        shown = self._authority.identify(presented) if presented is not None else None
        if shown is None:
            return
        if shown.station != station.id or shown.state in (CertificateState.REVOKED, CertificateState.HELD):
            fault = certificate_fault(self._presented(shown), station)
            raise ProofRefused(fault or f"the client certificate {shown.serial} is not this station's")

    def _presented(self, shown: Certificate) -> PresentedCertificate:
        return presented_of(shown, is_retired=self._authority.is_retired(shown.authority))

    def _registered(self, station: str) -> Registered | None:
        found = self._sightings.registered(station)
        return found[0] if found else None

    def _note(self, station: str, certificate: Certificate, proof: str, address: str) -> None:
        details = {"serial": certificate.serial, "proof": proof, "address": address}
        with self._store.writing() as session:
            self._trail.record(
                session, FleetAct.ENROLLED, by=_by(station), kind="station", thing=station, details=details,
                now=self._clock(),
            )  # fmt: skip

    @contextmanager
    def _watched(self, address: str, station: str) -> Iterator[None]:
        """Turn away who was refused too often; write down every refusal, and count it."""
        self._check_patience(address, station)
        try:
            yield
        except _OURS_TO_MEND:
            raise
        except (PkiError, ProofRefused) as refusal:
            self._refused(address, station, refusal)
            raise
        self._of_station.succeeded(address, station)

    def _check_patience(self, address: str, station: str) -> None:
        now = self._clock()
        if self._of_station.must_wait(address, station, now) or self._of_address.must_wait(address, "", now):
            raise TooManyRefusals(int(WINDOW.total_seconds()))

    def _refused(self, address: str, station: str, refusal: PkiError | ProofRefused) -> None:
        now, code = self._clock(), getattr(refusal, "code", type(refusal).__name__)
        self._of_station.failed(address, station, now)
        self._of_address.failed(address, "", now)
        registered = self._registered(station) is not None
        if registered:
            self._record_refusal(station, address, code, refusal.sentence)
        else:
            log.info("unknown_identity", identity=station, address=address)  # anybody can make these up
        if code in _ALARMING or self._of_station.must_wait(address, station, now):
            thing = station if registered else "unknown stations"
            sentence = f"{thing}: refused over EST from {address}: {refusal.sentence}"
            self._authority.alarms.sound(AlarmKind.ENROLMENT_REFUSED, thing, sentence)

    def _record_refusal(self, station: str, address: str, code: str, sentence: str) -> None:
        details = {"address": address, "code": code}
        with self._store.writing() as session:
            self._trail.record(
                session, FleetAct.ENROLMENT_REFUSED, by="service", kind="station", thing=station, reason=sentence,
                details=details, now=self._clock(),
            )  # fmt: skip


def _by(station: str) -> str:
    return f"station:{station}"

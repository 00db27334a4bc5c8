"""SignCertificate and CertificateSigned (A02, A03): a request is answered at once, signing goes on behind it.

Every request is a row: asked → issued → sent → taken or rejected; refused when the authority says no. What was
left half-way by a crash is found again by its state. A repeated request for the same key gets the same certificate.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.events import CertificateAsked
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import CertificateAskRow, StationRow
from csms_bridge.turns import Turns
from pki.audit import AuditTrail
from pki.authority import Authority, CertificateState, Order
from pki.clock import Clock
from pki.errors import CsrRejected, OrderRefused, PkiError, SignerUnavailable, UnknownCertificate
from pki.refusals import Refusal
from pki.store import Store


class AskState(StrEnum):
    """Where a certificate request stands."""

    ASKED = "asked"
    ISSUED = "issued"
    SENT = "sent"
    TAKEN = "taken"
    REJECTED = "rejected"
    REFUSED = "refused"


OPEN = (AskState.ASKED, AskState.ISSUED, AskState.SENT)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The immediate answer to a SignCertificate."""

    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A certificate ready to be sent: PEM chain, leaf first; `root` is the name of the root above it.

    `with_root`: the root is sent along, since the station took its last certificate so (reference §8.4).
    """

    ask: int
    serial: str
    chain: str
    root: str
    request_id: int | None
    with_root: bool = False


def _storable(text: str) -> str:
    """The text without what no database keeps: NUL in PostgreSQL, half surrogates in UTF-8."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


class Enrolment:
    """Certificate requests in the database, and the way from them to the authority."""

    def __init__(self, store: Store, trail: AuditTrail, authority: Authority, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._authority = authority
        self._clock = clock
        self._turns = Turns()

    def ask(self, station: str, asked: CertificateAsked, profile: SecurityProfile) -> Receipt:
        """Take a request in. `profile` is what the station is connected on.

        Refused at once when the authority would refuse it, when it is for a V2G certificate, or when the connection
        proves nothing: on profile 0 anybody could ask in the station's name.
        """
        registered = self._registered(station)
        if registered is None:
            return Receipt(False, "the station is not registered any more")
        refusal = self._refusal(registered, asked, profile)
        now = self._clock()
        with self._store.writing() as session:
            state = AskState.REFUSED if refusal else AskState.ASKED
            row = CertificateAskRow(
                station=station, csr=_storable(asked.csr), request_id=asked.request_id, state=state, reason=refusal,
                asked_at=now, updated_at=now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            act = FleetAct.CERTIFICATE_ASK_REFUSED if refusal else FleetAct.CERTIFICATE_ASKED
            self._audit(session, act, station, f"station:{station}", row, refusal)
        return Receipt(not refusal, refusal)

    def sign_waiting(self, station: str) -> list[Delivery | Receipt]:
        """Have every waiting request of a station signed; a Receipt stands for one the authority refused.

        A signer that is unavailable leaves the request waiting; it is tried again later.
        """
        with self._turns.of(station):
            return self._sign_waiting(station)

    def _sign_waiting(self, station: str) -> list[Delivery | Receipt]:
        results: list[Delivery | Receipt] = []
        for ask, csr in self._waiting(station):
            try:
                serial = self._sign(station, csr)
            except SignerUnavailable:
                return results
            except PkiError as error:
                self._settle(ask, AskState.REFUSED, FleetAct.CERTIFICATE_ASK_REFUSED, "service", error.sentence)
                results.append(Receipt(False, error.sentence))
                continue
            self._issued(ask, serial)
            results.append(self._delivery(ask))
        return results

    def undelivered(self, station: str) -> list[Delivery]:
        """Certificates that were issued and never confirmed, oldest first."""
        query = select(CertificateAskRow.id).where(
            CertificateAskRow.station == station, col(CertificateAskRow.state).in_((AskState.ISSUED, AskState.SENT))
        )
        with self._store.reading() as session:
            asks = [ask for ask in session.exec(query.order_by(col(CertificateAskRow.id))) if ask is not None]
        return [self._delivery(ask) for ask in asks]

    def unproved(self, station: str) -> Delivery | None:
        """The newest certificate that was made for the station, is good, and was not seen in use nor rejected."""
        states = (AskState.ISSUED, AskState.SENT, AskState.TAKEN)
        query = select(CertificateAskRow).where(
            CertificateAskRow.station == station, col(CertificateAskRow.state).in_(states)
        )
        with self._store.reading() as session:
            row = session.exec(query.order_by(col(CertificateAskRow.id).desc())).first()
            station_row = session.get(StationRow, station)
        if row is None or row.id is None or row.serial is None or station_row is None:
            return None
        certificate = self._authority.certificate(row.serial)
        is_used = station_row.newest_used is not None and certificate.made_at <= station_row.newest_used
        if is_used or certificate.state is not CertificateState.GOOD:
            return None
        return self._delivery(row.id)

    def newest_delivery(self, station: str, serial: str) -> Delivery | None:
        """What is to be sent for the certificate `serial`."""
        query = select(CertificateAskRow.id).where(
            CertificateAskRow.station == station, CertificateAskRow.serial == serial
        )
        with self._store.reading() as session:
            ask = session.exec(query.order_by(col(CertificateAskRow.id).desc())).first()
        return None if ask is None else self._delivery(ask)

    def waiting_stations(self) -> list[str]:
        """Stations with a request that is not signed yet."""
        with self._store.reading() as session:
            query = select(CertificateAskRow.station).where(CertificateAskRow.state == AskState.ASKED)
            return list(session.exec(query.distinct()))

    def sent(self, delivery: Delivery) -> None:
        """CertificateSigned goes out; recorded before it does."""
        self._settle(delivery.ask, AskState.SENT, FleetAct.CERTIFICATE_SENT, "service")

    def taken(self, delivery: Delivery) -> None:
        """The station answered Accepted; only a connection with the certificate proves it."""
        self._settle(delivery.ask, AskState.TAKEN, FleetAct.CERTIFICATE_TAKEN, "station")
        with self._store.writing() as session:
            row = session.get(CertificateAskRow, delivery.ask)
            station = session.get(StationRow, row.station) if row is not None else None
            if station is not None and station.takes_root is not delivery.with_root:
                station.takes_root = delivery.with_root
                session.add(station)

    def rejected(self, delivery: Delivery, words: str) -> None:
        """The station did not take it."""
        self._settle(delivery.ask, AskState.REJECTED, FleetAct.CERTIFICATE_TURNED_DOWN, "station", words)

    def seen_in_use(self, station: str, serial: str) -> None:
        """A connection presented this certificate: whatever was open about it is settled."""
        with self._store.reading() as session:
            query = select(CertificateAskRow.id).where(
                CertificateAskRow.station == station,
                CertificateAskRow.serial == serial,
                col(CertificateAskRow.state).in_(OPEN),
            )
            asks: Sequence[int | None] = session.exec(query).all()
        for ask in asks:
            self._settle(ask or 0, AskState.TAKEN, FleetAct.CERTIFICATE_SEEN, "station")

    def _refusal(self, station: StationRow, asked: CertificateAsked, profile: SecurityProfile) -> str:
        """Why a request is not even taken in; empty when it is. What is decided here is decided again on signing."""
        if profile is SecurityProfile.NONE:
            return "a station that has proved nothing gets no certificate: give it a password first"
        if not asked.for_station:
            return "there is no authority for V2G certificates"
        try:
            self._authority.check(self._order(station, asked.csr), by=f"station:{station.id}")
        except (CsrRejected, OrderRefused) as error:
            return error.sentence
        return ""

    def _order(self, station: StationRow, csr: str) -> Order:
        request = self._authority.read_request(csr)
        return Order(request=request, profile="station", common_name=station.serial, station=station.id)

    def _waiting(self, station: str) -> list[tuple[int, str]]:
        query = select(CertificateAskRow).where(
            CertificateAskRow.station == station, CertificateAskRow.state == AskState.ASKED
        )
        with self._store.reading() as session:
            return [(row.id or 0, row.csr) for row in session.exec(query.order_by(col(CertificateAskRow.id)))]

    def _sign(self, station: str, csr: str) -> str:
        """The serial of the certificate for this request: the one it got before, or a new one."""
        registered = self._registered(station)
        if registered is None:
            raise Refusal.UNKNOWN_STATION.because()
        order = self._order(registered, csr)
        for known in self._authority.certificates(station=station, state=CertificateState.GOOD, limit=20):
            # What a retiring authority issued is to be replaced, also by a station that keeps its key.
            if known.spki_sha256 == order.request.spki_sha256 and self._authority.is_active(known.authority):
                return known.serial
        return self._authority.issue(order, by=f"station:{station}").serial

    def _registered(self, station: str) -> StationRow | None:
        with self._store.reading() as session:
            return session.get(StationRow, station)

    def _issued(self, ask: int, serial: str) -> None:
        with self._store.writing() as session:
            row = session.get(CertificateAskRow, ask)
            if row is not None:
                row.state, row.serial, row.updated_at = AskState.ISSUED, serial, self._clock()
                session.add(row)

    def _delivery(self, ask: int) -> Delivery:
        with self._store.reading() as session:
            row = session.get(CertificateAskRow, ask)
            station = session.get(StationRow, row.station) if row is not None else None
        if row is None or row.serial is None:
            raise UnknownCertificate(f"request {ask}")
        certificate = self._authority.certificate(row.serial)
        with_root = station is not None and station.takes_root
        return Delivery(ask, row.serial, certificate.chain_pem, certificate.root, row.request_id, with_root)

    def _settle(self, ask: int, state: AskState, act: FleetAct, by: str, reason: str = "") -> None:
        with self._store.writing() as session:
            row = session.get(CertificateAskRow, ask)
            if row is None:
                return
            row.state, row.reason, row.updated_at = state, reason, self._clock()
            session.add(row)
            who = f"station:{row.station}" if by == "station" else by
            self._audit(session, act, row.station, who, row, reason)

    def _audit(
        self, session: Session, act: FleetAct, station: str, by: str, row: CertificateAskRow, reason: str
    ) -> None:
        details = {
            "request": row.id,
            "serial": row.serial,
            "csr_sha256": hashlib.sha256(row.csr.encode()).hexdigest(),
        }
        self._trail.record(
            session, act, by=by, kind="station", thing=station, reason=reason, details=details, now=self._clock()
        )

"""SignCertificate and CertificateSigned (A02, A03): a request is answered at once, signing goes on behind it.

Every request is a row: asked → issued → sent → taken or rejected; refused when the authority says no. What was
left half-way by a crash is found again by its state. A repeated request for the same key gets the same certificate.

Each step takes many stations at once, since a fleet asks at once (`csms_bridge.enrolment_counter` gathers them): one
transaction for all, and for each what became of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.certificate_asks import (
    OPEN,
    Ask,
    AskState,
    Delivery,
    Receipt,
    Settled,
    act_of,
    as_sent,
    as_taken,
    as_usual_for,
    by_station,
    entry_of,
    out_of_the_question,
    row_of,
    rows_of,
)
from csms_bridge.certificate_watch import CertificateWatch, OpenAsks
from csms_bridge.errors import ChainTooLong
from csms_bridge.events import CertificateAsked
from csms_bridge.quirks.quirks import Quirks, QuirksOf, nothing_odd
from csms_bridge.renewal.accounts import Accounts
from csms_bridge.renewal.allowance import Limits
from csms_bridge.renewal.allowances import Allowances
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import CertificateAskRow, StationRow
from csms_bridge.turns import Turns
from pki.audit import AuditTrail
from pki.authority import Authority, Certificate, CertificateState, Order
from pki.clock import Clock
from pki.errors import CsrRejected, OrderRefused, PkiError, SignerUnavailable, UnknownCertificate
from pki.refusals import Refusal
from pki.store import Store


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request that is to be signed."""

    id: int
    station: str
    csr: str
    request_id: int | None
    with_root: bool


class Enrolment:
    """Certificate requests in the database, and the way from them to the authority."""

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        authority: Authority,
        clock: Clock,
        *,
        watch: CertificateWatch | None = None,
        allowances: Allowances | None = None,
        quirks_of: QuirksOf = nothing_odd,
    ) -> None:
        self._quirks_of = quirks_of
        self._watch = watch or CertificateWatch(authority.alarms)
        usual = Limits(per_hour=20, quiet=timedelta(hours=1))
        self._allowances = allowances or Allowances(store, trail, authority.alarms, clock, usual)
        self._store = store
        self._trail = trail
        self._authority = authority
        self._clock = clock
        self._turns = Turns()

    # --- a request comes in

    def ask(self, station: str, asked: CertificateAsked, profile: SecurityProfile) -> Receipt:
        """Take one request in. Raises what the authority raises that is no refusal."""
        receipt = self.ask_each([Ask(station, asked, profile)])[0]
        if isinstance(receipt, Exception):
            raise receipt
        return receipt

    def ask_each(self, asks: Sequence[Ask]) -> list[Receipt | Exception]:
        """Take requests in, all in one transaction.

        Refused at once when the authority would refuse it, when it is for a V2G certificate, when the connection
        proves nothing (on profile 0 anybody could ask in the station's name), or when the station asks too often. The
        same request once more, while it waits, is one request: it gets one answer. Of a station that is paused
        nothing is read.
        """
        registered = self._registered(one.station for one in asks)
        paused = self._allowances.paused(registered)
        known = [one for one in asks if one.station in registered and one.station not in paused]
        words = iter(self._taken_in(known, registered) if known else ())
        found: list[Receipt | Exception] = []
        for one in asks:
            if one.station in paused:
                found.append(Receipt(False, "its certificate requests are paused: it asked too often"))
            elif one.station in registered:
                word = next(words)
                found.append(word if isinstance(word, Exception) else Receipt(not word, word))
            else:
                found.append(Receipt(False, "the station is not registered any more"))
        return found

    def _taken_in(self, asks: Sequence[Ask], registered: Mapping[str, StationRow]) -> Sequence[str | Exception]:
        """Write them down; for each why it is refused, empty when it is not."""
        refusals, keys = self._refusals(asks, registered)
        now = self._clock()
        with self._store.writing() as session:
            accounts = self._allowances.of_these(session, {one.station for one in asks})
            rows, refusals = self._rows(session, asks, refusals, keys, accounts, now)
            session.add_all(rows)
            session.flush()
            entries = [entry_of(act_of(row), row, by_station(row), row.reason) for row in rows]
            self._trail.record_all(session, [*entries, *accounts.entries], now)
        self._allowances.tell(accounts.news)
        return refusals

    def _rows(
        self,
        session: Session,
        asks: Sequence[Ask],
        refusals: Sequence[str | Exception],
        keys: Mapping[int, str],
        accounts: Accounts,
        now: datetime,
    ) -> tuple[list[CertificateAskRow], list[str | Exception]]:
        """The rows to write, and the refusals with those of stations that ask too often."""
        waiting = OpenAsks.of(session, [one.station for one in asks])
        rows, decided = [], list(refusals)
        for number, (one, words) in enumerate(zip(asks, refusals, strict=True)):
            if isinstance(words, Exception) or (not words and waiting.waits(one)):
                continue
            if words:
                rows += [row_of(one, words, now)] if accounts.refuse(one.station) else []
            elif accounts.ask(one.station, keys[number]):
                waiting.replaced_by(one, now)
                rows.append(row_of(one, "", now))
            else:
                decided[number] = "too many certificate requests: ask again later"
        return rows, decided

    def _refusals(
        self, asks: Sequence[Ask], registered: Mapping[str, StationRow]
    ) -> tuple[list[str | Exception], dict[int, str]]:
        """Why each is not even taken in, empty when it is, and the keys (SHA-256) of those that can be read.

        What is decided here is decided again on signing.
        """
        found: dict[int, str | Exception] = {}
        orders: dict[int, tuple[Order, str]] = {}
        quirks = self._quirks_of(list(registered))
        for number, one in enumerate(asks):
            try:
                found[number] = out_of_the_question(one)
                if not found[number]:
                    orders[number] = (
                        self._order(registered[one.station], one.asked.csr, quirks[one.station]),
                        f"station:{one.station}",
                    )
            except CsrRejected as error:
                found[number] = error.sentence
        for number, fault in zip(orders, self._authority.check_each(list(orders.values())), strict=True):
            found[number] = fault.sentence if isinstance(fault, CsrRejected | OrderRefused) else fault or ""
        keys = {number: order.request.spki_sha256 for number, (order, _) in orders.items()}
        return [found[number] for number in range(len(asks))], keys

    # --- it is signed

    def sign_waiting(self, station: str) -> list[Delivery | Receipt]:
        """Have every waiting request of a station signed; see `sign_each`."""
        return self.sign_each([station])[0]

    def sign_each(self, stations: Sequence[str]) -> list[list[Delivery | Receipt]]:
        """Have every waiting request of these stations signed; a Receipt stands for one the authority refused.

        A signer that is unavailable leaves the request waiting; it is tried again later. What comes of a request is
        told once, also when a station is named twice.
        """
        with ExitStack() as turns:
            for station in sorted(set(stations)):  # in one order, else two rounds could wait for each other
                turns.enter_context(self._turns.of(station))
            waiting = self._waiting(stations)
            results = self._note(list(zip(waiting, self._made(waiting), strict=True)))
        return [results.pop(station, []) for station in stations]

    def _waiting(self, stations: Sequence[str]) -> list[_Waiting]:
        query = (
            select(CertificateAskRow, StationRow.takes_root)
            .outerjoin(StationRow, col(StationRow.id) == col(CertificateAskRow.station))
            .where(col(CertificateAskRow.station).in_(stations), CertificateAskRow.state == AskState.ASKED)
        )
        with self._store.reading() as session:
            rows = session.exec(query.order_by(col(CertificateAskRow.id)))
            return [_Waiting(row.id or 0, row.station, row.csr, row.request_id, bool(root)) for row, root in rows]

    def _made(self, waiting: Sequence[_Waiting]) -> list[Certificate | PkiError]:
        """For each the certificate of its key, the one it has already or a new one; or what stopped it."""
        registered = self._registered(one.station for one in waiting)
        quirks = self._quirks_of(list({one.station for one in waiting}))
        wanted: list[tuple[str, str] | PkiError] = []
        orders: dict[tuple[str, str], Order] = {}  # one for each station and key, however often it was asked for
        for one in waiting:
            try:
                order = self._order(registered.get(one.station), one.csr, quirks[one.station])
            except PkiError as fault:
                wanted.append(fault)
            else:
                wanted.append((one.station, order.request.spki_sha256))
                orders[one.station, order.request.spki_sha256] = order
        made = self._certificates(orders)
        return [made[which] if isinstance(which, tuple) else which for which in wanted]

    def _certificates(self, orders: Mapping[tuple[str, str], Order]) -> dict[tuple[str, str], Certificate | PkiError]:
        certified = self._authority.certified_keys([key for _, key in orders]) if orders else set()
        held = {which: self._held(order) for which, order in orders.items() if which[1] in certified}
        found: dict[tuple[str, str], Certificate | PkiError] = {which: one for which, one in held.items() if one}
        new = [which for which in orders if which not in found]
        asked = [(orders[which], f"station:{which[0]}") for which in new]
        return found | dict(zip(new, self._authority.issue_for_each(asked) if asked else (), strict=True))

    def _held(self, order: Order) -> Certificate | None:
        """The good certificate that a station has for the key of an order."""
        for known in self._authority.certificates(station=order.station, state=CertificateState.GOOD, limit=20):
            # What a retiring authority issued is to be replaced, also by a station that keeps its key.
            is_same = known.spki_sha256 == order.request.spki_sha256
            if is_same and self._authority.would_issue_again(order, known):
                return known
        return None

    def _note(self, outcomes: Sequence[tuple[_Waiting, Certificate | PkiError]]) -> dict[str, list[Delivery | Receipt]]:
        """Write down what came of each, by station."""
        told = [(one, made) for one, made in outcomes if not isinstance(made, SignerUnavailable)]
        refused = [
            Settled(one.id, AskState.REFUSED, FleetAct.CERTIFICATE_ASK_REFUSED, "service", made.sentence)
            for one, made in told
            if isinstance(made, PkiError)
        ]
        serials = {one.id: made.serial for one, made in told if isinstance(made, Certificate)}
        if told:
            with self._store.writing() as session:
                for row in rows_of(session, serials):
                    row.state, row.serial, row.updated_at = AskState.ISSUED, serials[row.id or 0], self._clock()
                    session.add(row)
                self._settle_in(session, refused)
        stations = {one.station for one, _ in told}
        limits, quirks = self._watch.limits(stations), self._quirks_of(list(stations))
        results: dict[str, list[Delivery | Receipt]] = {}
        for one, made in told:
            result = _result_of(one, made, limits[one.station], quirks[one.station])
            results.setdefault(one.station, []).append(result)
        if len(told) < len(outcomes):
            self._watch.signer_is_away()
        elif told and self._watch.somebody_waited and not self.waiting_stations():
            self._watch.nobody_waits()
        return results

    # --- it is delivered

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

    def sent(self, delivery: Delivery, chain: str | None = None) -> None:
        """CertificateSigned goes out, with this chain; recorded before it does.

        Raises ChainTooLong when the station could not take it (A02.FR.16): then it is not sent.
        """
        length = len(chain if chain is not None else delivery.chain)
        if length > delivery.limit:
            self.not_sent(delivery, length)
            raise ChainTooLong(length, delivery.limit)
        self.settle_each([as_sent(delivery)])

    def not_sent(self, delivery: Delivery, length: int) -> None:
        """The chain is longer than the station takes: that is on record, and a person knows."""
        sentence = ChainTooLong(length, delivery.limit).sentence
        refused = FleetAct.CERTIFICATE_ASK_REFUSED
        self.settle_each([Settled(delivery.ask, AskState.REFUSED, refused, "service", sentence)])
        self._watch.too_long(self._station_of(delivery.ask), length, delivery.limit)

    def taken(self, delivery: Delivery) -> None:
        """The station answered Accepted; only a connection with the certificate proves it."""
        self.settle_each([as_taken(delivery)])

    def rejected(self, delivery: Delivery, words: str) -> None:
        """The station did not take it."""
        turned_down = FleetAct.CERTIFICATE_TURNED_DOWN
        self.settle_each([Settled(delivery.ask, AskState.REJECTED, turned_down, "station", words)])
        self._watch.turned_down(self._station_of(delivery.ask), delivery.serial, words)

    def seen_in_use(self, station: str, serial: str) -> None:
        """A connection presented this certificate: whatever was open about it is settled."""
        with self._store.reading() as session:
            query = select(CertificateAskRow.id).where(
                CertificateAskRow.station == station,
                CertificateAskRow.serial == serial,
                col(CertificateAskRow.state).in_(OPEN),
            )
            asks = [ask or 0 for ask in session.exec(query)]
        if asks:
            self.settle_each([Settled(ask, AskState.TAKEN, FleetAct.CERTIFICATE_SEEN, "station") for ask in asks])

    def settle_each(self, settled: Sequence[Settled]) -> list[None]:
        """Write down what became of requests, in one transaction."""
        taken = [one.ask for one in settled if one.state is AskState.TAKEN]
        with self._store.writing() as session:
            self._settle_in(session, settled)
            stations = {row.station for row in rows_of(session, taken)} if taken else set()
        if stations:
            self._allowances.took(stations)
            self._watch.all_is_well(stations)
        return [None] * len(settled)

    def _settle_in(self, session: Session, settled: Sequence[Settled]) -> None:
        rows = {row.id: row for row in rows_of(session, [one.ask for one in settled])} if settled else {}
        now = self._clock()
        for one in settled:
            row = rows.get(one.ask)
            if row is None:
                continue
            row.state, row.reason, row.updated_at = one.state, one.reason, now
            session.add(row)
            by = by_station(row) if one.by == "station" else one.by
            self._trail.record_all(session, [entry_of(one.act, row, by, one.reason)], now)
            if one.takes_root is not None:
                others = col(StationRow.id) == row.station, col(StationRow.takes_root).is_not(one.takes_root)
                session.connection().execute(update(StationRow).where(*others).values(takes_root=one.takes_root))

    def _order(self, station: StationRow | None, csr: str, quirks: Quirks) -> Order:
        if station is None:
            raise Refusal.UNKNOWN_STATION.because()
        request = self._authority.read_request(csr)
        return Order(
            request=request,
            profile="station",
            common_name=station.serial,
            station=station.id,
            issuer_family=quirks.issuer_family,
        )

    def _registered(self, stations: Iterable[str]) -> dict[str, StationRow]:
        with self._store.reading() as session:
            rows = session.exec(select(StationRow).where(col(StationRow.id).in_(set(stations))))
            return {row.id: row for row in rows}

    def _delivery(self, ask: int) -> Delivery:
        with self._store.reading() as session:
            row = session.get(CertificateAskRow, ask)
            station = session.get(StationRow, row.station) if row is not None else None
        if row is None or row.serial is None:
            raise UnknownCertificate(f"request {ask}")
        certificate = self._authority.certificate(row.serial)
        with_root = station is not None and station.takes_root
        limit = self._watch.limits({row.station})[row.station]
        found = Delivery(ask, row.serial, certificate.chain_pem, certificate.root, row.request_id, with_root, limit)
        return as_usual_for(found, self._quirks_of([row.station])[row.station])

    def _station_of(self, ask: int) -> str:
        with self._store.reading() as session:
            row = session.get(CertificateAskRow, ask)
        return row.station if row is not None else ""


def _result_of(one: _Waiting, made: Certificate | PkiError, limit: int, quirks: Quirks) -> Delivery | Receipt:
    if isinstance(made, PkiError):
        return Receipt(False, made.sentence)
    found = Delivery(one.id, made.serial, made.chain_pem, made.root, one.request_id, one.with_root, limit)
    return as_usual_for(found, quirks)

"""Transactions, connectors and the messages about them in the database; a message is durable before it is answered.

Messages that come at the same time share a transaction of the database (pki/gathering.py). One that comes again gets
the answer that it got, and is not kept twice.
"""

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, update
from sqlmodel import Session, col, select

from csms_bridge import events as e
from csms_bridge.acts import FleetAct
from csms_bridge.charging import CHARGING, ChargingMessage, ChargingState, Connector, Phase, Transaction, digest_of
from csms_bridge.charging_room import ChargingRoom
from csms_bridge.errors import UnknownStation
from csms_bridge.frames import Json
from csms_bridge.station import OcppVersion
from csms_bridge.tables import ChargingMessageRow, ConnectorRow, StationRow, TransactionRow
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.gathering import Gathering
from pki.store import Store

log = structlog.get_logger(__name__)

AT_ONCE = 200
"""Messages in one transaction of the database."""
MOST_HANDED_OVER = 10_000
"""Messages that one call may mark."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message of a station: as it came, and what the dialect read in it."""

    station: str
    version: OcppVersion
    action: str
    payload: Json
    event: e.ChargingTold


@dataclass(slots=True)
class _Entry:
    """What is on its way into the database; `transaction` is what came of a message."""

    station: str
    what: "Told | e.ConnectorsTold"
    transaction: int | None = None
    fault: Exception | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages that were not handed over, and since when the oldest is here."""

    messages: int
    since: datetime | None


class ChargingBook:
    """Keeps what stations tell of charging, as far as there is room. Safe to use from several threads and processes."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock, room: ChargingRoom | None = None) -> None:
        self._room = room
        self._store = store
        self._trail = trail
        self._clock = clock
        self._gathering = Gathering(self._carry, AT_ONCE)

    def take(self, told: Told) -> int:
        """Keep a message; the id of its transaction, 0 when it names none. Durable when this returns.

        Raises UnknownStation, ChargingFull, and what the database raises: the station is then given no answer that
        it could take for one.
        """
        if self._room is not None:
            self._room.take_up(told.station, told.payload)
        return self._through(_Entry(told.station, told))

    def connectors_told(self, station: str, told: e.ConnectorsTold) -> None:
        """The states of connectors; the last ones win. Raises UnknownStation."""
        self._through(_Entry(station, told))

    def state(self, station: str) -> ChargingState:
        """What a station is doing."""
        still_open = select(TransactionRow).where(
            TransactionRow.station == station, col(TransactionRow.ended_at).is_(None)
        )
        of_it = select(ConnectorRow).where(ConnectorRow.station == station)
        with self._store.reading() as session:
            transactions = session.exec(still_open.order_by(col(TransactionRow.id)))
            connectors = session.exec(of_it.order_by(col(ConnectorRow.evse), col(ConnectorRow.connector)))
            return ChargingState(
                tuple(transaction_of(row) for row in transactions), tuple(connector_of(row) for row in connectors)
            )

    def is_busy(self, station: str) -> bool:
        """Whether somebody is charging."""
        with self._store.reading() as session:
            return is_busy(session, station)

    def busy_among(self, stations: Collection[str]) -> set[str]:
        """Those of these stations where somebody is charging."""
        with self._store.reading() as session:
            return set(session.exec(select(StationRow.id).where(col(StationRow.id).in_(stations), busy())))

    def transactions(
        self, *, station: str | None = None, only_open: bool = False, before: int | None = None, limit: int = 100
    ) -> list[Transaction]:
        """The newest first; `before` is the last id of the page before."""
        query = select(TransactionRow).order_by(col(TransactionRow.id).desc()).limit(limit)
        if station is not None:
            query = query.where(TransactionRow.station == station)
        if only_open:
            query = query.where(col(TransactionRow.ended_at).is_(None))
        if before is not None:
            query = query.where(col(TransactionRow.id) < before)
        with self._store.reading() as session:
            return [transaction_of(row) for row in session.exec(query)]

    def messages(
        self,
        *,
        station: str | None = None,
        since: datetime | None = None,
        only_kept_here: bool = False,
        after: int = 0,
        limit: int = 100,
    ) -> list[ChargingMessage]:
        """Messages in the order in which they came, after the id `after`; of each station this is its own order."""
        query = select(ChargingMessageRow).where(col(ChargingMessageRow.id) > after)
        if station is not None:
            query = query.where(ChargingMessageRow.station == station)
        if since is not None:
            query = query.where(col(ChargingMessageRow.received_at) >= since)
        if only_kept_here:
            query = query.where(col(ChargingMessageRow.handed_over_at).is_(None))
        with self._store.reading() as session:
            return [message_of(row) for row in session.exec(query.order_by(col(ChargingMessageRow.id)).limit(limit))]

    def waiting(self) -> Waiting:
        """What was not handed over."""
        query = select(func.count(), func.min(ChargingMessageRow.received_at))
        with self._store.reading() as session:
            messages, since = session.execute(query.where(col(ChargingMessageRow.handed_over_at).is_(None))).one()
        return Waiting(messages, since)

    def hand_over(self, messages: Sequence[int], by: str) -> int:
        """Note that these messages are with a CSMS now; how many were not before. They may be deleted from then on."""
        now = self._clock()
        ours = col(ChargingMessageRow.id).in_(messages[:MOST_HANDED_OVER])
        with self._store.writing() as session:
            fresh = update(ChargingMessageRow).where(ours, col(ChargingMessageRow.handed_over_at).is_(None))
            marked: int = session.execute(fresh.values(handed_over_at=now)).rowcount  # type: ignore[attr-defined]
            if marked:
                self._trail.record(
                    session, FleetAct.CHARGING_HANDED_OVER, by=by, kind="charging", thing="messages", now=now,
                    details={"messages": marked, "first": min(messages), "last": max(messages)},
                )  # fmt: skip
            return marked

    def _through(self, entry: _Entry) -> int:
        self._gathering.take_part(entry)
        if entry.fault is not None:
            raise entry.fault
        return entry.transaction or 0

    def _carry(self, batch: list[_Entry]) -> None:
        try:
            self._write(batch)
        except Exception as fault:
            if len(batch) == 1:
                batch[0].fault = fault
                return
            log.warning("charging_messages_written_alone", messages=len(batch), fault=type(fault).__name__)
            for entry in batch:  # one that cannot be written must not take the others with it
                self._carry([entry])

    def _write(self, batch: list[_Entry]) -> None:
        now = self._clock()
        with self._store.writing() as session:
            # In one order, so that two nodes which note the same stations do not wait for each other.
            names = sorted({entry.station for entry in batch})
            held = select(StationRow.id).where(col(StationRow.id).in_(names)).order_by(StationRow.id).with_for_update()
            known = set(session.exec(held))
            for entry in batch:
                if entry.station not in known:
                    entry.fault = UnknownStation(entry.station)
                elif isinstance(entry.what, Told):
                    entry.transaction = _keep(session, entry.what, now)
                else:
                    _note_connectors(session, entry.station, entry.what, now)


def is_busy(session: Session, station: str) -> bool:
    """Whether somebody charges at a station."""
    return session.exec(select(StationRow.id).where(StationRow.id == station, busy())).first() is not None


def busy() -> ColumnElement[bool]:
    """The same as a condition on stations."""
    transactions = exists().where(
        col(TransactionRow.station) == col(StationRow.id), col(TransactionRow.ended_at).is_(None)
    )
    connectors = exists().where(col(ConnectorRow.station) == col(StationRow.id), col(ConnectorRow.status).in_(CHARGING))
    return or_(transactions, connectors)


def end_all(session: Session, station: str, now: datetime) -> None:
    """A station that restarted charges nobody, until it says so again."""
    still_open = and_(col(TransactionRow.station) == station, col(TransactionRow.ended_at).is_(None))
    session.execute(update(TransactionRow).where(still_open).values(ended_at=now))
    session.execute(delete(ConnectorRow).where(col(ConnectorRow.station) == station))


def _note_connectors(session: Session, station: str, told: e.ConnectorsTold, now: datetime) -> None:
    for one in told.connectors:
        row = session.get(ConnectorRow, (station, one.evse, one.connector))
        row = row or ConnectorRow(station=station, evse=one.evse, connector=one.connector, status="", received_at=now)
        row.status, row.error, row.told_at = _storable(one.status), _storable(one.error[:200]), one.at
        row.received_at = now
        session.add(row)


def _keep(session: Session, told: Told, now: datetime) -> int | None:
    """Write a message down unless it came before; the id of its transaction."""
    digest = digest_of(told.action, told.payload)
    earlier = _earlier(session, told, digest)
    if earlier is not None:
        return earlier.transaction
    transaction = _transaction(session, told, now)
    session.add(
        ChargingMessageRow(
            station=told.station, ocpp_version=told.version, action=told.action, payload=json.dumps(told.payload),
            digest=digest, transaction=transaction, received_at=now,
        )
    )  # fmt: skip
    session.flush()
    return transaction


def _earlier(session: Session, told: Told, digest: str) -> ChargingMessageRow | None:
    """The same message, if it came before. A start whose transaction has ended is another one: a station without a
    clock and a meter says the same each time, and it never sends a start again after its stop."""
    same = select(ChargingMessageRow).where(
        ChargingMessageRow.station == told.station, ChargingMessageRow.digest == digest
    )
    row = session.exec(same.order_by(col(ChargingMessageRow.id).desc())).first()
    if row is None or told.action != "StartTransaction":
        return row
    transaction = session.get(TransactionRow, row.transaction)
    return row if transaction is not None and not transaction.told_ended else None


def _transaction(session: Session, told: Told, now: datetime) -> int | None:
    """The id of the transaction that a message belongs to, brought up to date by it."""
    event = told.event
    row = _named(session, told)
    if row is None and _is_beginning(told):
        row = TransactionRow(station=told.station, name=_storable(event.transaction), began_at=now)
        if told.version is OcppVersion.V16:
            _end_others(session, told, now)
    if row is None:
        return None
    moved = _bring_up_to_date(row, event, now)
    session.add(row)
    session.flush()
    if moved:
        at = update(StationRow).where(col(StationRow.id) == told.station)
        session.execute(at.values(updated_at=now, last_seen=now))
    return row.id


def _is_beginning(told: Told) -> bool:
    """Whether a transaction that is not known begins. In 2.x its first message may have been lost."""
    event, is_named = told.event, bool(told.event.transaction)
    goes_on = event.phase is Phase.WENT_ON and told.version is not OcppVersion.V16
    return is_named and (event.phase is Phase.BEGAN or goes_on)


def _bring_up_to_date(row: TransactionRow, event: e.ChargingTold, now: datetime) -> bool:
    """Whether the transaction began, ended, or goes on after all."""
    row.evse = row.evse if event.evse is None else event.evse
    row.connector = row.connector if event.connector is None else event.connector
    row.token = row.token or (_storable(event.token.text) if event.token else "")
    is_new = row.id is None
    if event.phase is Phase.ENDED and row.ended_at is None:
        row.ended_at = now
    elif event.phase is not Phase.ENDED and row.ended_at is not None and not row.told_ended:
        row.ended_at, is_new = None, True  # it was taken for ended when the station restarted
    elif not is_new:
        row.told_ended = row.told_ended or event.phase is Phase.ENDED
        return False
    row.told_ended = event.phase is Phase.ENDED
    return True


def _named(session: Session, told: Told) -> TransactionRow | None:
    """The transaction that a message names: in 1.6 by the id we gave, in 2.x by the station's own name."""
    name = told.event.transaction
    if told.version is OcppVersion.V16:
        if told.event.phase is Phase.BEGAN or not name.isascii() or not name.isdigit():
            return None
        row = session.get(TransactionRow, int(name[:18]))
        return row if row is not None and row.station == told.station else None
    query = select(TransactionRow).where(TransactionRow.station == told.station, TransactionRow.name == _storable(name))
    return session.exec(query.order_by(col(TransactionRow.id).desc())).first() if name else None


def _end_others(session: Session, told: Told, now: datetime) -> None:
    """A connector of 1.6 has one transaction: what was open there is over, whether its stop comes or not."""
    open_there = and_(
        col(TransactionRow.station) == told.station,
        col(TransactionRow.name) == _storable(told.event.transaction),
        col(TransactionRow.ended_at).is_(None),
    )
    session.execute(update(TransactionRow).where(open_there).values(ended_at=now, told_ended=True))


def _storable(text: str) -> str:
    """Without NUL characters, which PostgreSQL refuses."""
    return text.replace("\0", "\ufffd")


def transaction_of(row: TransactionRow) -> Transaction:
    """The domain object of a row."""
    return Transaction(
        row.id or 0, row.station, row.name, row.evse, row.connector, row.token, row.began_at, row.ended_at
    )


def connector_of(row: ConnectorRow) -> Connector:
    """The domain object of a row."""
    return Connector(row.station, row.evse, row.connector, row.status, row.error, row.told_at, row.received_at)


def message_of(row: ChargingMessageRow) -> ChargingMessage:
    """The domain object of a row."""
    payload: Json = {}
    with suppress(ValueError):
        payload = json.loads(row.payload)
    return ChargingMessage(
        row.id or 0, row.station, row.ocpp_version, row.action, payload, row.transaction, row.received_at,
        row.handed_over_at,
    )  # fmt: skip

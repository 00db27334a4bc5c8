"""Identities that nobody registered and that knocked: who they say they are, kept for a person to look at.

Anybody can make identities up, so the list is bounded: so many rows in all and of one address, so many new ones of one
address in a minute; what is known of one is written once a second, however often it knocks. Who has room keeps it: only
one that never sent a BootNotification gives way, and only after some minutes. Of what is said the first stays, and
whatever contradicts it marks the row as contested: nobody changes what another said.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import ColumnElement, delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import UnknownStranger
from csms_bridge.events import Booted
from csms_bridge.station import OcppVersion
from csms_bridge.tables import StationRow, UnknownStationRow
from csms_bridge.throttle import Throttle
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

NEW_PER_MINUTE = 20
"""New identities that one address may show in a minute."""
GIVES_WAY_AFTER = timedelta(minutes=10)
_ADDRESSES = 5
_LONGEST = {"vendor": 50, "model": 50, "serial": 64, "firmware": 50, "shown": 200, "reason": 200}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many rows in all and of one address (IPv6: of one /64), and how long one is kept after it was seen last."""

    rows: int = 1000
    of_address: int = 50
    kept: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Knock:
    """One attempt: from where, what was shown, and what came of it. `credential` is a keyed hash."""

    id: str
    address: str
    state: str
    reason: str
    shown: str
    credential: str | None = None
    version: OcppVersion | None = None


@dataclass(frozen=True, slots=True)
class Stranger:
    """An unknown station. `state` is refused or quarantined; nothing of it was proved."""

    id: str
    state: str
    reason: str
    address: str
    addresses: tuple[str, ...]
    first_seen: datetime
    last_seen: datetime
    tries: int
    shown: str
    has_password: bool
    contested: bool
    ocpp_version: OcppVersion | None
    vendor: str
    model: str
    serial: str
    firmware: str
    booted_at: datetime | None


@dataclass(slots=True)
class _Pending:
    """What happened to one identity since the last writing."""

    knocks: list[Knock] = field(default_factory=list)
    tries: int = 0
    since: datetime | None = None
    at: datetime | None = None
    boot: Booted | None = None


class Strangers:
    """The list in the database, and what is not written yet. Safe to use from several threads."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock, bounds: Bounds) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock
        self._bounds = bounds
        self._new = Throttle(NEW_PER_MINUTE)
        self._pending: dict[str, _Pending] = {}
        self._lock = threading.Lock()

    def knocked(self, knock: Knock) -> bool:
        """Take note of an attempt; False when the list has no room for one more."""
        now = self._clock()
        with self._lock:
            pending = self._pending.get(knock.id)
            if pending is None:
                if not self._may_come(knock, now):
                    return False
                pending = self._pending[knock.id] = _Pending()
            if len(pending.knocks) < _ADDRESSES:
                pending.knocks.append(knock)
            pending.tries, pending.since, pending.at = pending.tries + 1, pending.since or now, now
            return True

    def booted(self, station: str, boot: Booted) -> None:
        """What it says of itself; of several that are not written yet the first counts."""
        with self._lock:
            pending = self._pending.setdefault(station, _Pending())
            pending.boot, pending.at = pending.boot or boot, self._clock()

    def flush(self) -> None:
        """Write what was noted, in one transaction, and forget who has not been seen for long."""
        with self._lock:
            pending, self._pending = self._pending, {}
        now = self._clock()
        with self._store.reading() as session:
            is_stale = session.exec(select(UnknownStationRow.id).where(self._stale(now)).limit(1)).first() is not None
        if not pending and not is_stale:
            return
        with self._store.writing() as session:
            session.execute(delete(UnknownStationRow).where(self._stale(now)))
            for station, noted in pending.items():
                self._write(session, station, noted, now)

    def page(self, after: str | None = None, limit: int = 100) -> list[Stranger]:
        """By identity, from `after` on."""
        query = select(UnknownStationRow).order_by(col(UnknownStationRow.id)).limit(limit)
        if after is not None:
            query = query.where(col(UnknownStationRow.id) > after)
        with self._store.reading() as session:
            return [stranger_of(row) for row in session.exec(query)]

    def stranger(self, station: str) -> Stranger:
        """One of them. Raises UnknownStranger."""
        with self._store.reading() as session:
            return stranger_of(_row(session, station))

    def count(self) -> int:
        """How many there are."""
        with self._store.reading() as session:
            return session.exec(select(func.count()).select_from(UnknownStationRow)).one()

    def forget(self, station: str, by: str, reason: str) -> None:
        """Take one off the list; it comes back when it knocks again. Raises UnknownStranger."""
        with self._store.writing() as session:
            session.delete(_row(session, station))
            self._forgotten(session, station, by, reason, 1)

    def forget_all(self, address: str | None, by: str, reason: str) -> int:
        """Take all off the list, or all that came last from this address; how many."""
        chosen = [col(UnknownStationRow.address) == address] if address is not None else []
        with self._store.writing() as session:
            names = session.exec(select(UnknownStationRow.id).where(*chosen)).all()
            session.execute(delete(UnknownStationRow).where(*chosen))
            if names:
                self._forgotten(session, address or "all of them", by, reason, len(names))
        return len(names)

    def gone_among(self, stations: Sequence[str]) -> dict[str, str]:
        """Of those on a line in quarantine, who has no business there any more, with the reason."""
        with self._store.reading() as session:
            adopted = set(session.exec(select(StationRow.id).where(col(StationRow.id).in_(stations))))
            listed = set(session.exec(select(UnknownStationRow.id).where(col(UnknownStationRow.id).in_(stations))))
        with self._lock:
            listed |= set(self._pending)
        gone = dict.fromkeys(set(stations) - listed, "it was taken off the list of unknown stations")
        return gone | dict.fromkeys(adopted, "it is registered now")

    def _may_come(self, knock: Knock, now: datetime) -> bool:
        """Whether one that is not waiting to be written is on the list, or may come onto it."""
        with self._store.reading() as session:
            if session.get(UnknownStationRow, knock.id) is not None:
                return True
            network = network_of(knock.address)
            if self._new.must_wait(network, "", now):
                return False
            waiting = [network_of(one.knocks[0].address) for one in self._pending.values() if one.knocks]
            if not self._has_room(session, network, waiting, now):
                return False
        self._new.failed(network, "", now)
        return True

    def _has_room(self, session: Session, network: str, waiting: Sequence[str], now: datetime) -> bool:
        in_all = _count(session, None) + len(waiting) < self._bounds.rows
        of_it = _count(session, network) + waiting.count(network) < self._bounds.of_address
        return (in_all or _gives_way(session, None, now) is not None) and (
            of_it or _gives_way(session, network, now) is not None
        )

    def _write(self, session: Session, station: str, noted: _Pending, now: datetime) -> None:
        row = session.get(UnknownStationRow, station)
        if row is None:
            row = self._begin(session, station, noted, now)
        if row is None or session.get(StationRow, station) is not None:
            return
        for knock in noted.knocks:
            _take_knock(row, knock)
        row.tries += noted.tries
        row.last_seen = noted.at or now
        if noted.boot is not None:
            _take_boot(row, noted.boot, now)
        session.add(row)

    def _begin(self, session: Session, station: str, noted: _Pending, now: datetime) -> UnknownStationRow | None:
        if not noted.knocks or session.get(StationRow, station) is not None:
            return None  # it was adopted, or taken off the list, while its line was open
        first = noted.knocks[0]
        network = network_of(first.address)
        for of, most in ((network, self._bounds.of_address), (None, self._bounds.rows)):
            if _count(session, of) >= most and (gives_way := _gives_way(session, of, now)) is not None:
                session.delete(gives_way)
                session.flush()
        row = UnknownStationRow(
            id=station,
            state=first.state,
            address=first.address,
            network=network,
            first_seen=noted.since or now,
            last_seen=now,
        )
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:  # another node was first
            return None
        return row

    def _stale(self, now: datetime) -> ColumnElement[bool]:
        return col(UnknownStationRow.last_seen) < now - self._bounds.kept

    def _forgotten(self, session: Session, thing: str, by: str, reason: str, count: int) -> None:
        self._trail.record(
            session, FleetAct.UNKNOWN_FORGOTTEN, by=by, kind="station", thing=thing, reason=reason,
            details={"count": count}, now=self._clock(),
        )  # fmt: skip


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or a /64, which one household or host has whole."""
    try:
        read = ip_address(address)
    except ValueError:
        return address
    if not isinstance(read, IPv6Address):
        return str(read)
    if read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(IPv6Address(int(read) >> 64 << 64)) + "/64"


def taken_over(session: Session, station: str) -> UnknownStationRow:
    """Take one off the list inside the caller's transaction, which registers it. Raises UnknownStranger."""
    row = _row(session, station)
    session.delete(row)
    return row


def stranger_of(row: UnknownStationRow) -> Stranger:
    """The domain object of a row."""
    return Stranger(
        id=row.id,
        state=row.state,
        reason=row.reason,
        address=row.address,
        addresses=tuple(json.loads(row.addresses)),
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        tries=row.tries,
        shown=row.shown,
        has_password=row.credential is not None,
        contested=row.contested,
        ocpp_version=OcppVersion(row.ocpp_version) if row.ocpp_version else None,
        vendor=row.vendor,
        model=row.model,
        serial=row.serial,
        firmware=row.firmware,
        booted_at=row.booted_at,
    )


def _take_knock(row: UnknownStationRow, knock: Knock) -> None:
    row.state, row.reason, row.address = knock.state, _cut("reason", knock.reason), knock.address
    row.network = network_of(knock.address)
    known = [one for one in json.loads(row.addresses) if one != knock.address]
    row.addresses = json.dumps([knock.address, *known][:_ADDRESSES])
    row.shown = row.shown or _cut("shown", knock.shown)
    row.ocpp_version = knock.version or row.ocpp_version
    if knock.credential is not None and row.credential not in (None, knock.credential):
        row.contested = True
    row.credential = row.credential or knock.credential


def _take_boot(row: UnknownStationRow, boot: Booted, now: datetime) -> None:
    told = _told(boot)
    if row.booted_at is None:
        row.vendor, row.model, row.serial, row.firmware = (
            told[name] for name in ("vendor", "model", "serial", "firmware")
        )
    elif any(told[name] != getattr(row, name) for name in ("vendor", "model", "serial")):
        row.contested = True
    row.booted_at = now


def _told(boot: Booted) -> dict[str, str]:
    said = {
        "vendor": boot.vendor,
        "model": boot.model,
        "serial": next(iter(boot.serials), ""),
        "firmware": boot.firmware,
    }
    return {name: _cut(name, text) for name, text in said.items()}


def _cut(name: str, text: str) -> str:
    """Bounded, and without what no database keeps or no page should show."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)[: _LONGEST[name]]


def _count(session: Session, network: str | None) -> int:
    of = [col(UnknownStationRow.network) == network] if network is not None else []
    return session.exec(select(func.count()).select_from(UnknownStationRow).where(*of)).one()


def _gives_way(session: Session, network: str | None, now: datetime) -> UnknownStationRow | None:
    of = [col(UnknownStationRow.network) == network] if network is not None else []
    idle = (col(UnknownStationRow.booted_at).is_(None), col(UnknownStationRow.last_seen) < now - GIVES_WAY_AFTER)
    oldest = select(UnknownStationRow).where(*of, *idle).order_by(col(UnknownStationRow.last_seen)).limit(1)
    return session.exec(oldest).first()


def _row(session: Session, station: str) -> UnknownStationRow:
    row = session.get(UnknownStationRow, station)
    if row is None:
        raise UnknownStranger(station)
    return row

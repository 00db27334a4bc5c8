"""Stations that have connected, written down together, and what there is to do for each of them.

A fleet comes back at once. One transaction notes the connections of many, and finds out in the same queries whether a
station has a walk, a certificate under way, a command that waits: for one that has none, nothing more is asked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.admission import Admitted
from csms_bridge.certificate_asks import OPEN
from csms_bridge.errors import LineOutranked, ProofWithdrawn, UnknownStation
from csms_bridge.lanes import Lanes
from csms_bridge.line_elsewhere import check_rank
from csms_bridge.password_book import PasswordBook
from csms_bridge.standing import Standing
from csms_bridge.station import OcppVersion
from csms_bridge.strangers import network_of
from csms_bridge.tables import CertificateAskRow, CommandRow, PasswordRotationRow, StationRow, WalkRow
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.store import Store

ACTIVE_WALKS = ("running", "held")


@dataclass(frozen=True, slots=True)
class Line:
    """The facts of one connection: where from, over what TLS (None: plain), and which edge told of it, if one did."""

    address: str
    tls_version: str | None = None
    cipher: str | None = None
    edge: str = ""

    def on_record(self, reason: str) -> str:
        """A verdict's reason, and on whose word it rests: what an edge ended, we have not seen ourselves."""
        return f"{reason}; TLS and possession of the key as told by the edge {self.edge}" if self.edge else reason


@dataclass(frozen=True, slots=True)
class Incoming:
    """A connection that was admitted. `password` is the id of the one that was used."""

    station: str
    admitted: Admitted
    version: OcppVersion
    password: str | None
    line: Line


@dataclass(frozen=True, slots=True)
class Business:
    """What there is to do for a station that has just connected, and how far it was.

    `booted`: it was told Accepted last, since reconnects carry no BootNotification (station-quirks 12). `pending`: it
    was told Pending last, and says nothing until it is told otherwise. `requests`: certificates that it asked for and
    that nobody has seen it use. `commands`: some are queued for it.
    `rotation`: it has a new password that it was not seen with.
    """

    booted: bool = False
    pending: bool = False
    walking: bool = False
    requests: bool = False
    commands: bool = False
    rotation: bool = False


@dataclass(frozen=True, slots=True)
class Arrived:
    """A connection that is on record, since when, and what there is to do.

    `displaced`: where a live line came from whose place it took, when that is another network; else empty.
    """

    at: datetime
    business: Business
    displaced: str = ""


class Arrivals:
    """Writes connections. One instance per process; `node` is this process's name."""

    def __init__(
        self, store: Store, trail: AuditTrail, passwords: PasswordBook, lanes: Lanes, clock: Clock, node: str,
        *, dead_after: timedelta,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._passwords = passwords
        self._lanes = lanes
        self._clock = clock
        self._node = node
        self._dead_after = dead_after

    def note_each(self, incoming: Sequence[Incoming]) -> list[Arrived | Exception]:
        """These WebSockets are open; for each since when, or why it is not taken in.

        UnknownStation when it was removed meanwhile, LineOutranked when another node has a line with more proof,
        ProofWithdrawn when what it was let in by was closed or set aside since it was judged.
        An offered password that was used becomes the only one. Outside a walk the profile seen becomes the floor at
        once; in a walk the walk decides when. What comes through a lane proves neither profile nor certificate.
        """
        stations = {one.station for one in incoming}
        with self._store.writing() as session:
            rows = _rows(session, stations, lock=True)
            business = _business(session, rows)
            usual = self._passwords.usual(session, {one.password for one in incoming if one.password is not None})
            return [
                self._note(session, one, rows.get(one.station), business, is_usual=one.password in usual)
                for one in incoming
            ]

    def business(self, station: str) -> Business:
        """What there is to do for a station now."""
        with self._store.reading() as session:
            rows = _rows(session, [station])
            return _business(session, rows).get(station, Business())

    def _note(
        self, session: Session, one: Incoming, row: StationRow | None, business: dict[str, Business], *, is_usual: bool
    ) -> Arrived | Exception:
        if row is None:
            return UnknownStation(one.station)
        now, admitted, found = self._clock(), one.admitted, business[one.station]
        try:
            check_rank(row, admitted, one.line.address, self._node, now, self._dead_after)
        except LineOutranked as outranked:
            return outranked
        if self._is_withdrawn(session, row, one, is_usual=is_usual):
            return ProofWithdrawn(one.station)
        displaced = self._displaced(row, one.line.address, now)
        session.add(row)
        if admitted.lane is not None:
            self._lanes.entered(session, row, admitted.lane, admitted, one.line.address)
            self._note_line(row, one, now)
            return Arrived(now, found)
        self._lanes.left(session, row, admitted, one.password)
        is_new = row.profile != int(admitted.profile) or row.certificate_serial != admitted.certificate_serial
        self._note_line(row, one, now)
        _note_proof(row, admitted)
        raised = admitted.profile > row.floor and not found.walking
        if raised:
            row.floor = int(admitted.profile)
            row.wanted_profile = max(row.wanted_profile, row.floor)
        if one.password is not None and not is_usual:
            self._passwords.confirm(session, one.station, one.password, now)
        if is_new or raised:
            self._trail.record_all(session, [_seen(one)], now)
        return Arrived(now, found, displaced)

    def _is_withdrawn(self, session: Session, row: StationRow, one: Incoming, *, is_usual: bool) -> bool:
        """Whether it would be judged otherwise now. Of those who come in for good with the usual password nobody is."""
        if one.admitted.lane is not None:
            return not self._lanes.is_open(row, one.admitted.lane)
        return one.password is not None and not is_usual and self._passwords.is_set_aside(session, one.password)

    def _displaced(self, row: StationRow, address: str, now: datetime) -> str:
        before = row.address or ""
        is_alive = row.online and row.last_seen is not None and row.last_seen >= now - self._dead_after
        return before if is_alive and network_of(before) != network_of(address) else ""

    def _note_line(self, row: StationRow, one: Incoming, now: datetime) -> None:
        row.online, row.node = True, self._node
        row.connected_at = row.last_seen = row.updated_at = now
        row.ocpp_version = one.version
        row.address, row.tls_version, row.cipher = one.line.address, one.line.tls_version, one.line.cipher
        row.proof = one.line.on_record(one.admitted.reason)


def _note_proof(row: StationRow, admitted: Admitted) -> None:
    row.profile = int(admitted.profile)
    row.certificate_serial = admitted.certificate_serial
    if admitted.certificate_made_at is not None:
        row.newest_used = max(row.newest_used or admitted.certificate_made_at, admitted.certificate_made_at)


def _seen(one: Incoming) -> Entry:
    details = {
        "profile": int(one.admitted.profile),
        "certificate": one.admitted.certificate_serial,
        "tls": one.line.tls_version,
        "address": one.line.address,
    }
    return Entry(FleetAct.STATION_SEEN, f"station:{one.station}", "station", one.station, details=details)


def _rows(session: Session, stations: Collection[str], *, lock: bool = False) -> dict[str, StationRow]:
    """Their rows, locked in one order: two transactions that lock some of the same cannot wait for each other."""
    query = select(StationRow).where(col(StationRow.id).in_(stations)).order_by(col(StationRow.id))
    query = query.with_for_update() if lock else query
    return {row.id: row for row in session.exec(query)}


def _business(session: Session, rows: dict[str, StationRow]) -> dict[str, Business]:
    def having(station: Mapped[str], *conditions: ColumnElement[bool]) -> set[str]:
        return set(session.exec(select(station).where(station.in_(rows), *conditions)))

    walking = having(col(WalkRow.station), col(WalkRow.outcome).in_(ACTIVE_WALKS))
    requests = having(col(CertificateAskRow.station), col(CertificateAskRow.state).in_(OPEN))
    commands = having(col(CommandRow.station), col(CommandRow.state) == "queued")
    unseen = col(PasswordRotationRow.password).is_not(None), col(PasswordRotationRow.seen_at).is_(None)
    rotations = having(col(PasswordRotationRow.station), *unseen)
    return {
        name: Business(
            booted=row.booted_at is not None and not row.told,
            pending=row.told == Standing.PENDING,
            walking=name in walking,
            requests=name in requests,
            commands=name in commands,
            rotation=name in rotations,
        )
        for name, row in rows.items()
    }

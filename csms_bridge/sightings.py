"""What was seen of stations, written down: admissions, connections, boots, transactions."""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, update
from sqlmodel import Session, SQLModel, col, select

from csms_bridge import events as e
from csms_bridge.acts import FleetAct
from csms_bridge.admission import Admitted, Refused, Registered, Verdict
from csms_bridge.charging_book import end_all
from csms_bridge.errors import UnknownStation
from csms_bridge.lanes import Lanes, is_recovering
from csms_bridge.line_elsewhere import DEAD_AFTER, check_rank, taken_elsewhere
from csms_bridge.password_book import PasswordBook, PasswordsOf
from csms_bridge.standing import Standing
from csms_bridge.station import KnownPassword, OcppVersion, SecurityProfile
from csms_bridge.tables import (
    AdmissionRow,
    StationRow,
    WalkRow,
)
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.many_rows import ManyRows
from pki.store import Store

ACTIVE_WALKS = ("running", "held")

_STATIONS = SQLModel.metadata.tables[str(StationRow.__tablename__)]
_ADMISSION_FACTS = [
    _STATIONS.c[name]
    for name in (
        "id", "serial", "ocpp_version", "floor", "newest_used", "vendor", "bootstrap", "recovery_until",
    )
]  # fmt: skip
_ADMISSIONS = ManyRows(AdmissionRow, "at", "station", "address", "tls", "admitted", "profile", "reason")


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
class OnRecord:
    """What admission needs to know of a registered station."""

    station: Registered
    passwords: PasswordsOf


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision about one connection of a registered station."""

    station: str
    line: Line
    verdict: Verdict

    @property
    def reason(self) -> str:
        """Why, for the record."""
        return self.line.on_record(self.verdict.reason)


class Sightings:
    """Writes what stations do. One instance per process; `node` is this process's name.

    Another node's line that was silent for `dead_after` bars nobody from ours.
    """

    def __init__(
        self, store: Store, trail: AuditTrail, passwords: PasswordBook, clock: Clock, node: str,
        dead_after: timedelta = DEAD_AFTER,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._passwords = passwords
        self._clock = clock
        self._node = node
        self._dead_after = dead_after
        self.lanes = Lanes(store, trail, clock)

    def forget_connections(self) -> None:
        """At start: no socket of this node outlived the last process."""
        with self._store.writing() as session:
            ours = update(StationRow).where(col(StationRow.node) == self._node, col(StationRow.online).is_(True))
            session.execute(ours.values(online=False, updated_at=self._clock()))

    def registered(self, station: str) -> tuple[Registered, list[KnownPassword]] | None:
        """What admission needs to know of an identity; None when it is unknown."""
        found = self.registered_each([station]).get(station)
        return None if found is None else (found.station, found.passwords.good)

    def registered_each(self, stations: Collection[str]) -> dict[str, OnRecord]:
        """What admission needs to know of each of these identities; unknown ones are left out."""
        now = self._clock()
        with self._store.reading() as session:
            rows = session.connection().execute(select(*_ADMISSION_FACTS).where(_STATIONS.c.id.in_(set(stations))))
            known = {row.id: _registered_of(row, now) for row in rows}
            passwords = self._passwords.of_each(session, known) if known else {}
        return {station: OnRecord(one, passwords[station]) for station, one in known.items()}

    def judged(self, station: str, line: Line, verdict: Verdict) -> None:
        """Record an admission decision about a registered station; a refusal is audited as well."""
        self.judged_each([Judged(station, line, verdict)])

    def judged_each(self, judged: Sequence[Judged]) -> None:
        """Record many, in one transaction."""
        now = self._clock()
        refused = [one for one in judged if isinstance(one.verdict, Refused)]
        with self._store.writing() as session:
            _ADMISSIONS.add(session, [_admission_of(one, now) for one in judged])
            self._trail.record_all(session, [_refusal_of(one) for one in refused], now)

    def connected(
        self, station: str, admitted: Admitted, version: OcppVersion, password: str | None, line: Line
    ) -> datetime:
        """The WebSocket is open; returns since when. An offered password that was used becomes the only one.

        Outside a walk the profile seen becomes the floor at once; in a walk the walk decides when. What comes through
        a lane proves neither profile nor certificate. Raises UnknownStation when it was removed meanwhile, and
        LineOutranked when another node has a line that came with more proof.
        """
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(StationRow, station, with_for_update=True)
            if row is None:
                raise UnknownStation(station)
            check_rank(row, admitted, self._node, now, self._dead_after)
            if admitted.lane is not None:
                self.lanes.entered(session, row, admitted.lane, admitted, line.address)
                _note_line(row, admitted, version, line, self._node, now)
                session.add(row)
                return now
            self.lanes.left(session, row, admitted)
            first_time = row.profile != int(admitted.profile) or row.certificate_serial != admitted.certificate_serial
            _note_connection(row, admitted, version, line, self._node, now)
            raised = admitted.profile > row.floor and not _in_walk(session, station)
            if raised:
                row.floor = int(admitted.profile)
                row.wanted_profile = max(row.wanted_profile, row.floor)
            session.add(row)
            if password is not None:
                self._passwords.confirm(session, station, password, now)
            if first_time or raised:
                self._trail.record(
                    session, FleetAct.STATION_SEEN, by=f"station:{station}", kind="station", thing=station,
                    details={
                        "profile": int(admitted.profile),
                        "certificate": admitted.certificate_serial,
                        "tls": line.tls_version,
                        "address": line.address,
                    }, now=now,
                )  # fmt: skip
            return now

    def taken_elsewhere(self, stations: Set[str], since: datetime) -> set[str]:
        """Of stations with a line here those that another node has taken in since then: their lines here are over."""
        with self._store.reading() as session:
            return taken_elsewhere(session, stations, self._node, since)

    def disconnected(self, station: str, connected_at: datetime) -> bool:
        """The line of a connection is gone; False when a newer connection stands on record, which is left alone."""
        now = self._clock()
        is_ours = (col(StationRow.connected_at) == connected_at, col(StationRow.node) == self._node)
        with self._store.writing() as session:
            ours = update(StationRow).where(col(StationRow.id) == station, *is_ours)
            gone: int = session.execute(ours.values(online=False, last_seen=now, updated_at=now)).rowcount  # type: ignore[attr-defined]
            return gone > 0

    def closed_by_us(self, station: str, reason: str) -> None:
        """We closed the line, and why."""
        with self._store.writing() as session:
            self._trail.record(
                session, FleetAct.STATION_CLOSED, by="service", kind="station", thing=station, reason=reason,
                now=self._clock(),
            )  # fmt: skip

    def heard(self, stations: dict[str, datetime]) -> None:
        """When each of these stations was last heard of; written in bulk."""
        with self._store.writing() as session:
            for station, at in stations.items():
                session.execute(update(StationRow).where(col(StationRow.id) == station).values(last_seen=at))

    def booted(
        self, station: str, boot: e.Booted, told: Standing = Standing.ACCEPTED, *, in_lane: bool = False
    ) -> None:
        """A BootNotification, and what the station was told.

        Who says it in a lane has proved too little to change what is known of the station, or to end what it charges.
        """
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(StationRow, station)
            if row is None:
                return
            row.told = "" if told is Standing.ACCEPTED else told.value
            row.last_seen = row.updated_at = now
            if in_lane:
                row.booted_at = row.booted_at or now
            else:
                _note_boot(row, boot, now)
            session.add(row)
            if boot.reason != "Triggered" and not in_lane:  # a station that restarted charges nobody
                end_all(session, station, now)
            self._trail.record(
                session, FleetAct.STATION_BOOTED, by=f"station:{station}", kind="station", thing=station,
                reason=boot.reason, now=now,
                details={"vendor": boot.vendor, "model": boot.model, "firmware": boot.firmware,
                         "serials": list(boot.serials), **({"lane": row.lane} if in_lane else {})},
            )  # fmt: skip

    def has_booted(self, station: str) -> bool:
        """Whether the station was told Accepted last; reconnects carry no BootNotification (station-quirks 12)."""
        with self._store.reading() as session:
            row = session.get(StationRow, station)
            return row is not None and row.booted_at is not None and not row.told

    def waits_for_acceptance(self, station: str) -> bool:
        """Whether the last that the station was told is Pending: it says nothing until it is told otherwise."""
        with self._store.reading() as session:
            row = session.get(StationRow, station)
            return row is not None and row.told == Standing.PENDING


def _registered_of(row: Row[Any], now: datetime) -> Registered:
    version = OcppVersion(row.ocpp_version) if row.ocpp_version else None
    return Registered(
        row.id, row.serial, version, SecurityProfile(row.floor), row.newest_used, row.vendor,
        bootstrap=row.bootstrap, recovering=is_recovering(row.recovery_until, now),
    )  # fmt: skip


def _admission_of(one: Judged, now: datetime) -> dict[str, object]:
    """The columns of an AdmissionRow."""
    verdict = one.verdict
    return {
        "at": now,
        "station": one.station,
        "address": one.line.address,
        "tls": one.line.tls_version is not None,
        "admitted": isinstance(verdict, Admitted),
        "profile": int(verdict.profile) if isinstance(verdict, Admitted) else None,
        "reason": one.reason,
    }


def _refusal_of(one: Judged) -> Entry:
    details = {"address": one.line.address}
    return Entry(FleetAct.STATION_REFUSED, "service", "station", one.station, one.reason, details)


def _note_connection(
    row: StationRow, admitted: Admitted, version: OcppVersion, line: Line, node: str, now: datetime
) -> None:
    _note_line(row, admitted, version, line, node, now)
    row.profile = int(admitted.profile)
    row.certificate_serial = admitted.certificate_serial
    if admitted.certificate_made_at is not None:
        row.newest_used = max(row.newest_used or admitted.certificate_made_at, admitted.certificate_made_at)


def _note_boot(row: StationRow, boot: e.Booted, now: datetime) -> None:
    row.vendor, row.model, row.firmware = boot.vendor, boot.model, boot.firmware
    row.boot_serial, row.boot_reason = next(iter(boot.serials), None), boot.reason or None
    row.booted_at = now


def _note_line(row: StationRow, admitted: Admitted, version: OcppVersion, line: Line, node: str, now: datetime) -> None:
    row.online, row.node = True, node
    row.connected_at = row.last_seen = row.updated_at = now
    row.ocpp_version = version
    row.address, row.tls_version, row.cipher = line.address, line.tls_version, line.cipher
    row.proof = line.on_record(admitted.reason)


def _in_walk(session: Session, station: str) -> bool:
    active = select(WalkRow.id).where(WalkRow.station == station, col(WalkRow.outcome).in_(ACTIVE_WALKS))
    return session.exec(active.limit(1)).first() is not None

"""What was seen of stations, written down: admissions, connections, boots, transactions."""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, update
from sqlmodel import SQLModel, col, select

from csms_bridge import events as e
from csms_bridge.acts import FleetAct
from csms_bridge.admission import Admitted, Refused, Registered, Verdict
from csms_bridge.arrivals import Arrivals, Incoming, Line
from csms_bridge.charging_book import end_all
from csms_bridge.lanes import Lanes
from csms_bridge.line_elsewhere import DEAD_AFTER, taken_elsewhere
from csms_bridge.password_book import PasswordBook, PasswordsOf
from csms_bridge.quirks.quirks import QuirksOf, nothing_odd
from csms_bridge.recovery.closing import Closing, is_recovering
from csms_bridge.standing import Lane, Standing
from csms_bridge.station import KnownPassword, OcppVersion, SecurityProfile
from csms_bridge.tables import (
    AdmissionRow,
    StationRow,
)
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.many_rows import ManyRows
from pki.store import Store

_STATIONS = SQLModel.metadata.tables[str(StationRow.__tablename__)]
_ADMISSION_FACTS = [
    _STATIONS.c[name]
    for name in (
        "id", "serial", "ocpp_version", "expected_version", "floor", "newest_used", "vendor", "bootstrap",
        "recovery_lane", "recovery_maker", "recovery_since", "recovery_until", "address",
    )
]  # fmt: skip
_HEARD = update(_STATIONS).where(_STATIONS.c.id == bindparam("name")).values(last_seen=bindparam("at"))
_ADMISSIONS = ManyRows(AdmissionRow, "at", "station", "address", "tls", "admitted", "profile", "reason")


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What admission needs to know of a registered station, and the address that it came from last."""

    station: Registered
    passwords: PasswordsOf
    address: str = ""


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
        dead_after: timedelta = DEAD_AFTER, quirks_of: QuirksOf = nothing_odd,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._passwords = passwords
        self._clock = clock
        self._node = node
        self.closing = Closing(trail, passwords)
        self.lanes = Lanes(store, trail, clock, self.closing, quirks_of)
        self.arrivals = Arrivals(store, trail, passwords, self.lanes, clock, node, dead_after=dead_after)

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
            known = {row.id: (_registered_of(row, now), row.address or "") for row in rows}
            passwords = self._passwords.of_each(session, known) if known else {}
        for station, (one, _) in known.items():
            if one.recovery is not Lane.PASSWORD:
                passwords[station].recovery.clear()
        return {station: OnRecord(one, passwords[station], address) for station, (one, address) in known.items()}

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
        """The WebSocket is open; returns since when: see `Arrivals.note_each`. Raises UnknownStation, LineOutranked."""
        (arrived,) = self.arrivals.note_each([Incoming(station, admitted, version, password, line)])
        if isinstance(arrived, Exception):
            raise arrived
        return arrived.at

    def taken_elsewhere(self, stations: Set[str], since: datetime) -> set[str]:
        """Of stations with a line here those that another node has taken in since then: their lines here are over."""
        with self._store.reading() as session:
            return taken_elsewhere(session, stations, self._node, since)

    def disconnected(self, station: str, connected_at: datetime) -> bool:
        """The line of a connection is gone; False when a newer connection stands on record, which is left alone."""
        return self.disconnected_each([(station, connected_at)])[0]

    def disconnected_each(self, lines: Sequence[tuple[str, datetime]]) -> list[bool]:
        """The same for many."""
        now, columns = self._clock(), (_STATIONS.c.id, _STATIONS.c.connected_at)
        here = (_STATIONS.c.id.in_({station for station, _ in lines}), _STATIONS.c.node == self._node)
        with self._store.writing() as session:
            rows = session.connection().execute(select(*columns).where(*here).order_by(*columns).with_for_update())
            on_record = {(station, at) for station, at in rows}
            ours = [line in on_record for line in lines]
            gone = _STATIONS.c.id.in_({station for station, _ in on_record.intersection(lines)})
            ended = {"online": False, "last_seen": now, "updated_at": now}
            session.connection().execute(update(_STATIONS).where(gone).values(ended))
        return ours

    def closed_by_us(self, station: str, reason: str) -> None:
        """We closed the line, and why."""
        with self._store.writing() as session:
            self._trail.record(
                session, FleetAct.STATION_CLOSED, by="service", kind="station", thing=station, reason=reason,
                now=self._clock(),
            )  # fmt: skip

    def heard(self, stations: dict[str, datetime]) -> None:
        """When each of these stations was last heard of; written in bulk."""
        heard = [{"name": station, "at": at} for station, at in sorted(stations.items())]
        with self._store.writing() as session:
            session.connection().execute(_HEARD, heard)

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


def _registered_of(row: Row[Any], now: datetime) -> Registered:
    preferred = row.expected_version or row.ocpp_version
    version = OcppVersion(preferred) if preferred else None
    is_open = is_recovering(row.recovery_since, row.recovery_until, now)
    recovery = Lane(row.recovery_lane) if is_open and row.recovery_lane else None
    return Registered(
        row.id, row.serial, version, SecurityProfile(row.floor), row.newest_used, row.vendor,
        bootstrap=row.recovery_maker if recovery is Lane.BOOTSTRAP else row.bootstrap, recovery=recovery,
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


def _note_boot(row: StationRow, boot: e.Booted, now: datetime) -> None:
    row.vendor, row.model, row.firmware = boot.vendor, boot.model, boot.firmware
    row.boot_serial, row.boot_reason = next(iter(boot.serials), None), boot.reason or None
    row.booted_at = now

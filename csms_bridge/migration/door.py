"""The door to migrations: announced, followed, ended; a record each, for firmware campaigns and for people."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from csms_bridge.acts import FleetAct
from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.errors import MigrationRefused, UnknownMigration, UnknownStation
from csms_bridge.migration.preparing import Preparing
from csms_bridge.migration.rows import MigrationRow
from csms_bridge.migration.rules import Criteria, Expected, Judgement, RollBack, Seen, Tally, judge, why_stop
from csms_bridge.migration.states import OPEN, MigrationState
from csms_bridge.password_rotations import PasswordRotations, RotationState
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow, WalkRow
from pki.alarms import AlarmKind, Alarms
from pki.audit import JSON, AuditTrail
from pki.clock import Clock
from pki.store import Store

_AT_ONCE = 200
_ORDER = list(OcppVersion)


@dataclass(frozen=True, slots=True)
class Migration:
    """One station's change of version; `reason` is what is missing, or why it failed."""

    id: int
    station: str
    from_version: OcppVersion
    to_version: OcppVersion
    campaign: str
    state: MigrationState
    reason: str
    criteria: Criteria
    prepared: str
    profile: int | None
    firmware: str
    until: datetime
    arrived_at: datetime | None
    began_at: datetime
    began_by: str
    why: str
    ended_at: datetime | None


class Migrations:
    """Safe to use from several threads and processes."""

    def __init__(
        self, store: Store, trail: AuditTrail, alarms: Alarms, rotations: PasswordRotations, preparing: Preparing,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._alarms = alarms
        self._rotations = rotations
        self._preparing = preparing
        self._clock = clock

    def expect(
        self,
        stations: Sequence[str],
        to: OcppVersion,
        within: timedelta,
        by: str,
        why: str = "",
        *,
        campaign: str = "",
        criteria: Criteria | None = None,
    ) -> list[Migration]:
        """These stations will come back with another version: all are announced, or none.

        From now on that version is chosen when they offer it, and what the old firmware can prepare is set. Raises
        UnknownStation, MigrationRefused.
        """
        now, asked = self._clock(), criteria or Criteria()
        if within <= timedelta():
            raise MigrationRefused("the time that a station gets must be longer than none")
        quirks = self._preparing.quirks(stations)
        with self._store.writing() as session:
            rows = [
                self._begin(session, name, quirks[name], to, now + within, by, why, campaign, asked)
                for name in stations
            ]
            made = [_migration(row) for row in rows]
        for one in made:
            self._alarms.settle(AlarmKind.MIGRATION_FAILED, one.station)
        return made

    def cancel(self, migration: int, why: str, by: str) -> Migration:
        """It is not expected any more. Raises UnknownMigration, MigrationRefused."""
        with self._store.writing() as session:
            row = _row(session, migration)
            if row.state not in OPEN:
                raise MigrationRefused(f"the migration {migration} is {row.state}")
            self._end(session, row, MigrationState.CANCELLED, why, by)
            return _migration(row)

    def find(self, migration: int) -> Migration:
        """Raises UnknownMigration."""
        with self._store.reading() as session:
            return _migration(_row(session, migration))

    def search(
        self, *, station: str = "", campaign: str = "", state: MigrationState | None = None,
        before: int | None = None, limit: int = 100,
    ) -> list[Migration]:  # fmt: skip
        """The newest first; `before` is the last id of the page before."""
        query = select(MigrationRow).order_by(col(MigrationRow.id).desc()).limit(limit)
        for wanted, column in ((station, MigrationRow.station), (campaign, MigrationRow.campaign)):
            query = query.where(col(column) == wanted) if wanted else query
        query = query.where(MigrationRow.state == state.value) if state is not None else query
        query = query.where(col(MigrationRow.id) < before) if before is not None else query
        with self._store.reading() as session:
            return [_migration(row) for row in session.exec(query)]

    def tally(self, campaign: str) -> Tally:
        """How many of a campaign's are how far."""
        query = select(MigrationRow.state, func.count()).where(MigrationRow.campaign == campaign)
        with self._store.reading() as session:
            return Tally(**dict(session.exec(query.group_by(MigrationRow.state)).all()))

    def why_stop(self, campaign: str, when: RollBack) -> str:
        """Why a campaign is to stop; empty when it goes on."""
        return why_stop(self.tally(campaign), when)

    def round(self) -> None:
        """To be called every few seconds: what was seen of those that are expected, judged."""
        after = 0
        while True:
            query = select(MigrationRow).where(col(MigrationRow.state).in_(OPEN), col(MigrationRow.id) > after)
            with self._store.reading() as session:
                rows = session.exec(query.order_by(col(MigrationRow.id)).limit(_AT_ONCE)).all()
            for row in rows:
                self._follow(row)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1].id or 0

    # --- inside

    def _begin(
        self, session: Session, name: str, quirks: Quirks, to: OcppVersion, until: datetime, by: str, why: str,
        campaign: str, criteria: Criteria,
    ) -> MigrationRow:  # fmt: skip
        station = session.get(StationRow, name, populate_existing=True)
        if station is None:
            raise UnknownStation(name)
        if objection := _objection(session, station, to):
            raise MigrationRefused(f"station {name!r}: {objection}")
        now = self._clock()
        row = MigrationRow(
            station=name, from_version=station.ocpp_version or "", to_version=to.value, campaign=campaign,
            state=MigrationState.EXPECTED.value, criteria=json.dumps(asdict(criteria)), profile=station.profile,
            firmware=station.firmware, until=until, began_at=now, began_by=by, why=why,
            prepared=self._preparing.prepare(session, station, quirks, by, now),
        )  # fmt: skip
        station.expected_version = to.value
        session.add(station)
        self._note(session, FleetAct.MIGRATION_EXPECTED, row, by, why)
        return row

    def _follow(self, row: MigrationRow) -> None:
        now = self._clock()
        with self._store.reading() as session:
            station = session.get(StationRow, row.station)
        if station is None:
            return
        rotation = next(iter(self._rotations.progress([row.station])), None)
        is_since = rotation is not None and rotation.asked_at is not None and rotation.asked_at >= row.began_at
        seen = _seen(row, station, rotation.state if rotation is not None and is_since else None)
        found = judge(_expected(row, station.serial), seen, now)
        if found.rotate:  # asking again is harmless: one that is under way is left alone
            self._rotations.ask([row.station], f"migration:{row.id}", restart=True)
        if found.state != row.state or found.reason != row.reason:
            self._move(row.id or 0, found)

    def _move(self, migration: int, found: Judgement) -> None:
        now = self._clock()
        with self._store.writing() as session:
            row = _row(session, migration)
            if row.state not in OPEN:
                return
            if found.state in (MigrationState.WELL, MigrationState.FAILED):
                self._end(session, row, found.state, found.reason, "service")
            else:
                is_news = row.state != found.state
                row.state, row.reason = found.state.value, found.reason
                row.arrived_at = row.arrived_at or (now if found.state is MigrationState.ARRIVED else None)
                session.add(row)
                if is_news:
                    self._note(session, FleetAct.MIGRATION_ARRIVED, row, "service", found.reason)
        if found.state is MigrationState.FAILED:
            self._alarms.sound(AlarmKind.MIGRATION_FAILED, row.station, f"{row.station}: {found.reason}")

    def _end(self, session: Session, row: MigrationRow, state: MigrationState, reason: str, by: str) -> None:
        row.state, row.reason, row.ended_at = state.value, reason, self._clock()
        if state is MigrationState.WELL:
            row.arrived_at = row.arrived_at or row.ended_at
        station = session.get(StationRow, row.station, populate_existing=True)
        if station is not None:
            station.expected_version = None
            session.add(station)
        self._note(session, FleetAct.MIGRATION_ENDED, row, by, reason)

    def _note(self, session: Session, act: FleetAct, row: MigrationRow, by: str, reason: str) -> None:
        """With its audit record, which stands in the station's own story."""
        session.add(row)
        session.flush()
        details: dict[str, JSON] = {
            "migration": row.id, "from": row.from_version, "to": row.to_version, "state": row.state,
            "campaign": row.campaign, "prepared": row.prepared,
        }  # fmt: skip
        self._trail.record(
            session, act, by=by, kind="station", thing=row.station, reason=reason, details=details, now=self._clock()
        )


def _objection(session: Session, station: StationRow, to: OcppVersion) -> str:
    """Why no other version can be expected of a station; empty when it can."""
    if station.ocpp_version is None or station.profile is None:
        return "it has never connected, so that its version of OCPP is not known"
    if _ORDER.index(OcppVersion(station.ocpp_version)) >= _ORDER.index(to):
        return f"it speaks OCPP {station.ocpp_version} already"
    if station.profile == SecurityProfile.NONE:
        return "profile 0 exists in OCPP 1.6 only: walk it up first"
    walking = select(WalkRow.id).where(WalkRow.station == station.id, col(WalkRow.outcome).in_(ACTIVE_WALKS))
    if session.exec(walking.limit(1)).first() is not None:
        return "a walk of it is under way or on hold: let it end, or cancel it"
    same = select(MigrationRow.id).where(MigrationRow.station == station.id, col(MigrationRow.state).in_(OPEN))
    return "a migration of it is under way" if session.exec(same.limit(1)).first() is not None else ""


def _expected(row: MigrationRow, serial: str) -> Expected:
    return Expected(
        old=OcppVersion(row.from_version),
        new=OcppVersion(row.to_version),
        serial=serial,
        profile=None if row.profile is None else SecurityProfile(row.profile),
        firmware=row.firmware,
        until=row.until,
        criteria=Criteria(**json.loads(row.criteria)),
    )


def _seen(row: MigrationRow, station: StationRow, rotation: RotationState | None) -> Seen:
    came = station.connected_at is not None and station.connected_at > row.began_at
    return Seen(
        version=OcppVersion(station.ocpp_version) if station.ocpp_version else None,
        came=came,
        booted=station.booted_at is not None and station.booted_at > row.began_at,
        accepted=not station.told and not station.lane,
        profile=None if station.profile is None else SecurityProfile(station.profile),
        firmware=station.firmware,
        boot_serial=station.boot_serial or "",
        rotation=rotation,
    )


def _row(session: Session, migration: int) -> MigrationRow:
    row = session.get(MigrationRow, migration, populate_existing=True)
    if row is None:
        raise UnknownMigration(migration)
    return row


def _migration(row: MigrationRow) -> Migration:
    return Migration(
        id=row.id or 0,
        station=row.station,
        from_version=OcppVersion(row.from_version),
        to_version=OcppVersion(row.to_version),
        campaign=row.campaign,
        state=MigrationState(row.state),
        reason=row.reason,
        criteria=Criteria(**json.loads(row.criteria)),
        prepared=row.prepared,
        profile=row.profile,
        firmware=row.firmware,
        until=row.until,
        arrived_at=row.arrived_at,
        began_at=row.began_at,
        began_by=row.began_by,
        why=row.why,
        ended_at=row.ended_at,
    )

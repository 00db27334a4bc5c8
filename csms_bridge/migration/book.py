"""Migrations in the database: rows, values, and what stands against a new one."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.errors import UnknownMigration
from csms_bridge.migration.rows import MigrationRow
from csms_bridge.migration.rules import Criteria, Expected, Seen
from csms_bridge.migration.states import OPEN, MigrationState
from csms_bridge.password_rotations import RotationState
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow, WalkRow
from pki.audit import JSON, AuditTrail
from pki.store import hold_lock

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


def row_of(session: Session, migration: int) -> MigrationRow:
    """Raises UnknownMigration."""
    row = session.get(MigrationRow, migration, populate_existing=True)
    if row is None:
        raise UnknownMigration(migration)
    return row


def held_row(session: Session, migration: int) -> MigrationRow:
    """The same for who is about to change it: one after the other, whichever node. Raises UnknownMigration."""
    hold_lock(session, f"migration:{migration}")
    return row_of(session, migration)


def objection(session: Session, station: StationRow, to: OcppVersion) -> str:
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


def expected_of(row: MigrationRow, serial: str) -> Expected:
    """The change as it was announced."""
    return Expected(
        old=OcppVersion(row.from_version),
        new=OcppVersion(row.to_version),
        serial=serial,
        profile=None if row.profile is None else SecurityProfile(row.profile),
        firmware=row.firmware,
        until=row.until,
        criteria=Criteria(**json.loads(row.criteria)),
    )


def seen_of(row: MigrationRow, station: StationRow, rotation: RotationState | None) -> Seen:
    """What is known of the station since."""
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


def migration_of(row: MigrationRow) -> Migration:
    """The domain object of a row."""
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


def end(
    session: Session, trail: AuditTrail, row: MigrationRow, state: MigrationState, reason: str, by: str, now: datetime
) -> None:
    """It is over: the other version is expected no more."""
    row.state, row.reason, row.ended_at = state.value, reason, now
    if state is MigrationState.WELL:
        row.arrived_at = row.arrived_at or row.ended_at
    station = session.get(StationRow, row.station, populate_existing=True)
    if station is not None:
        station.expected_version = None
        session.add(station)
    note(session, trail, FleetAct.MIGRATION_ENDED, row, by, reason, now)


def note(
    session: Session, trail: AuditTrail, act: FleetAct, row: MigrationRow, by: str, reason: str, now: datetime
) -> None:
    """A change with its audit record, which stands in the station's own story."""
    session.add(row)
    session.flush()
    details: dict[str, JSON] = {
        "migration": row.id, "from": row.from_version, "to": row.to_version, "state": row.state,
        "campaign": row.campaign, "prepared": row.prepared,
    }  # fmt: skip
    trail.record(session, act, by=by, kind="station", thing=row.station, reason=reason, details=details, now=now)

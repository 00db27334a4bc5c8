"""The stations on record: added, listed, looked at, removed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.campaigns.rows import CampaignTargetRow
from csms_bridge.charging_book import busy, is_busy
from csms_bridge.errors import StationExists, StationRefused, UnknownStation
from csms_bridge.firmware.rows import FirmwareLinkRow, FirmwareUpdateRow
from csms_bridge.migration.rows import MigrationRow
from csms_bridge.password_book import PasswordBook
from csms_bridge.posture.rows import POSTURE_ROWS
from csms_bridge.readiness.rows import ReadinessRow
from csms_bridge.recovery.rows import RecoveryRow, RecoveryVoteRow
from csms_bridge.renewal.rows import CertificateAllowanceRow, RenewalPlanRow
from csms_bridge.standing import Lane
from csms_bridge.station import (
    AddedStation,
    AdmissionRecord,
    NewStation,
    OcppVersion,
    Overview,
    Posture,
    SecurityProfile,
    Station,
    check_place,
)
from csms_bridge.station_roots.rows import RootActRow, RootListingRow, StationRootRow
from csms_bridge.strangers import taken_over
from csms_bridge.tables import (
    AdmissionRow,
    CertificateAskRow,
    ConnectorRow,
    PasswordRotationRow,
    PasswordRow,
    RenewalAskRow,
    StationLogRow,
    StationRow,
    TransactionRow,
    WalkRow,
)
from csms_bridge.trust.rows import PlanExclusionRow, RootSightingRow
from pki.audit import JSON, AuditTrail, Entry
from pki.chain_choices import forget_choice
from pki.clock import Clock
from pki.enrolment_codes import withdraw_open
from pki.secret_text import Secret
from pki.store import Store


@dataclass(frozen=True, slots=True)
class StationFilter:
    """Which stations to list: text in id, serial, vendor, model or site; observed profile; on hold; online."""

    search: str = ""
    profile: int | None = None
    held: bool | None = None
    online: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a station stands and its tags; None leaves what there is. Raises StationRefused."""

    station: str
    site: str | None = None
    tags: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_place(self.site or "", self.tags or ())


_ABOUT_ONE = (
    PasswordRow, WalkRow, CertificateAskRow, TransactionRow, ConnectorRow, RenewalAskRow, PasswordRotationRow,
    StationLogRow, StationRootRow, RootListingRow, RootActRow, RootSightingRow, PlanExclusionRow, CampaignTargetRow,
    MigrationRow, CertificateAllowanceRow, RenewalPlanRow, ReadinessRow, FirmwareUpdateRow, RecoveryVoteRow,
    RecoveryRow, FirmwareLinkRow,
    *POSTURE_ROWS,
)  # fmt: skip


class Registry:
    """Stations in the database."""

    def __init__(self, store: Store, trail: AuditTrail, passwords: PasswordBook, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._passwords = passwords
        self._clock = clock

    def add(self, stations: Sequence[NewStation], by: str) -> list[AddedStation]:
        """Register all of them or none. Raises StationExists, which names the id or serial number that is taken."""
        now = self._clock()
        with self._store.writing() as session:
            return [self._add(session, new, by, now) for new in stations]

    def adopt(self, new: NewStation, by: str, *, keep_password: bool) -> AddedStation:
        """Register an unknown station, which leaves that list; with the password that it showed, or like any other.

        Raises UnknownStranger, StationExists, StationRefused.
        """
        now = self._clock()
        with self._store.writing() as session:
            known = taken_over(session, new.id)
            if keep_password and (known.credential is None or known.contested):
                raise StationRefused("keep_password", _not_kept(known.contested))
            credential = known.credential if keep_password else None
            return self._add(session, new, by, now, credential=credential, adopted_from=known.address)

    def station(self, station: str) -> Station:
        """One station. Raises UnknownStation."""
        with self._store.reading() as session:
            return station_of(_row(session, station), is_busy(session, station))

    def search(self, wanted: StationFilter, after: str | None, limit: int) -> list[Station]:
        """Stations by id, after the given one."""
        query = select(StationRow, busy()).where(*_conditions(wanted)).order_by(col(StationRow.id)).limit(limit)
        if after is not None:
            query = query.where(col(StationRow.id) > after)
        with self._store.reading() as session:
            return [station_of(row, charging) for row, charging in session.exec(query)]

    def check_registered(self, stations: Sequence[str]) -> None:
        """Raises UnknownStation for the first that is not on record."""
        with self._store.reading() as session:
            known = set(session.exec(select(StationRow.id).where(col(StationRow.id).in_(stations))))
        for station in stations:
            if station not in known:
                raise UnknownStation(station)

    def at_site(self, site: str) -> list[str]:
        """The identities of a site's stations."""
        with self._store.reading() as session:
            return list(session.exec(select(StationRow.id).where(StationRow.site == site).order_by(StationRow.id)))

    def changed_since(self, since: datetime, limit: int) -> list[Station]:
        """Stations whose row changed after `since`, oldest change first."""
        query = select(StationRow, busy()).where(col(StationRow.updated_at) > since)
        with self._store.reading() as session:
            rows = session.exec(query.order_by(col(StationRow.updated_at)).limit(limit))
            return [station_of(row, charging) for row, charging in rows]

    def remove(self, station: str, by: str, reason: str) -> None:
        """Forget a station. Its audit records, messages and events stay. Raises UnknownStation."""
        now = self._clock()
        with self._store.writing() as session:
            row = _row(session, station)
            for table in _ABOUT_ONE:
                session.execute(delete(table).where(col(table.station) == station))
            withdraw_open(session, [station], now)
            forget_choice(session, station)
            session.delete(row)
            self._trail.record(
                session, FleetAct.STATION_REMOVED, by=by, kind="station", thing=station, reason=reason, now=now
            )

    def place(self, places: Sequence[Place], by: str, reason: str) -> list[Station]:
        """Write down where stations stand; what was so already leaves no record. Raises UnknownStation."""
        now = self._clock()
        with self._store.writing() as session:
            entries: list[Entry] = []
            for place in places:
                row = _row(session, place.station)
                site = row.site if place.site is None else place.site
                tags = row.tags if place.tags is None else json.dumps(place.tags)
                if (site, tags) != (row.site, row.tags):
                    row.site, row.tags, row.updated_at = site, tags, now
                    session.add(row)
                    details: dict[str, JSON] = {"site": site, "tags": json.loads(tags)}
                    entries.append(Entry(FleetAct.STATION_PLACED, by, "station", place.station, reason, details))
            self._trail.record_all(session, entries, now)
        return [self.station(place.station) for place in places]

    def permit(self, station: str, profile: SecurityProfile, by: str, reason: str) -> Station:
        """Let a station come back on a lower profile, on an operator's word.

        From 3 to 2, which OCPP allows (2.0.1 errata 2025-01, A05.FR.08); and back to where registration or a walk
        had put it, when it was merely seen on a higher one: somebody else may have been, with its password.
        Nothing else may go down (A00.FR.005). Raises UnknownStation, StationRefused.
        """
        now = self._clock()
        with self._store.writing() as session:
            row = _row(session, station)
            if profile not in _permitted(row):
                raise StationRefused("profile", _not_permitted(row))
            row.floor = row.settled_floor = row.wanted_profile = int(profile)
            row.updated_at = now
            session.add(row)
            self._trail.record(
                session, FleetAct.FLOOR_PERMITTED, by=by, kind="station", thing=station, reason=reason, now=now,
                details={"profile": int(profile)},
            )  # fmt: skip
        return self.station(station)

    def posture(self, station: str, admissions: int = 20) -> Posture:
        """What was observed of a station. Raises UnknownStation."""
        with self._store.reading() as session:
            row = _row(session, station)
            query = select(AdmissionRow).where(col(AdmissionRow.station) == station)
            found = session.exec(query.order_by(col(AdmissionRow.id).desc()).limit(admissions)).all()
            return posture_of(row, is_busy(session, station), [admission_of(a) for a in found])

    def overview(self) -> Overview:
        """The fleet in numbers."""
        with self._store.reading() as session:
            profiles = session.exec(select(StationRow.profile, func.count()).group_by(col(StationRow.profile))).all()
            return Overview(
                total=sum(count for _, count in profiles),
                online=_count(session, col(StationRow.online).is_(True)),
                held=_count(session, col(StationRow.hold).is_not(None)),
                walks_running=session.exec(
                    select(func.count()).select_from(WalkRow).where(col(WalkRow.outcome) == "running")
                ).one(),
                by_profile=dict.fromkeys((None, 0, 1, 2, 3), 0) | dict(profiles),
            )

    def _add(
        self, session: Session, new: NewStation, by: str, now: datetime, credential: str | None = None,
        adopted_from: str = "",
    ) -> AddedStation:  # fmt: skip
        if session.get(StationRow, new.id) is not None:
            raise StationExists("id", new.id)
        if session.exec(select(StationRow.id).where(StationRow.serial == new.serial)).first() is not None:
            raise StationExists("serial", new.serial)
        row = row_of(new, now)
        session.add(row)
        session.flush()
        generated = self._give_password(session, new, now, credential)
        self._trail.record(
            session, FleetAct.STATION_ADDED, by=by, kind="station", thing=new.id, now=now,
            details={
                "serial": new.serial, "profile": int(new.profile), "version": new.ocpp_version, "quiet": new.quiet,
                "bootstrap": new.bootstrap, **({"adopted_from": adopted_from} if adopted_from else {}),
            },
        )  # fmt: skip
        return AddedStation(station_of(row, charging=False), generated)

    def _give_password(self, session: Session, new: NewStation, now: datetime, credential: str | None) -> Secret | None:
        """Store the password's hash; return the password when it was made here."""
        if credential is not None:
            self._passwords.begin_with_credential(session, new.id, credential, now)
            return None
        basic = new.profile in (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC)
        if new.password is None and not basic:
            return None
        return self._passwords.begin_with(session, new.id, new.password, now)


def _not_kept(contested: bool) -> str:
    if contested:
        return "different passwords, or different stations, were shown under this identity"
    return "it showed no password that could be kept"


def _permitted(row: StationRow) -> list[int]:
    undone = [row.settled_floor] if row.settled_floor < row.floor else []
    downgrade = [int(SecurityProfile.TLS_BASIC)] if row.floor == SecurityProfile.MUTUAL_TLS else []
    return sorted({*undone, *downgrade})


def _not_permitted(row: StationRow) -> str:
    if allowed := _permitted(row):
        return f"it can be permitted {' or '.join(map(str, allowed))}, and nothing lower"
    return f"it has reached profile {row.floor}; OCPP allows only the way from 3 to 2"


def row_of(new: NewStation, now: datetime) -> StationRow:
    """The row of a station that is registered now."""
    return StationRow(
        id=new.id,
        serial=new.serial,
        ocpp_version=new.ocpp_version,
        floor=int(new.profile),
        settled_floor=int(new.profile),
        wanted_profile=int(new.profile),
        site=new.site,
        tags=json.dumps(new.tags),
        quiet=new.quiet,
        bootstrap=new.bootstrap,
        added_at=now,
        updated_at=now,
    )


def station_of(row: StationRow, charging: bool) -> Station:
    """The domain object of a row."""
    return Station(
        id=row.id,
        serial=row.serial,
        ocpp_version=OcppVersion(row.ocpp_version) if row.ocpp_version else None,
        profile=None if row.profile is None else SecurityProfile(row.profile),
        floor=SecurityProfile(row.floor),
        wanted_profile=SecurityProfile(row.wanted_profile),
        online=row.online,
        hold=row.hold,
        charging=charging,
        last_seen=row.last_seen,
        connected_at=row.connected_at,
        vendor=row.vendor,
        model=row.model,
        firmware=row.firmware,
        site=row.site,
        tags=tuple(json.loads(row.tags)),
        quiet=row.quiet,
        updated_at=row.updated_at,
        bootstrap=row.bootstrap,
        lane=Lane(row.lane) if row.lane else None,
        recovery_until=row.recovery_until,
        recovery_reason=row.recovery_reason,
    )


def posture_of(row: StationRow, charging: bool, admissions: Sequence[AdmissionRecord]) -> Posture:
    """What a row says was observed."""
    transport = None if row.profile is None else ("TLS" if row.tls_version else "plain")
    return Posture(
        station=station_of(row, charging),
        transport=transport,
        tls_version=row.tls_version,
        cipher=row.cipher,
        certificate_serial=row.certificate_serial,
        address=row.address,
        proof=row.proof,
        boot_serial=row.boot_serial,
        boot_reason=row.boot_reason,
        booted_at=row.booted_at,
        admissions=tuple(admissions),
    )


def admission_of(row: AdmissionRow) -> AdmissionRecord:
    """The domain object of a row."""
    profile = None if row.profile is None else SecurityProfile(row.profile)
    return AdmissionRecord(row.at, row.address, row.tls, row.admitted, profile, row.reason)


def _row(session: Session, station: str) -> StationRow:
    row = session.get(StationRow, station)
    if row is None:
        raise UnknownStation(station)
    return row


def _conditions(wanted: StationFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.search:
        columns = (StationRow.id, StationRow.serial, StationRow.vendor, StationRow.model, StationRow.site)
        conditions.append(or_(*(col(c).icontains(wanted.search, autoescape=True) for c in columns)))
    if wanted.profile is not None:
        conditions.append(col(StationRow.profile) == wanted.profile)
    if wanted.held is not None:
        conditions.append(col(StationRow.hold).is_not(None) if wanted.held else col(StationRow.hold).is_(None))
    if wanted.online is not None:
        conditions.append(col(StationRow.online) == wanted.online)
    return conditions


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    return session.exec(select(func.count()).select_from(StationRow).where(condition)).one()

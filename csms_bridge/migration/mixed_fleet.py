"""The fleet on several versions: who is on what, what keeps the others, and how long both will be there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntFlag
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, case, func, literal
from sqlmodel import Session, col, select

from csms_bridge.migration.rows import MigrationRow
from csms_bridge.migration.states import OPEN, Blocker, MigrationState
from csms_bridge.station import OcppVersion
from csms_bridge.tables import StationRow
from pki.clock import Clock
from pki.store import Store

_ORDER = list(OcppVersion)
_AWAY = timedelta(days=30)
_PACE_OVER = timedelta(weeks=4)
_MODELS = 200
_PORTION = 1000
"""Stations that are read at once for a list of all."""


class Standing(IntFlag):
    """What is known of a station below the target, as bits that the database counts."""

    SEEN = 1
    PROFILE_0 = 2
    HELD = 4
    UNDER_WAY = 8
    FAILED = 16
    """Its last migration failed."""
    AWAY = 32
    HAS_NEWER = 64
    """Another station of its maker and model speaks the target version, or a later one."""


WORDS: Mapping[Blocker, str] = {
    Blocker.UNDER_WAY: "it is expected to come back with it",
    Blocker.NEVER_SEEN: "it has never connected",
    Blocker.FAILED: "its last migration failed",
    Blocker.HELD: "its walk is on hold",
    Blocker.PROFILE_0: "it is on profile 0, which later versions do not have: walk it up",
    Blocker.AWAY: "it has not been seen for 30 days",
    Blocker.NO_FIRMWARE: "no station of its model speaks a later version here: ask its maker for a firmware",
    Blocker.NOTHING: "nothing: a firmware of its model exists, for other stations have it",
}
MOVABLE = (Blocker.UNDER_WAY, Blocker.NOTHING, Blocker.HELD, Blocker.FAILED, Blocker.PROFILE_0, Blocker.AWAY)


def blocker_of(known: Standing) -> Blocker:
    """What keeps it."""
    order = (
        (Blocker.UNDER_WAY, Standing.UNDER_WAY in known),
        (Blocker.NEVER_SEEN, Standing.SEEN not in known),
        (Blocker.FAILED, Standing.FAILED in known),
        (Blocker.HELD, Standing.HELD in known),
        (Blocker.PROFILE_0, Standing.PROFILE_0 in known),
        (Blocker.AWAY, Standing.AWAY in known),
        (Blocker.NO_FIRMWARE, Standing.HAS_NEWER not in known),
    )
    return next((blocker for blocker, fits in order if fits), Blocker.NOTHING)


@dataclass(frozen=True, slots=True)
class Coexistence:
    """How long older versions will be there. `movable` stations can change, `staying` ones have nothing to change to.

    `per_week` is the pace of the last four weeks; `until` when the movable ones are over at that pace, None when
    there is no pace.
    """

    movable: int
    staying: int
    per_week: float
    until: datetime | None


def forecast(counts: Mapping[Blocker, int], moved: int, now: datetime) -> Coexistence:
    """From who is kept by what, and how many moved in the last four weeks. Pure."""
    movable = sum(counts.get(blocker, 0) for blocker in MOVABLE)
    per_week = moved / (_PACE_OVER / timedelta(weeks=1))
    until = now if not movable else None
    if movable and per_week:
        until = now + timedelta(weeks=min(movable / per_week, 5200))
    return Coexistence(movable, sum(counts.values()) - movable, per_week, until)


@dataclass(frozen=True, slots=True)
class OnVersion:
    """Stations on a version (None: never seen), by their profile."""

    version: str | None
    stations: int
    online: int
    by_profile: Mapping[int | None, int]


@dataclass(frozen=True, slots=True)
class ModelOn:
    """One maker's model, and how many of its stations speak which version."""

    vendor: str
    model: str
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MixedFleet:
    """The report: towards `target`, as it was at `at`."""

    at: datetime
    target: OcppVersion
    versions: tuple[OnVersion, ...]
    models: tuple[ModelOn, ...]
    blocked: Mapping[Blocker, int]
    coexistence: Coexistence


@dataclass(frozen=True, slots=True)
class Kept:
    """A station, and what keeps it below the target; None for one that is there."""

    station: str
    blocker: Blocker | None
    version: str | None
    vendor: str
    model: str
    firmware: str
    site: str
    profile: int | None
    online: bool
    last_seen: datetime | None


_SHOWN: tuple[Any, ...] = (
    col(StationRow.ocpp_version), col(StationRow.vendor), col(StationRow.model), col(StationRow.firmware),
    col(StationRow.site), col(StationRow.profile), col(StationRow.online), col(StationRow.last_seen),
)  # fmt: skip


class MixedFleets:
    """Reads only."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def report(self, target: OcppVersion) -> MixedFleet:
        """In numbers."""
        now = self._clock()
        with self._store.reading() as session:
            counts = _blocked(session, target, now)
            return MixedFleet(
                now, target, _versions(session), _models(session), counts,
                forecast(counts, _moved(session, target, now), now),
            )  # fmt: skip

    def stations(self, target: OcppVersion, blocker: Blocker, after: str | None, limit: int) -> list[Kept]:
        """The stations below the target that this keeps, by name."""
        below, row = _below(target, self._clock()), StationRow
        with self._store.reading() as session:
            masks = [mask for mask in _masks(session, below) if blocker_of(Standing(mask)) is blocker]
            query: Any = select(below.c.id, *_SHOWN).join(row, col(row.id) == below.c.id)
            found = query.where(below.c.mask.in_(masks), below.c.id > (after or "")).order_by(below.c.id).limit(limit)
            return [Kept(station, blocker, *rest) for station, *rest in session.exec(found)]

    def every(self, target: OcppVersion) -> Iterator[Kept]:
        """All stations, by name, a portion at a time; nothing keeps those that speak the target or a later version."""
        after = ""
        while found := self._portion(target, after):
            yield from found
            after = found[-1].station

    def _portion(self, target: OcppVersion, after: str) -> list[Kept]:
        below, row = _below(target, self._clock()), StationRow
        query: Any = select(col(row.id), below.c.mask, *_SHOWN).outerjoin(below, below.c.id == col(row.id))
        query = query.where(col(row.id) > after).order_by(col(row.id)).limit(_PORTION)
        with self._store.reading() as session:
            return [
                Kept(station, None if mask is None else blocker_of(Standing(mask)), *rest)
                for station, mask, *rest in session.exec(query)
            ]


def _later(target: OcppVersion) -> list[str]:
    return [version.value for version in _ORDER[_ORDER.index(target) :]]


def _below(target: OcppVersion, now: datetime) -> Subquery:
    """Every station below the target with the number of its bits."""
    row, newer = StationRow, _models_with(target)
    last = (
        select(MigrationRow.state)
        .where(MigrationRow.station == row.id)
        .order_by(col(MigrationRow.id).desc())
        .limit(1)
        .correlate(row)
        .scalar_subquery()
    )
    bits: Sequence[tuple[ColumnElement[bool], int]] = (
        (col(row.profile).is_not(None), Standing.SEEN),
        (col(row.profile) == 0, Standing.PROFILE_0),
        (col(row.hold).is_not(None), Standing.HELD),
        (last.in_([one.value for one in OPEN]), Standing.UNDER_WAY),
        (last == MigrationState.FAILED.value, Standing.FAILED),
        (and_(col(row.online).is_(False), col(row.last_seen) < now - _AWAY), Standing.AWAY),
        (newer.c.vendor.is_not(None), Standing.HAS_NEWER),
    )
    mask: ColumnElement[int] = literal(0)
    for condition, bit in bits:
        mask = mask + case((condition, int(bit)), else_=0)
    not_there = func.coalesce(col(row.ocpp_version), "").not_in(_later(target))
    same = and_(newer.c.vendor == col(row.vendor), newer.c.model == col(row.model))
    query: Any = select(col(row.id), mask.label("mask"))
    found: Subquery = query.outerjoin(newer, same).where(not_there).subquery()
    return found


def _models_with(target: OcppVersion) -> Subquery:
    """Makers' models of which a station speaks the target, or a later version."""
    row = StationRow
    named = (col(row.vendor) != "", col(row.ocpp_version).in_(_later(target)))
    found: Subquery = select(row.vendor, row.model).where(*named).distinct().subquery()
    return found


def _masks(session: Session, below: Subquery) -> Mapping[int, int]:
    query: Any = select(below.c.mask, func.count()).group_by(below.c.mask)
    return {int(mask): number for mask, number in session.exec(query)}


def _blocked(session: Session, target: OcppVersion, now: datetime) -> Mapping[Blocker, int]:
    counts = dict.fromkeys(Blocker, 0)
    for mask, number in _masks(session, _below(target, now)).items():
        counts[blocker_of(Standing(mask))] += number
    return counts


def _versions(session: Session) -> tuple[OnVersion, ...]:
    row = StationRow
    online = func.sum(case((col(row.online).is_(True), 1), else_=0))
    query = select(row.ocpp_version, row.profile, func.count(), online).group_by(
        col(row.ocpp_version), col(row.profile)
    )
    found: dict[str | None, OnVersion] = {}
    for version, profile, number, there in session.exec(query):
        seen = found.get(version, OnVersion(version, 0, 0, {}))
        profiles = {**seen.by_profile, profile: number}
        found[version] = OnVersion(version, seen.stations + number, seen.online + int(there or 0), profiles)
    return tuple(sorted(found.values(), key=lambda one: one.version or ""))


def _models(session: Session) -> tuple[ModelOn, ...]:
    """The most frequent models."""
    row = StationRow
    kind = (col(row.vendor), col(row.model))
    known = (col(row.ocpp_version).is_not(None), col(row.vendor) != "")
    many = select(*kind).where(*known).group_by(*kind).order_by(func.count().desc(), *kind).limit(_MODELS)
    with_versions = select(*kind, col(row.ocpp_version), func.count()).where(*known)
    found: dict[tuple[str, str], dict[str, int]] = {(vendor, model): {} for vendor, model in session.exec(many)}
    for vendor, model, version, number in session.exec(with_versions.group_by(*kind, col(row.ocpp_version))):
        if (vendor, model) in found:
            found[vendor, model][version or ""] = number
    return tuple(ModelOn(vendor, model, versions) for (vendor, model), versions in found.items())


def _moved(session: Session, target: OcppVersion, now: datetime) -> int:
    query = select(func.count()).select_from(MigrationRow).where(
        MigrationRow.state == MigrationState.WELL.value, col(MigrationRow.to_version).in_(_later(target)),
        col(MigrationRow.ended_at) > now - _PACE_OVER,
    )  # fmt: skip
    return session.exec(query).one()

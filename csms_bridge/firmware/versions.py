"""Who runs which version: for those who ask about a release later (CRA, NIS2), and for the fleet as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, case
from sqlmodel import Session, col, func, select

from csms_bridge.firmware.machine import same_version
from csms_bridge.firmware.rows import FirmwareUpdateRow
from csms_bridge.firmware.states import UpdateState
from csms_bridge.tables import StationRow
from pki.firmware_book import OVER, SignedFirmware
from pki.firmware_tables import FirmwareRow
from pki.store import Store


@dataclass(frozen=True, slots=True)
class RunningVersion:
    """A version as stations tell it, how many run it, and the order of the release that it is; empty: none of ours."""

    vendor: str
    model: str
    version: str
    stations: int
    online: int
    firmware: str


@dataclass(frozen=True, slots=True)
class Runner:
    """A station that runs a release: what it told, since when, and the update that brought it, if one of ours did."""

    station: str
    told: str
    since: datetime | None
    online: bool
    update: int | None


class Versions:
    """Counted by the database: a fleet has few versions, however many stations."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_fleet(self) -> list[RunningVersion]:
        """Every version that stations have told, the most widespread first."""
        row = StationRow
        online = func.sum(case((col(row.online), 1), else_=0))
        told: Any = sa.select(col(row.vendor), col(row.model), col(row.firmware), func.count(), online)
        query = told.where(col(row.firmware) != "")
        query = query.group_by(row.vendor, row.model, row.firmware)
        query = query.order_by(func.count().desc(), row.model, row.firmware)
        with self._store.reading() as session:
            releases = session.exec(select(FirmwareRow).where(col(FirmwareRow.state).not_in(OVER))).all()
            return [
                RunningVersion(vendor, model, said, number, here or 0, _release(releases, vendor, model, said))
                for vendor, model, said, number, here in session.execute(query)
            ]

    def runners(self, release: SignedFirmware, after: str | None, limit: int) -> list[Runner]:
        """The stations that run a release, by identity, after the given one."""
        with self._store.reading() as session:
            spellings = self._spellings(session, release)
            if not spellings:
                return []
            query = select(StationRow).where(*_is_model(release), col(StationRow.firmware).in_(spellings))
            if after is not None:
                query = query.where(col(StationRow.id) > after)
            found = session.exec(query.order_by(col(StationRow.id)).limit(limit)).all()
            brought = self._brought(session, release, [row.id for row in found])
            return [Runner(row.id, row.firmware, row.booted_at, row.online, brought.get(row.id)) for row in found]

    def counts(self, release: SignedFirmware) -> tuple[int, dict[str, int]]:
        """How many stations run a release, and its updates by state."""
        with self._store.reading() as session:
            spellings = self._spellings(session, release)
            running = select(func.count()).where(*_is_model(release), col(StationRow.firmware).in_(spellings))
            states = select(FirmwareUpdateRow.state, func.count()).where(*_is_release(release))
            number = session.exec(running).one() if spellings else 0
            return number, dict(session.exec(states.group_by(col(FirmwareUpdateRow.state))).all())

    def _spellings(self, session: Session, release: SignedFirmware) -> list[str]:
        """How stations spell the version."""
        told = session.exec(select(StationRow.firmware).where(*_is_model(release)).distinct())
        return [one for one in told if one and same_version(one, release.version)]

    def _brought(self, session: Session, release: SignedFirmware, stations: Sequence[str]) -> dict[str, int]:
        done = FirmwareUpdateRow.state == UpdateState.DONE.value
        query = select(FirmwareUpdateRow.station, func.max(FirmwareUpdateRow.id)).where(
            *_is_release(release), done, col(FirmwareUpdateRow.station).in_(stations)
        )
        found = session.exec(query.group_by(col(FirmwareUpdateRow.station))).all()
        return {station: number for station, number in found if number is not None}


def _release(releases: Sequence[FirmwareRow], vendor: str, model: str, told: str) -> str:
    """The order of a release; of several, which differ by their scheme, the first."""
    for row in releases:
        names = (row.vendor.casefold(), row.model.casefold()) == (vendor.strip().casefold(), model.strip().casefold())
        if names and same_version(row.version, told):
            return row.id
    return ""


def _is_model(release: SignedFirmware) -> tuple[ColumnElement[bool], ...]:
    return (
        func.lower(StationRow.vendor) == release.vendor.strip().lower(),
        func.lower(StationRow.model) == release.model.strip().lower(),
    )


def _is_release(release: SignedFirmware) -> tuple[ColumnElement[bool], ...]:
    ids = select(FirmwareRow.id).where(
        FirmwareRow.vendor == release.vendor, FirmwareRow.model == release.model, FirmwareRow.version == release.version
    )
    return (col(FirmwareUpdateRow.firmware).in_(ids),)

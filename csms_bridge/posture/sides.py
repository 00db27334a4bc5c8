"""Stations from all sides at once, read for many together: what is on record, what they say, what we certified."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from csms_bridge.charging_book import busy
from csms_bridge.posture.book import PostureBook, ReadingState
from csms_bridge.posture.device_model import DeviceModel, ToldVariable
from csms_bridge.posture.differences import Known
from csms_bridge.posture.schedule import LastReading
from csms_bridge.posture.subjects import (
    BASE_KEYS,
    EXTENSION_KEYS,
    VARIABLES,
    Subject,
    slot_variable,
    slots_in,
    variable_of,
)
from csms_bridge.registry import station_of
from csms_bridge.station import OcppVersion, SecurityProfile, Station
from csms_bridge.tables import StationRow, WalkRow
from csms_bridge.variables import Variable
from pki.authority import Authority, Certificate
from pki.store import Store

_MOST_SLOTS = 10


@dataclass(frozen=True, slots=True)
class OnRecord:
    """A station's row, and what goes on with it now."""

    row: StationRow
    charging: bool
    walking: bool


@dataclass(frozen=True, slots=True)
class Sides:
    """One station from all sides."""

    on_record: OnRecord
    station: Station
    reading: ReadingState
    read_on: SecurityProfile | None
    told: Mapping[Variable, ToldVariable]
    certificate: Certificate | None

    def known(self, organisation: str, tolerance: timedelta) -> Known:
        """What is compared."""
        row, version = self.on_record.row, self.station.ocpp_version or OcppVersion.V16
        said = _said(version, self.told)
        return Known(
            station=self.station,
            organisation=organisation,
            tolerance=tolerance,
            boot_serial=row.boot_serial,
            cipher=row.cipher,
            configured=said,
            room_for_roots=_room_for_roots(version, self.told),
            slots=_slots(said.get(Subject.PRIORITY, ""), self.told),
            chain_length=len(self.certificate.chain_pem) if self.certificate else None,
            extension=self.reading.extension if version is OcppVersion.V16 else None,
            reveals=self.reading.reveals,
            clock_offset=self.reading.clock.offset if self.reading.clock else None,
            walking=self.on_record.walking,
            read_on=self.read_on,
        )


class SideReader:
    """Reads them from the database: a few queries, however many stations."""

    def __init__(self, store: Store, book: PostureBook, model: DeviceModel, authority: Authority) -> None:
        self._store = store
        self._book = book
        self._model = model
        self._authority = authority

    def on_record(self, stations: Collection[str]) -> dict[str, OnRecord]:
        """Those of them that are on record."""
        with self._store.reading() as session:
            rows = session.exec(select(StationRow, busy()).where(col(StationRow.id).in_(stations))).all()
            walking = _walking(session, stations)
        return {row.id: OnRecord(row, bool(charging), row.id in walking) for row, charging in rows}

    def last_readings(self, stations: Sequence[str]) -> Mapping[str, LastReading]:
        """When and how each was read last; those that never were are left out."""
        return {station: last for station, (last, _) in self._book.states(stations).items()}

    def of(self, stations: Collection[str]) -> dict[str, Sides]:
        """Those of them that are on record, from all sides."""
        found = self.on_record(stations)
        readings, told = self._book.states(list(found)), self._told(found.values())
        serials = {one.row.certificate_serial for one in found.values()} - {None}
        certificates = self._authority.certificates_by_serial([serial for serial in serials if serial])
        return {
            station: Sides(
                one,
                station_of(one.row, one.charging),
                *_reading_of(readings, station),
                told.get(station, {}),
                certificates.get(one.row.certificate_serial or ""),
            )
            for station, one in found.items()
        }

    def _told(self, stations: Iterable[OnRecord]) -> dict[str, Mapping[Variable, ToldVariable]]:
        by_version: dict[str | None, list[str]] = {}
        for one in stations:
            by_version.setdefault(one.row.ocpp_version, []).append(one.row.id)
        found: dict[str, Mapping[Variable, ToldVariable]] = {}
        for version, names in by_version.items():
            found |= self._model.of_many(names, looked_at(OcppVersion(version) if version else None))
        return found


def looked_at(version: OcppVersion | None) -> tuple[Variable, ...]:
    """The settings that are compared."""
    if version is None or version is OcppVersion.V16:
        return (*EXTENSION_KEYS, *BASE_KEYS)
    slots = range(_MOST_SLOTS) if version is OcppVersion.V21 else ()
    names = ("SecurityProfile", "OcppCsmsUrl", "OcppInterface")
    return (*VARIABLES, *(slot_variable(slot, name) for slot in slots for name in names))


def _reading_of(
    readings: Mapping[str, tuple[LastReading, ReadingState]], station: str
) -> tuple[ReadingState, SecurityProfile | None]:
    last, state = readings.get(station, (LastReading(), ReadingState()))
    return state, last.profile if last.told_at is not None else None


def _walking(session: Session, stations: Collection[str]) -> set[str]:
    running = select(WalkRow.station).where(col(WalkRow.station).in_(stations), WalkRow.outcome == "running")
    return set(session.exec(running))


def _said(version: OcppVersion, told: Mapping[Variable, ToldVariable]) -> dict[Subject, str]:
    said = {}
    for subject in Subject:
        one = told.get(variable) if (variable := variable_of(subject, version)) else None
        if one is not None and one.value is not None:
            said[subject] = one.value
    return said


def _room_for_roots(version: OcppVersion, told: Mapping[Variable, ToldVariable]) -> int | None:
    one = told.get(variable) if (variable := variable_of(Subject.ROOM_FOR_ROOTS, version)) else None
    if one is None:
        return None
    if version is not OcppVersion.V16:
        highest = one.characteristics.highest if one.characteristics else None
        return None if highest is None else int(highest)
    return int(one.value) if one.value and one.value.isascii() and one.value.isdigit() and len(one.value) < 10 else None


def _slots(priority: str, told: Mapping[Variable, ToldVariable]) -> Mapping[int, str]:
    profiles = {slot: told.get(slot_variable(slot, "SecurityProfile")) for slot in slots_in(priority)}
    return {slot: one.value for slot, one in profiles.items() if one is not None and one.value is not None}

"""The posture of stations: what was observed, what they say of themselves, what is wanted, and where these differ.

Behind the fleet's door. Differences are found when something new is known of a station and are kept, so that the
fleet can be searched for them; one station's page compares anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from csms_bridge.charging_book import is_busy
from csms_bridge.errors import UnknownStation
from csms_bridge.posture.book import PostureBook, ReadingState
from csms_bridge.posture.device_model import DeviceModel, ToldVariable
from csms_bridge.posture.differences import Difference, DifferenceKind, Known, differences_of
from csms_bridge.posture.rows import DifferenceRow, PostureRow
from csms_bridge.posture.schedule import Due, LastReading, Present, next_reading
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
from pki.clock import Clock
from pki.errors import UnknownCertificate
from pki.store import Store

_MOST_SLOTS = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a station."""

    profile: SecurityProfile
    floor: SecurityProfile
    organisation: str
    serial: str
    clock_tolerance: timedelta


@dataclass(frozen=True, slots=True)
class StationPosture:
    """One station from three sides. `configured`: the settings that are looked at, as the station told them last.

    `server_key` is the kind of our certificate that the line was protected with, None where TLS does not tell.
    """

    station: Station
    server_key: str | None
    certificate: Certificate | None
    reading: ReadingState
    configured: tuple[ToldVariable, ...]
    variables: int
    wanted: Wanted
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class DifferingStation:
    """A station with what does not fit, and since when."""

    station: str
    differences: tuple[tuple[Difference, datetime], ...]


@dataclass(frozen=True, slots=True)
class FleetPosture:
    """The fleet in numbers; `by_kind` counts stations by difference, `read` those whose settings were ever told."""

    stations: int
    read: int
    differing: int
    by_kind: Mapping[DifferenceKind, int]


class Postures:
    """Reads and compares; `tolerance` is how far a station's clock may be off."""

    def __init__(
        self, store: Store, book: PostureBook, model: DeviceModel, authority: Authority, clock: Clock,
        *, organisation: str, tolerance: timedelta, age: timedelta,
    ) -> None:  # fmt: skip
        self._store = store
        self._book = book
        self._model = model
        self._authority = authority
        self._clock = clock
        self._organisation = organisation
        self._tolerance = tolerance
        self._age = age

    # --- one station

    def of(self, station: str) -> StationPosture:
        """One station's posture. Raises UnknownStation."""
        with self._store.reading() as session:
            row = session.get(StationRow, station)
            if row is None:
                raise UnknownStation(station)
            about = station_of(row, is_busy(session, station))
            walking = _is_walking(session, station)
        reading = self._book.state(station)
        told = self._model.of(station, _looked_at(about.ocpp_version))
        certificate = self._certificate(row.certificate_serial)
        known = self._known(row, about, reading, told, certificate, walking)
        order = {variable: place for place, variable in enumerate(_looked_at(about.ocpp_version))}
        return StationPosture(
            station=about,
            server_key=server_key(row.tls_version, row.cipher),
            certificate=certificate,
            reading=reading,
            configured=tuple(sorted(told.values(), key=lambda one: order[one.variable])),
            variables=self._model.count(station),
            wanted=Wanted(about.wanted_profile, about.floor, self._organisation, about.serial, self._tolerance),
            differences=tuple(differences_of(known)),
        )

    def ask(self, station: str, whole: bool, by: str) -> ReadingState:
        """Have a station's settings read now, or as soon as it is back; `whole`: all of them. Raises UnknownStation."""
        return self._book.ask(station, whole, by)

    def variables(
        self, station: str, *, search: str = "", after: int | None = None, limit: int = 100
    ) -> list[ToldVariable]:
        """What a station told of its settings. Raises UnknownStation."""
        with self._store.reading() as session:
            if session.get(StationRow, station) is None:
                raise UnknownStation(station)
        return self._model.page(station, search, after, limit)

    # --- the fleet

    def fleet(self) -> FleetPosture:
        """The fleet in numbers."""
        kind = col(DifferenceRow.kind)
        with self._store.reading() as session:
            counted = dict(session.exec(select(DifferenceRow.kind, func.count()).group_by(kind)).all())
            read = select(func.count()).select_from(PostureRow).where(col(PostureRow.told_at).is_not(None))
            return FleetPosture(
                stations=session.exec(select(func.count()).select_from(StationRow)).one(),
                read=session.exec(read).one(),
                differing=session.exec(select(func.count(func.distinct(DifferenceRow.station)))).one(),
                by_kind={one: counted[one] for one in DifferenceKind if one in counted},
            )

    def differing(
        self, *, kind: DifferenceKind | None = None, after: str | None = None, limit: int = 100
    ) -> list[DifferingStation]:
        """Stations with differences, by identity, from `after` on; with `kind` those that have this one."""
        names = select(DifferenceRow.station).distinct().order_by(col(DifferenceRow.station)).limit(limit)
        if kind is not None:
            names = names.where(DifferenceRow.kind == kind.value)
        if after is not None:
            names = names.where(col(DifferenceRow.station) > after)
        with self._store.reading() as session:
            stations = list(session.exec(names))
            rows = session.exec(select(DifferenceRow).where(col(DifferenceRow.station).in_(stations))).all()
        found: dict[str, list[DifferenceRow]] = {station: [] for station in stations}
        for row in rows:
            found[row.station].append(row)
        return [_differing(station, of_it) for station, of_it in found.items()]

    # --- for the rounds

    def look(self, stations: Sequence[str]) -> Mapping[str, Due | None]:
        """When each is due to be read; those that are not on record are left out."""
        states = self._book.states(stations)
        due = {}
        for station in stations:
            with self._store.reading() as session:
                row = session.get(StationRow, station)
                if row is None:
                    continue
                charging, walking = is_busy(session, station), _is_walking(session, station)
            last = states[station][0] if station in states else LastReading()
            present = _present(row, free=not charging and not walking)
            due[station] = None if present is None else next_reading(last, present, self._age, self._clock())
        return due

    def compare(self, stations: Sequence[str]) -> None:
        """Write down where these stations differ; what still differs keeps its beginning."""
        found = {station: self._differences(station) for station in stations}
        now = self._clock()
        with self._store.writing() as session:
            for station, differences in found.items():
                if differences is not None and session.get(StationRow, station) is not None:
                    _write_down(session, station, differences, now)

    def _differences(self, station: str) -> tuple[Difference, ...] | None:
        try:
            return self.of(station).differences
        except UnknownStation:
            return None

    def _certificate(self, serial: str | None) -> Certificate | None:
        try:
            return self._authority.certificate(serial) if serial else None
        except UnknownCertificate:
            return None

    def _known(
        self, row: StationRow, about: Station, reading: ReadingState, told: Mapping[Variable, ToldVariable],
        certificate: Certificate | None, walking: bool,
    ) -> Known:  # fmt: skip
        version = about.ocpp_version or OcppVersion.V16
        said = {}
        for subject in Subject:
            one = told.get(variable) if (variable := variable_of(subject, version)) else None
            if one is not None and one.value is not None:
                said[subject] = one.value
        return Known(
            station=about,
            organisation=self._organisation,
            tolerance=self._tolerance,
            boot_serial=row.boot_serial,
            cipher=row.cipher,
            configured=said,
            room_for_roots=_room_for_roots(version, told),
            slots=_slots(said.get(Subject.PRIORITY, ""), told),
            chain_length=len(certificate.chain_pem) if certificate else None,
            extension=reading.extension if version is OcppVersion.V16 else None,
            reveals=reading.reveals,
            clock_offset=reading.clock.offset if reading.clock else None,
            walking=walking,
        )


def server_key(tls_version: str | None, cipher: str | None) -> str | None:
    """Which of our two certificates the line was protected with: TLS 1.2 names it in the suite, 1.3 does not."""
    if cipher is None or tls_version == "TLSv1.3":
        return None
    return "EC" if "ECDSA" in cipher else "RSA"


def _looked_at(version: OcppVersion | None) -> tuple[Variable, ...]:
    if version is None or version is OcppVersion.V16:
        return (*EXTENSION_KEYS, *BASE_KEYS)
    slots = range(_MOST_SLOTS) if version is OcppVersion.V21 else ()
    names = ("SecurityProfile", "OcppCsmsUrl", "OcppInterface")
    return (*VARIABLES, *(slot_variable(slot, name) for slot in slots for name in names))


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


def _present(row: StationRow, *, free: bool) -> Present | None:
    """None while it was never seen on a version and a profile."""
    if row.ocpp_version is None or row.profile is None:
        return None
    return Present(
        online=row.online,
        accepted=row.booted_at is not None,
        quiet=row.quiet,
        free=free,
        firmware=row.firmware,
        version=OcppVersion(row.ocpp_version),
        profile=SecurityProfile(row.profile),
    )


def _is_walking(session: Session, station: str) -> bool:
    running = select(WalkRow.id).where(WalkRow.station == station, WalkRow.outcome == "running")
    return session.exec(running.limit(1)).first() is not None


def _write_down(session: Session, station: str, differences: Sequence[Difference], now: datetime) -> None:
    rows = {row.kind: row for row in session.exec(select(DifferenceRow).where(DifferenceRow.station == station))}
    for difference in differences:
        row = rows.pop(difference.kind, None) or DifferenceRow(
            station=station, kind=difference.kind, sentence="", next_act="", since=now
        )
        row.sentence, row.next_act = difference.sentence, difference.next_act
        session.add(row)
    for gone in rows.values():
        session.delete(gone)


def _differing(station: str, rows: Sequence[DifferenceRow]) -> DifferingStation:
    gravest_first = sorted(rows, key=lambda row: list(DifferenceKind).index(DifferenceKind(row.kind)))
    return DifferingStation(
        station,
        tuple((Difference(DifferenceKind(r.kind), r.sentence, r.next_act), r.since) for r in gravest_first),
    )

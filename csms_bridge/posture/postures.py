"""The posture of stations: what was observed, what they say of themselves, what is wanted, and where these differ.

Behind the fleet's door. Differences are found when something new is known of a station and are kept, so that the
fleet can be searched for them; one station's page compares anew.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from csms_bridge.errors import UnknownStation
from csms_bridge.posture.book import PostureBook, ReadingState
from csms_bridge.posture.device_model import DeviceModel, ToldVariable
from csms_bridge.posture.differences import Difference, DifferenceKind, differences_of
from csms_bridge.posture.rows import DifferenceRow, PostureRow
from csms_bridge.posture.schedule import Due, LastReading, Present, next_reading
from csms_bridge.posture.sides import SideReader, Sides, looked_at
from csms_bridge.station import OcppVersion, SecurityProfile, Station
from csms_bridge.tables import StationRow
from pki.authority import Authority, Certificate
from pki.clock import Clock
from pki.store import Store


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
        self._sides = SideReader(store, book, model, authority)
        self._model = model
        self._clock = clock
        self._organisation = organisation
        self._tolerance = tolerance
        self._age = age

    # --- one station

    def of(self, station: str) -> StationPosture:
        """One station's posture. Raises UnknownStation."""
        sides = self._sides.of([station]).get(station)
        if sides is None:
            raise UnknownStation(station)
        row, about = sides.on_record.row, sides.station
        order = {variable: place for place, variable in enumerate(looked_at(about.ocpp_version))}
        return StationPosture(
            station=about,
            server_key=server_key(row.tls_version, row.cipher),
            certificate=sides.certificate,
            reading=sides.reading,
            configured=tuple(sorted(sides.told.values(), key=lambda one: order[one.variable])),
            variables=self._model.count(station),
            wanted=Wanted(about.wanted_profile, about.floor, self._organisation, about.serial, self._tolerance),
            differences=self._differences(sides),
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
        last, now = self._sides.last_readings(stations), self._clock()
        due = {}
        for station, one in self._sides.on_record(stations).items():
            present = _present(one.row, free=not one.charging and not one.walking)
            reading = last.get(station, LastReading())
            due[station] = None if present is None else next_reading(reading, present, self._age, now)
        return due

    def compare(self, stations: Sequence[str]) -> None:
        """Write down where these stations differ; what still differs keeps its beginning.

        Mostly nothing is new, as when a fleet comes back after a restart: then nothing is written.
        """
        found = {station: self._differences(sides) for station, sides in self._sides.of(stations).items()}
        with self._store.reading() as session:
            noted = _noted(session, found)
        changed = {station: now for station, now in found.items() if set(now) != noted.get(station, set())}
        if not changed:
            return
        now = self._clock()
        with self._store.writing() as session:
            known = session.exec(select(StationRow.id).where(col(StationRow.id).in_(changed)))
            for station in known.all():
                _write_down(session, station, changed[station], now)

    def _differences(self, sides: Sides) -> tuple[Difference, ...]:
        return tuple(differences_of(sides.known(self._organisation, self._tolerance)))


def server_key(tls_version: str | None, cipher: str | None) -> str | None:
    """Which of our two certificates the line was protected with: TLS 1.2 names it in the suite, 1.3 does not."""
    if cipher is None or tls_version == "TLSv1.3":
        return None
    return "EC" if "ECDSA" in cipher else "RSA"


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


def _noted(session: Session, stations: Collection[str]) -> dict[str, set[Difference]]:
    noted: dict[str, set[Difference]] = {}
    for row in session.exec(select(DifferenceRow).where(col(DifferenceRow.station).in_(stations))):
        noted.setdefault(row.station, set()).add(_difference_of(row))
    return noted


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
        tuple((_difference_of(row), row.since) for row in gravest_first),
    )


def _difference_of(row: DifferenceRow) -> Difference:
    return Difference(DifferenceKind(row.kind), row.sentence, row.next_act)

"""What stations told of their settings, in the database: a row for each value.

A station decides itself how much it tells, so the rows and octets of each are bounded; what is beyond is dropped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, or_
from sqlmodel import Session, col, select

from csms_bridge.posture.rows import VariableRow
from csms_bridge.posture.subjects import shown
from csms_bridge.posture.told_values import (
    COUNTED,
    KEY,
    ROW,
    Address,
    address_of,
    attribute_of,
    can_be_kept,
    characteristics_of,
    octets,
    reveals,
    told_fields,
    variable_of,
)
from csms_bridge.tables import StationRow
from csms_bridge.variables import Attribute, Characteristics, Reading, Variable
from pki.clock import Clock
from pki.store import Store


class Source(StrEnum):
    """By which message a value was told."""

    KEYS = "keys"
    VALUES = "values"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class ToldVariable:
    """One value as a station told it last. `id` orders a list; `value` is None where it told none or it is a secret."""

    id: int
    variable: Variable
    attribute: Attribute
    value: str | None
    words: str
    mutability: str
    characteristics: Characteristics | None
    source: Source
    read_at: datetime

    @property
    def name(self) -> str:
        """Component, place and name in one."""
        return shown(self.variable)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some readings: how many were dropped, and the names of those that told a secret."""

    dropped: int = 0
    revealed: tuple[str, ...] = ()

    def joined(self, other: "Taken") -> "Taken":
        """Both together."""
        return Taken(self.dropped + other.dropped, tuple(sorted({*self.revealed, *other.revealed})))


class DeviceModel:
    """Settings in the database. `most_rows` and `most_octets` are of one station."""

    def __init__(self, store: Store, clock: Clock, most_rows: int, most_octets: int) -> None:
        self._store = store
        self._clock = clock
        self._most_rows = most_rows
        self._most_octets = most_octets

    def take(self, station: str, readings: Sequence[Reading], source: Source) -> Taken:
        """Write down what a station told; of a station that is not on record, nothing."""
        told = {address_of(reading): reading for reading in readings if can_be_kept(reading.variable)}
        revealed = tuple(sorted({shown(reading.variable) for reading in told.values() if reveals(reading)}))
        now = self._clock()
        with self._store.writing() as session:
            if not told or session.get(StationRow, station) is None:
                return Taken(len(readings) - len(told), revealed)
            room = self._room(session, station)
            known = _known(session, station, told)
            for address, reading in told.items():
                fields = told_fields(reading, source, now)
                row = known.get(address)
                told_before = {} if row is None else row.model_dump()
                if room.take(octets(told_before) if row else 0, octets({**told_before, **fields})):
                    row = row or VariableRow(station=station, **dict(zip(KEY, address, strict=True)))  # type: ignore[arg-type]
                    row.sqlmodel_update(dict(fields))
                    session.add(row)
            return Taken(len(readings) - len(told) + room.dropped, revealed)

    def moment(self) -> datetime:
        """Now, as rows are stamped."""
        return self._clock()

    def forget_older(self, station: str, source: Source, moment: datetime) -> None:
        """Everything has been told again since `moment`: what was not is not there any more."""
        old = (col(VariableRow.source) == source, col(VariableRow.read_at) < moment)
        with self._store.writing() as session:
            session.execute(delete(VariableRow).where(col(VariableRow.station) == station, *old))

    def page(self, station: str, search: str, after: int | None, limit: int) -> list[ToldVariable]:
        """A station's settings in the order in which it told them first; `search` looks into names and values."""
        query = select(VariableRow).where(VariableRow.station == station).order_by(col(VariableRow.id)).limit(limit)
        if after is not None:
            query = query.where(col(VariableRow.id) > after)
        for word in search.split():
            columns = (VariableRow.component, VariableRow.name, VariableRow.instance, VariableRow.value)
            query = query.where(or_(*(col(column).icontains(word, autoescape=True) for column in columns)))
        with self._store.reading() as session:
            return [told_variable_of(row) for row in session.exec(query)]

    def of(self, station: str, variables: Iterable[Variable]) -> Mapping[Variable, ToldVariable]:
        """What a station told of these settings; those that it never told of are left out."""
        return self.of_many([station], variables).get(station, {})

    def of_many(
        self, stations: Sequence[str], variables: Iterable[Variable]
    ) -> Mapping[str, Mapping[Variable, ToldVariable]]:
        """The same for several stations."""
        wanted = set(variables)
        query = select(VariableRow).where(
            col(VariableRow.station).in_(stations),
            col(VariableRow.name).in_({variable.name for variable in wanted}),
            VariableRow.attribute == Attribute.ACTUAL.value,
        )
        found: dict[str, dict[Variable, ToldVariable]] = {}
        with self._store.reading() as session:
            for row in session.exec(query):
                if variable_of(row) in wanted:
                    found.setdefault(row.station, {})[variable_of(row)] = told_variable_of(row)
        return found

    def count(self, station: str) -> int:
        """How many values there are of a station."""
        with self._store.reading() as session:
            return _used(session, station)[0]

    def _room(self, session: Session, station: str) -> "_Room":
        rows, used = _used(session, station)
        return _Room(self._most_rows - rows, self._most_octets - used)


@dataclass(slots=True)
class _Room:
    """What is left for a station while its rows are written."""

    rows: int
    octets: int
    dropped: int = 0

    def take(self, before: int, after: int) -> bool:
        """Whether a row may grow from `before` octets (0: it is new) to `after`."""
        if (before == 0 and self.rows <= 0) or (after > before and after - before > self.octets):
            self.dropped += 1
            return False
        self.rows -= before == 0
        self.octets -= after - before
        return True


def told_variable_of(row: VariableRow) -> ToldVariable:
    """The domain object of a row."""
    return ToldVariable(
        id=row.id or 0,
        variable=variable_of(row),
        attribute=attribute_of(row),
        value=row.value,
        words=row.words,
        mutability=row.mutability,
        characteristics=characteristics_of(row),
        source=Source(row.source),
        read_at=row.read_at,
    )


def _known(session: Session, station: str, told: Iterable[Address]) -> dict[Address, VariableRow]:
    names = {address[1] for address in told}
    query = select(VariableRow).where(VariableRow.station == station, col(VariableRow.name).in_(names))
    return {_address(row): row for row in session.exec(query)}


def _address(row: VariableRow) -> Address:
    return (
        row.component, row.name, row.instance, row.variable_instance, row.evse, row.connector, row.attribute,
    )  # fmt: skip


def _used(session: Session, station: str) -> tuple[int, int]:
    """Rows and octets, as `octets` counts them."""
    sizes = [func.coalesce(func.length(col(getattr(VariableRow, name))), 0) for name in COUNTED]
    query = select(func.count(), func.sum(sum(sizes[1:], sizes[0]))).where(VariableRow.station == station)
    rows, used = session.exec(query).one()
    return rows, rows * ROW + int(used or 0)

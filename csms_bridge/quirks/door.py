"""The quirk book of this fleet: the shipped rows with the operator's on top, kept in the database.

A walk keeps what it began with (`quirks.spell`), so that a change of the book changes no walk under way.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import QuirkRefused, UnknownQuirk, UnknownStation
from csms_bridge.quirks.book import Explanation, QuirkBook, shipped_rows
from csms_bridge.quirks.quirks import USUAL, Quirks
from csms_bridge.quirks.reading import MOST, read_row, read_rows
from csms_bridge.quirks.rows import Origin, QuirkRow
from csms_bridge.quirks.tables import OwnQuirkRow
from csms_bridge.tables import StationRow
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

log = structlog.get_logger(__name__)

FRESH = timedelta(seconds=5)
"""How long this process goes by the rows that it read; another node's change counts from then on."""


@dataclass(frozen=True, slots=True)
class OwnRow:
    """A row of the operator's. `row` is None when this program cannot read it any more, `fault` says why."""

    name: str
    row: QuirkRow | None
    changed_by: str
    changed_at: datetime
    fault: str = ""


class StationQuirks:
    """Looks up, lists, adds and removes."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock
        self._book: tuple[datetime, QuirkBook] | None = None

    # --- what is odd about a station

    def of(self, vendor: str, model: str, firmware: str) -> Quirks:
        """What is odd about a station that says this of itself in its BootNotification."""
        return self.book().of(vendor, model, firmware)

    def of_station(self, station: str) -> Quirks:
        """What is odd about a station, by its last BootNotification; one that never booted is taken as usual."""
        return self.of_stations([station])[station]

    def of_stations(self, stations: Sequence[str]) -> dict[str, Quirks]:
        """The same for many at once; one that is not registered is taken as usual."""
        kind = select(StationRow.id, StationRow.vendor, StationRow.model, StationRow.firmware)
        with self._store.reading() as session:
            found = session.exec(kind.where(col(StationRow.id).in_(stations))).all()
        book = self.book()
        kinds = {said: book.of(*said) for said in {(vendor, model, fw) for _, vendor, model, fw in found}}
        return dict.fromkeys(stations, USUAL) | {one: kinds[vendor, model, fw] for one, vendor, model, fw in found}

    def in_session(self, session: Session, station: StationRow) -> Quirks:
        """The same in the caller's transaction, by the station's row."""
        return self._book_in(session).of(station.vendor, station.model, station.firmware)

    def explain(self, vendor: str, model: str, firmware: str) -> Explanation:
        """Which rows are about a station of this kind, and what comes of them."""
        return self.book().explain(vendor, model, firmware)

    def explain_station(self, station: str) -> Explanation:
        """The same for a station as it named itself. Raises UnknownStation."""
        with self._store.reading() as session:
            row = session.get(StationRow, station)
        if row is None:
            raise UnknownStation(station)
        return self.explain(row.vendor, row.model, row.firmware)

    def book(self) -> QuirkBook:
        """The book as it was a few seconds ago at most."""
        if (fresh := self._fresh()) is not None:
            return fresh
        with self._store.reading() as session:
            return self._book_in(session)

    def _book_in(self, session: Session) -> QuirkBook:
        if (fresh := self._fresh()) is not None:
            return fresh
        book = QuirkBook([own.row for own in _own_rows(session) if own.row is not None])
        self._book = self._clock(), book
        return book

    def _fresh(self) -> QuirkBook | None:
        if self._book is None or not timedelta() <= self._clock() - self._book[0] < FRESH:
            return None
        return self._book[1]

    def shipped(self) -> tuple[QuirkRow, ...]:
        """The rows that come with the program."""
        return shipped_rows()

    # --- the operator's rows

    def own_rows(self) -> list[OwnRow]:
        """The operator's rows, by name."""
        with self._store.reading() as session:
            return _own_rows(session)

    def put(self, tables: Sequence[object], by: str, reason: str = "") -> list[OwnRow]:
        """Add rows, or change those of the same name: all or none. Raises QuirkRefused."""
        rows = read_rows(tables, Origin.OPERATOR)
        QuirkBook(rows)
        now = self._clock()
        with self._store.writing() as session:
            stored = [self.put_in(session, table, by, reason, now) for table in tables]
            if len(session.exec(select(OwnQuirkRow.name)).all()) > MOST:
                raise QuirkRefused("file", "row", f"there would be more than {MOST} rows of yours")
        self._book = None
        return stored

    def put_in(self, session: Session, table: object, by: str, reason: str, now: datetime) -> OwnRow:
        """Write one row, which was read before, and its audit record in this transaction."""
        row = read_row(table, Origin.OPERATOR)
        spelt = json.dumps(table, sort_keys=True, default=str)
        stored = session.merge(OwnQuirkRow(name=row.name, row=spelt, changed_by=by, changed_at=now))
        self._trail.record(
            session, FleetAct.QUIRK_PUT, by=by, kind="quirk", thing=row.name, reason=reason, now=now,
            details={"row": spelt},
        )  # fmt: skip
        return _read(stored)

    def remove(self, name: str, by: str, reason: str = "") -> None:
        """Take a row of the operator's out of the book. Raises UnknownQuirk."""
        with self._store.writing() as session:
            row = session.get(OwnQuirkRow, name)
            if row is None:
                raise UnknownQuirk(name)
            session.delete(row)
            self._trail.record(
                session, FleetAct.QUIRK_REMOVED, by=by, kind="quirk", thing=name, reason=reason, now=self._clock(),
                details={"row": row.row},
            )  # fmt: skip
        self._book = None

    def forget_book(self) -> None:
        """Read the rows anew next time."""
        self._book = None


def _own_rows(session: Session) -> list[OwnRow]:
    return [_read(row) for row in session.exec(select(OwnQuirkRow).order_by(col(OwnQuirkRow.name)))]


def _read(stored: OwnQuirkRow) -> OwnRow:
    """A row that a later program cannot read must not stop the fleet: it is left out, and shown with what is wrong."""
    try:
        table: Mapping[str, Any] = json.loads(stored.row)
        row = read_row(table, Origin.OPERATOR)
        QuirkBook([row])
    except QuirkRefused as fault:
        log.warning("quirk_row_not_read", row=stored.name, why=fault.sentence)
        return OwnRow(stored.name, None, stored.changed_by, stored.changed_at, fault.sentence)
    return OwnRow(stored.name, row, stored.changed_by, stored.changed_at)

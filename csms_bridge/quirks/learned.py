"""What stations taught, by vendor, model and firmware: kept with counts, proposed as rows, never applied by itself."""

import glob
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import UnknownQuirk
from csms_bridge.quirks.door import OwnRow, StationQuirks
from csms_bridge.quirks.lessons import lessons
from csms_bridge.quirks.tables import LearnedQuirkRow
from csms_bridge.quirks.versions import Firmware
from csms_bridge.tables import StationRow
from csms_bridge.walks.steps import Progress, Walk
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store, hold_lock

MOST = 5_000
"""Lessons that are kept; stations choose what they call themselves, so there has to be an end."""
_NAMED = 20
"""Stations that are named with a lesson."""
ACCEPTED, DISMISSED = "accepted", "dismissed"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What stations of one kind showed. `settled` is empty while it is a proposal, else accepted or dismissed."""

    id: int
    vendor: str
    model: str
    firmware: str
    key: str
    value: Any
    times: int
    stations: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    settled: str

    @property
    def row(self) -> dict[str, Any]:
        """The row that it speaks for, as the book takes it."""
        named = f"{len(self.stations)} station(s), {self.stations[-1]} last on {self.last_at:%Y-%m-%d}"
        table = {"name": f"learned-{self.id}", "source": f"learned from {named}", "confidence": "seen"}
        kind = {"vendor": glob.escape(self.vendor), "model": glob.escape(self.model), "firmware": _range(self.firmware)}
        return {**table, **{key: text for key, text in kind.items() if text}, "quirks": {self.key: self.value}}


class LearnedQuirks:
    """Notes, lists, accepts and dismisses."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock, book: StationQuirks) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock
        self._book = book

    def note(self, session: Session, station: str, found: Mapping[str, Any], now: datetime) -> None:
        """Write down what one station showed, in the transaction that it showed it in."""
        row = session.get(StationRow, station) if found else None
        if row is None or not row.vendor or not row.model:
            return
        hold_lock(session, "learned-quirks")  # two nodes may learn the same at once
        for key, value in found.items():
            self._note(session, row, key, json.dumps(value), now)

    def from_walk(
        self, session: Session, station: str, walk: Walk, before: Progress, after: Progress, now: datetime
    ) -> None:
        """Write down what one move of a walk teaches."""
        self.note(session, station, lessons(walk, before, after), now)

    def _note(self, session: Session, station: StationRow, key: str, value: str, now: datetime) -> None:
        said = (station.vendor, station.model, station.firmware, key, value)
        kind = hashlib.sha256(json.dumps(said).encode()).hexdigest()
        known = session.exec(select(LearnedQuirkRow).where(LearnedQuirkRow.kind == kind)).first()
        if known is None:
            if session.exec(select(func.count()).select_from(LearnedQuirkRow)).one() >= MOST:
                return
            vendor, model, firmware, *_ = said
            known = LearnedQuirkRow(
                kind=kind, vendor=vendor, model=model, firmware=firmware, key=key, value=value, times=0,
                stations="[]", first_at=now, last_at=now,
            )  # fmt: skip
        others = [one for one in json.loads(known.stations) if one != station.id]
        known.stations = json.dumps([*others, station.id][-_NAMED:])
        known.times, known.last_at = known.times + 1, now
        session.add(known)

    def page(self, *, every: bool = False, after: int | None = None, limit: int = 100) -> list[Lesson]:
        """Proposals, the newest lesson first; with `every` those that were accepted or dismissed as well."""
        query = select(LearnedQuirkRow).order_by(col(LearnedQuirkRow.id).desc()).limit(limit)
        if not every:
            query = query.where(LearnedQuirkRow.settled == "")
        if after is not None:
            query = query.where(col(LearnedQuirkRow.id) < after)
        with self._store.reading() as session:
            return [_lesson(row) for row in session.exec(query)]

    def accept(self, lesson: int, by: str, reason: str = "") -> OwnRow:
        """Make it a row of the operator's. Raises UnknownQuirk, and QuirkRefused for a name that no row can hold."""
        with self._store.writing() as session:
            row = _open(session, lesson)
            own = self._book.put_in(session, _lesson(row).row, by, reason or row.key, self._clock())
            row.settled = ACCEPTED
            session.add(row)
        self._book.forget_book()
        return own

    def dismiss(self, lesson: int, by: str, reason: str = "") -> Lesson:
        """Propose it no more; it goes on being counted. Raises UnknownQuirk."""
        with self._store.writing() as session:
            row = _open(session, lesson)
            row.settled = DISMISSED
            session.add(row)
            self._trail.record(
                session, FleetAct.QUIRK_DISMISSED, by=by, kind="quirk", thing=f"learned-{lesson}", reason=reason,
                now=self._clock(), details={"row": json.dumps(_lesson(row).row, sort_keys=True)},
            )  # fmt: skip
            return _lesson(row)


def _open(session: Session, lesson: int) -> LearnedQuirkRow:
    row = session.get(LearnedQuirkRow, lesson, populate_existing=True)
    if row is None or row.settled:
        raise UnknownQuirk(f"learned-{lesson}")
    return row


def _range(firmware: str) -> str:
    """Exactly this version; one that cannot be compared is meant by its letters."""
    if not firmware:
        return ""
    try:
        return Firmware(firmware).text
    except ValueError:
        return f"{glob.escape(firmware)}*"


def _lesson(row: LearnedQuirkRow) -> Lesson:
    return Lesson(
        row.id or 0, row.vendor, row.model, row.firmware, row.key, json.loads(row.value), row.times,
        tuple(json.loads(row.stations)), row.first_at, row.last_at, row.settled,
    )  # fmt: skip

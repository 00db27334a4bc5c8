"""Readings of stations' settings as a whole, in the database: asked for, begun, ended, and what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import UnknownStation
from csms_bridge.posture.clock_offset import ClockOffset
from csms_bridge.posture.rows import PostureRow
from csms_bridge.posture.schedule import Due, LastReading
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

_LONGEST_WORDS = 500


class Outcome(StrEnum):
    """How a reading ended."""

    WHOLE = "whole"
    """Everything that was asked was told, or is unknown to the station."""
    PART = "part"
    """Something is missing, and asking again soon would bring the same."""
    FAILED = "failed"
    """The station kept silent or refused: it is asked again later."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a reading. `extension` and `report` are None where the reading did not find out."""

    outcome: Outcome
    words: str = ""
    whole: bool = False
    extension: bool | None = None
    report: str | None = None
    revealed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadingState:
    """The last reading of a station's settings, for people. `told_at`: when one last brought something.

    `report` says what was wrong with the last whole report, which came at `report_at`.
    """

    asked_at: datetime | None = None
    asked_by: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    told_at: datetime | None = None
    tries: int = 0
    why: str = ""
    outcome: Outcome | None = None
    words: str = ""
    extension: bool | None = None
    report: str = ""
    report_at: datetime | None = None
    reveals: tuple[str, ...] = ()
    clock: ClockOffset | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether one was begun and has not ended; one whose process died stays so until the next."""
        return self.began_at is not None and (self.ended_at is None or self.ended_at < self.began_at)


class PostureBook:
    """One row for each station whose settings were ever asked for, or whose clock was ever heard."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock, node: str) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock
        self._node = node

    def ask(self, station: str, whole: bool, by: str) -> ReadingState:
        """Have a station's settings read now, or as soon as it is back. Raises UnknownStation."""
        now = self._clock()
        with self._store.writing() as session:
            if session.get(StationRow, station) is None:
                raise UnknownStation(station)
            row = _row(session, station)
            row.asked_whole = whole or (row.asked_at is not None and row.asked_whole)
            row.asked_at, row.asked_by = now, by
            session.add(row)
            self._trail.record(
                session, FleetAct.SETTINGS_ASKED, by=by, kind="station", thing=station, now=now,
                details={"whole": whole},
            )  # fmt: skip
            return state_of(row)

    def asked(self, limit: int) -> list[str]:
        """Stations that are connected to this node and that somebody wants read."""
        query = (
            select(PostureRow.station)
            .join(StationRow, col(StationRow.id) == col(PostureRow.station))
            .where(col(PostureRow.asked_at).is_not(None), col(StationRow.online), StationRow.node == self._node)
            .order_by(col(PostureRow.asked_at))
            .limit(limit)
        )
        with self._store.reading() as session:
            return list(session.exec(query))

    def begin(self, station: str, due: Due) -> None:
        """A reading begins; it counts as failed until its end is known. Nothing for one that is not on record."""
        with self._store.writing() as session:
            if session.get(StationRow, station) is None:
                return
            row = _row(session, station)
            row.began_at, row.why, row.asked_at = self._clock(), due.why, None
            row.tries += 1
            session.add(row)

    def end(self, station: str, result: Result) -> None:
        """A reading ended. What it did not find out stays as it was known."""
        now = self._clock()
        with self._store.writing() as session:
            row, about = session.get(PostureRow, station), session.get(StationRow, station)
            if row is None or about is None:
                return
            row.outcome, row.words, row.ended_at = result.outcome, result.words[:_LONGEST_WORDS], now
            row.extension = row.extension if result.extension is None else result.extension
            if result.report is not None:
                row.report, row.report_at = result.report[:_LONGEST_WORDS], now
            row.reveals = _joined(row.reveals, result)
            if result.outcome is not Outcome.FAILED:
                row.told_at, row.tries = now, 0
                row.firmware, row.ocpp_version, row.profile = about.firmware, about.ocpp_version, about.profile
            about.updated_at = now  # the live pages look for it
            session.add_all((row, about))

    def note_clocks(self, news: Mapping[str, ClockOffset]) -> None:
        """How far clocks are off, of many stations at once; those that are not on record are left out."""
        with self._store.writing() as session:
            for station, found in news.items():
                if session.get(StationRow, station) is None:
                    continue
                row = _row(session, station)
                row.clock_offset, row.clock_at = found.offset.total_seconds(), found.measured_at
                session.add(row)

    def state(self, station: str) -> ReadingState:
        """The last reading of one station."""
        with self._store.reading() as session:
            return state_of(_row(session, station))

    def states(self, stations: Sequence[str]) -> Mapping[str, tuple[LastReading, ReadingState]]:
        """The last readings of several; those that were never read are left out."""
        with self._store.reading() as session:
            rows = session.exec(select(PostureRow).where(col(PostureRow.station).in_(stations)))
            return {row.station: (last_reading_of(row), state_of(row)) for row in rows}


def state_of(row: PostureRow) -> ReadingState:
    """The domain object of a row."""
    clock = None
    if row.clock_offset is not None and row.clock_at is not None:
        clock = ClockOffset(timedelta(seconds=row.clock_offset), row.clock_at)
    return ReadingState(
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        began_at=row.began_at,
        ended_at=row.ended_at,
        told_at=row.told_at,
        tries=row.tries,
        why=row.why,
        outcome=Outcome(row.outcome) if row.outcome else None,
        words=row.words,
        extension=row.extension,
        report=row.report,
        report_at=row.report_at,
        reveals=tuple(row.reveals.split(", ")) if row.reveals else (),
        clock=clock,
    )


def last_reading_of(row: PostureRow) -> LastReading:
    """The same for the schedule."""
    return LastReading(
        began_at=row.began_at,
        told_at=row.told_at,
        tries=row.tries,
        firmware=row.firmware,
        version=OcppVersion(row.ocpp_version) if row.ocpp_version else None,
        profile=None if row.profile is None else SecurityProfile(row.profile),
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        asked_whole=row.asked_whole,
    )


def _row(session: Session, station: str) -> PostureRow:
    return session.get(PostureRow, station) or PostureRow(station=station)


def _joined(before: str, result: Result) -> str:
    """A secret that was told once is not forgiven by a reading that did not ask for it."""
    known = set() if result.whole and result.outcome is Outcome.WHOLE else {*before.split(", ")} - {""}
    return ", ".join(sorted(known | set(result.revealed)))[:_LONGEST_WORDS]

"""Security events as stations tell them (A04): written down once each, and raised as alarms where a person should look.

A station tells an event again when our answer was lost, tells many of a kind in a burst, and may be somebody who wants
to bury us. So an event is a row that counts, and what one station can add in an hour is bounded: every name OCPP
lists, and all other names together, get `_ROWS_AN_HOUR` rows; what comes after is counted on the newest of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.event_severity import EventSeverity
from csms_bridge.events import SecurityEventTold
from csms_bridge.security_vocabulary import ALARMING, LONGEST_INFO, ClockFit, canonical, clock_fit, severity_of
from csms_bridge.station import SecurityEvent
from csms_bridge.tables import SecurityEventRow
from pki.alarms import AlarmKind, Alarms, Severity
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store, hold_lock

_ROWS_AN_HOUR = 10
_HOUR = timedelta(hours=1)
_BURST = timedelta(minutes=10)
"""Events of one name that say the same, and happened no further apart, are one row."""
_LOOKED_AT = 300  # a station's newest rows; more than it can add in an hour
_ALARMS_OF_A_TYPE = 20
"""So many stations get an alarm of their own for one type; the others share one."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; `type` may be spelt in any version's way, `since` is our own clock."""

    station: str | None = None
    severity: EventSeverity | None = None
    type: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Heard:
    """An event as it will be kept."""

    station: str
    type: str
    told: str
    severity: EventSeverity
    at: datetime
    clock: ClockFit
    info: str


class SecurityEvents:
    """Security events in the database."""

    def __init__(self, store: Store, trail: AuditTrail, alarms: Alarms, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._alarms = alarms
        self._clock = clock

    def record(self, station: str, told: SecurityEventTold) -> SecurityEvent:
        """Write an event down, or count it on the row that says the same. An unreadable time becomes ours."""
        now = self._clock()
        heard = _heard(station, told, now)
        with self._store.writing() as session:
            hold_lock(session, f"security events of {station}")
            row = _same(self._newest(session, station), heard, now)
            is_new = row is None
            row = _row(heard, now) if row is None else _counted(row, heard, now)
            session.add(row)
            session.flush()
            if is_new:
                details = {"event": row.id, "type": heard.type, "severity": heard.severity, "tech_info": heard.info}
                self._trail.record(
                    session, FleetAct.SECURITY_EVENT, by=f"station:{station}", kind="station", thing=station,
                    details=details, now=now,
                )  # fmt: skip
            event = security_event_of(row)
        if is_new and heard.type in ALARMING:
            self._raise(heard)
        return event

    def page(self, wanted: EventFilter, before: int | None, limit: int) -> list[SecurityEvent]:
        """The newest first, from below the id `before`."""
        query = select(SecurityEventRow).order_by(col(SecurityEventRow.id).desc()).limit(limit)
        if wanted.station is not None:
            query = query.where(SecurityEventRow.station == wanted.station)
        if wanted.severity is not None:
            query = query.where(SecurityEventRow.severity == wanted.severity)
        if wanted.type is not None:
            query = query.where(SecurityEventRow.type == canonical(wanted.type))
        if wanted.since is not None:
            query = query.where(col(SecurityEventRow.last_received_at) >= wanted.since)
        if before is not None:
            query = query.where(col(SecurityEventRow.id) < before)
        with self._store.reading() as session:
            return [security_event_of(row) for row in session.exec(query)]

    def _newest(self, session: Session, station: str) -> Sequence[SecurityEventRow]:
        query = select(SecurityEventRow).where(SecurityEventRow.station == station)
        return session.exec(query.order_by(col(SecurityEventRow.id).desc()).limit(_LOOKED_AT)).all()

    def _raise(self, heard: _Heard) -> None:
        """One alarm for each station and type, until too many stations say the same: then one for all of them."""
        words = f"station {heard.station!r} reports {heard.type}"
        sentence = f"{words}: {heard.info}" if heard.info else words
        thing = f"{heard.station} {heard.type}"
        alike = [
            one.thing for one in self._alarms.open_of(AlarmKind.SECURITY_EVENT) if _type_in(one.thing) == heard.type
        ]
        if thing not in alike and len(alike) >= _ALARMS_OF_A_TYPE:
            thing, sentence = heard.type, f"many stations report {heard.type}, at last {heard.station!r}"
        self._alarms.sound(AlarmKind.SECURITY_EVENT, thing, sentence, ALARMING.get(heard.type, Severity.WARNING))


def _type_in(thing: str) -> str:
    """The type in the name of an alarm's thing: `STATION TYPE`, or the type alone for many stations."""
    return thing.rpartition(" ")[2]


def _heard(station: str, told: SecurityEventTold, now: datetime) -> _Heard:
    # Without NUL characters, which PostgreSQL does not keep.
    spelt, info = (text.replace("\0", "\ufffd") for text in (told.type, told.tech_info[:LONGEST_INFO]))
    name, fit = canonical(spelt), clock_fit(told.at, now)
    return _Heard(station, name, spelt, severity_of(name), told.at or now, fit, info)


def _same(rows: Sequence[SecurityEventRow], heard: _Heard, now: datetime) -> SecurityEventRow | None:
    """The row to count this event on, if there is one; `rows` are the station's, the newest first."""
    alike = [row for row in rows if row.type == heard.type and row.tech_info == heard.info]
    for row in alike:
        if heard.clock is not ClockFit.UNREADABLE and heard.at in (row.at, row.last_at):
            return row  # told again, since the answer was lost
        if now - row.last_received_at < _HOUR and _near(row, heard.at):
            return row
    listed = heard.severity is not EventSeverity.UNKNOWN
    family = [row for row in rows if row.severity == heard.severity and (row.type == heard.type or not listed)]
    lately = [row for row in family if now - row.received_at < _HOUR]
    return lately[0] if len(lately) >= _ROWS_AN_HOUR else None


def _near(row: SecurityEventRow, at: datetime) -> bool:
    first, last = sorted((row.at, row.last_at))
    return (first - at) < _BURST and (at - last) < _BURST


def _row(heard: _Heard, now: datetime) -> SecurityEventRow:
    return SecurityEventRow(
        station=heard.station, type=heard.type, told=heard.told, severity=heard.severity, at=heard.at,
        last_at=heard.at, received_at=now, last_received_at=now, clock=heard.clock, tech_info=heard.info,
    )  # fmt: skip


def _counted(row: SecurityEventRow, heard: _Heard, now: datetime) -> SecurityEventRow:
    row.times, row.last_at, row.last_received_at = row.times + 1, heard.at, now
    return row


def security_event_of(row: SecurityEventRow) -> SecurityEvent:
    """The domain object of a row."""
    return SecurityEvent(
        id=row.id or 0,
        station=row.station,
        type=row.type,
        told=row.told,
        severity=EventSeverity(row.severity),
        at=row.at,
        last_at=row.last_at,
        received_at=row.received_at,
        last_received_at=row.last_received_at,
        times=row.times,
        clock=ClockFit(row.clock),
        tech_info=row.tech_info,
    )

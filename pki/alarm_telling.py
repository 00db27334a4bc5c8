"""Which alarm is to be told to the outside next. The state is in the alarms' rows, so that it outlives a process.

Each open alarm is told at least once: it is claimed for a while before it goes out, and when nobody says within that
time that it arrived, it is tried again, later and later. One that is cleared before it could be told is not told.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlmodel import col

from pki.alarms import Alarm, alarm_of
from pki.clock import Clock
from pki.store import Store
from pki.tables import AlarmRow

LEASE = timedelta(minutes=1)  # longer than one attempt may take
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)


def wait_after(tries: int) -> timedelta:
    """How long to wait after so many failed attempts: 5 s, 10 s, 20 s, … up to an hour."""
    factor: int = 2 ** min(tries - 1, 20)
    return min(_FIRST_WAIT * factor, _LONGEST_WAIT)


class AlarmTelling:
    """Claims alarms that are to be told. Safe to use from several processes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def claim(self) -> Alarm | None:
        """The oldest alarm that is due, which nobody else gets for LEASE; None when there is none."""
        now = self._clock()
        query = select(AlarmRow).where(*_is_due(now)).order_by(col(AlarmRow.id)).limit(1)
        with self._store.reading() as session:
            if session.execute(query).first() is None:
                return None
        with self._store.writing() as session:
            row = session.execute(query.with_for_update(skip_locked=True)).scalars().first()
            if row is None:
                return None
            row.tell_after, row.tell_tries = now + LEASE, row.tell_tries + 1
            session.add(row)
            return alarm_of(row)

    def arrived(self, alarm_id: int) -> None:
        """The other side took it."""
        with self._store.writing() as session:
            row = session.get(AlarmRow, alarm_id)
            if row is not None and row.told_at is None:
                row.told_at = self._clock()
                session.add(row)

    def failed(self, alarm_id: int) -> timedelta:
        """It did not arrive; how long until it is tried again."""
        with self._store.writing() as session:
            row = session.get(AlarmRow, alarm_id)
            if row is None:
                return _LONGEST_WAIT
            wait = wait_after(row.tell_tries)
            row.tell_after = self._clock() + wait
            session.add(row)
            return wait


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    waited = or_(col(AlarmRow.tell_after).is_(None), col(AlarmRow.tell_after) <= now)
    return col(AlarmRow.cleared_at).is_(None), col(AlarmRow.told_at).is_(None), waited

"""Messages about charging that may go: those that a CSMS has, after a while, and the others never without an alarm.

What nobody fetched for a very long time raises an alarm. Only when that has stood open for a week are the messages
deleted, so that a forgotten export costs nobody the bills of a year without a word.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, delete, func
from sqlmodel import col, select

from csms_bridge.settings import BridgeSettings
from csms_bridge.tables import ChargingMessageRow
from pki.alarms import AlarmKind, Alarms, Severity
from pki.clock import Clock
from pki.store import Store

log = structlog.get_logger()

WARNED_FOR = timedelta(days=7)
BATCH = 500  # rows of one transaction: some milliseconds
_BATCHES = 20  # of one round
_THING = "charging"
_KIND = AlarmKind.CHARGING_NOT_HANDED_OVER


class ChargingRetention:
    """Deletes bit by bit; to be called every few seconds."""

    def __init__(self, store: Store, alarms: Alarms, settings: BridgeSettings, clock: Clock) -> None:
        self._store = store
        self._alarms = alarms
        self._settings = settings
        self._clock = clock

    def round(self) -> int:
        """How many messages were deleted."""
        now = self._clock()
        deleted = self._delete(col(ChargingMessageRow.handed_over_at) < now - self._settings.keep_outcomes)
        forgotten = self._forgotten(now)
        oldest = self._oldest(forgotten)
        if oldest is None:
            self._alarms.settle(_KIND, _THING)
        elif self._was_warned(now, oldest):
            deleted += self._delete(forgotten)
        if deleted:
            log.info("charging_messages_deleted", rows=deleted)
        return deleted

    def _forgotten(self, now: datetime) -> ColumnElement[bool]:
        is_here = col(ChargingMessageRow.handed_over_at).is_(None)
        return is_here & (col(ChargingMessageRow.received_at) < now - self._settings.keep_charging)

    def _oldest(self, forgotten: ColumnElement[bool]) -> datetime | None:
        query = select(ChargingMessageRow.received_at).where(forgotten)
        with self._store.reading() as session:
            return session.exec(query.order_by(col(ChargingMessageRow.received_at)).limit(1)).first()

    def _was_warned(self, now: datetime, oldest: datetime) -> bool:
        """Whether the alarm has stood open long enough; raised when it does not stand."""
        alarm = next((one for one in self._alarms.open_of(_KIND) if one.thing == _THING), None)
        if alarm is not None:
            return alarm.raised_at <= now - WARNED_FOR
        when = now + WARNED_FOR
        sentence = (
            f"messages about charging since {oldest:%Y-%m-%d} were handed over to nobody, and the oldest are deleted"
            f" from {when:%Y-%m-%d} on. Fetch them with: voltward transactions export --hand-over"
        )
        self._alarms.sound(_KIND, _THING, sentence, Severity.WARNING)
        return False

    def _delete(self, which: ColumnElement[bool]) -> int:
        """But never the newest row, so that the database gives its number to no other."""
        number, deleted = col(ChargingMessageRow.id), 0
        newest = select(func.max(ChargingMessageRow.id)).scalar_subquery()
        for _ in range(_BATCHES):
            with self._store.reading() as session:
                old = list(session.exec(select(ChargingMessageRow.id).where(which, number < newest).limit(BATCH)))
            if not old:
                break
            with self._store.writing() as session:
                session.execute(delete(ChargingMessageRow).where(number.in_(old)))
            deleted += len(old)
        return deleted

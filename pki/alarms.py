"""Alarms: what a person should look at, kept until somebody or something clears it.

An alarm has a kind and names a thing (a serial number, a station, a key). While it is open, raising it again
counts up instead of making another, so that a fault in a loop does not bury the console.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import and_, delete, func, or_, select, update
from sqlmodel import Session, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.clock import Clock
from pki.errors import UnknownAlarm
from pki.store import Store, hold_lock
from pki.tables import AlarmRow

log = structlog.get_logger()


class AlarmKind(StrEnum):
    """What can be wrong. The pages and the webhook read these names too."""

    KEY_USED_ELSEWHERE = "key-used-elsewhere"
    BLOCKED_KEY = "blocked-key"
    WEAK_KEY = "weak-key"
    LINT_FINDING = "lint-finding"
    ENROLMENT_REFUSED = "enrolment-refused"
    SIGNER_UNAVAILABLE = "signer-unavailable"
    SIGNER_REFUSED = "signer-refused"
    CRL_LATE = "crl-late"
    AUTHORITY_REVOKED = "authority-revoked"
    CERTIFICATES_ENDING = "certificates-ending"
    AUTHORITY_ENDING = "authority-ending"
    AUDIT_CHECKPOINT = "audit-checkpoint"
    CHARGING_NOT_HANDED_OVER = "charging-not-handed-over"
    CHARGING_FULL = "charging-full"
    CHECKPOINT_NOT_STAMPED = "checkpoint-not-stamped"
    FIRMWARE_NOT_STAMPED = "firmware-not-stamped"
    SECURITY_EVENT = "security-event"
    CERTIFICATES_WAITING = "certificates-waiting"
    CERTIFICATE_TURNED_DOWN = "certificate-turned-down"
    CERTIFICATE_REQUESTS = "certificate-requests"
    CERTIFICATE_KEYS = "certificate-keys"
    CERTIFICATE_UNUSED = "certificate-unused"
    RENEWALS_FAILING = "renewals-failing"
    UNKNOWN_ROOT = "unknown-root"
    MIGRATION_FAILED = "migration-failed"
    ROLLOVER_HINDERED = "rollover-hindered"
    CAMPAIGN_PAUSED = "campaign-paused"
    RECOVERY_WAITING = "recovery-waiting"
    RECOVERY_CONTESTED = "recovery-contested"
    LINE_CONTESTED = "line-contested"
    PROOF_OF_ANOTHER = "proof-of-another"


class Severity(StrEnum):
    """How soon somebody should look."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm. `cleared_at` is None while it is open."""

    id: int
    kind: AlarmKind
    severity: Severity
    thing: str
    sentence: str
    raised_at: datetime
    repeated_at: datetime
    times: int
    cleared_at: datetime | None
    cleared_by: str | None


class Alarms:
    """Raises, lists and clears alarms. Safe to use from several threads and processes."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock
        self._listeners: list[Callable[[Alarm], None]] = []

    def subscribe(self, listener: Callable[[Alarm], None]) -> None:
        """Call `listener` after each alarm that this process newly raised, in the thread that raised it."""
        self._listeners.append(listener)

    def sound(self, kind: AlarmKind, thing: str, sentence: str, severity: Severity = Severity.WARNING) -> Alarm:
        """Raise an alarm, or count up the open one of this kind and thing, in a transaction of its own."""
        now = self._clock()
        with self._store.writing() as session:
            row, is_new = _raised(session, kind, thing, sentence, severity, now)
        alarm = alarm_of(row)
        if is_new:
            log.warning("alarm", kind=kind.value, thing=thing, sentence=sentence, severity=severity.value)
            self._tell(alarm)
        return alarm

    def sound_once(self, kind: AlarmKind, thing: str, sentence: str, severity: Severity = Severity.WARNING) -> None:
        """Raise an alarm unless kind and thing ever had one. While that is open, its sentence is kept up to date."""
        same = (col(AlarmRow.kind) == kind, col(AlarmRow.thing) == thing)
        with self._store.reading() as session:
            known = session.execute(select(AlarmRow).where(*same).order_by(col(AlarmRow.id).desc())).scalars().first()
        if known is None:
            self.sound(kind, thing, sentence, severity)
        elif known.cleared_at is None and known.sentence != sentence:
            still_open = update(AlarmRow).where(col(AlarmRow.id) == known.id, col(AlarmRow.cleared_at).is_(None))
            with self._store.writing() as session:
                session.execute(still_open.values(sentence=sentence, repeated_at=self._clock()))

    def clear(self, alarm_id: int, by: str, note: str = "") -> Alarm:
        """Close an alarm; closing it twice changes nothing. Raises UnknownAlarm."""
        with self._store.writing() as session:
            row = session.get(AlarmRow, alarm_id, populate_existing=True)
            if row is None:
                raise UnknownAlarm(str(alarm_id))
            if row.cleared_at is None:
                row.cleared_at, row.cleared_by = self._clock(), by
                session.add(row)
                session.flush()
                entry = Entry(PkiAct.ALARM_CLEARED, by, "alarm", f"{row.kind} {row.thing}", note)
                self._trail.record_all(session, [entry], row.cleared_at)
        return alarm_of(row)

    def settle(self, kind: AlarmKind, thing: str, by: str = "service") -> None:
        """Close the open alarm of this kind and thing, if there is one: what was wrong is right again."""
        is_open = (col(AlarmRow.kind) == kind, col(AlarmRow.thing) == thing, col(AlarmRow.cleared_at).is_(None))
        with self._store.reading() as session:
            found = session.execute(select(col(AlarmRow.id)).where(*is_open)).scalars().all()
        for alarm_id in found:
            self.clear(alarm_id or 0, by)

    def is_open(self, kind: AlarmKind, thing: str) -> bool:
        """Whether this alarm is raised now."""
        is_open = (col(AlarmRow.kind) == kind, col(AlarmRow.thing) == thing, col(AlarmRow.cleared_at).is_(None))
        with self._store.reading() as session:
            return session.execute(select(col(AlarmRow.id)).where(*is_open).limit(1)).first() is not None

    def forget_cleared(self, before: datetime, limit: int = 500) -> int:
        """Delete alarms that were cleared before then, so many at most; how many there were. Clearing was audited."""
        old = select(col(AlarmRow.id)).where(col(AlarmRow.cleared_at) < before).limit(limit)
        with self._store.reading() as session:
            found = session.execute(old).scalars().all()
        if found:
            with self._store.writing() as session:
                session.execute(delete(AlarmRow).where(col(AlarmRow.id).in_(found)))
        return len(found)

    def open_of(self, kind: AlarmKind) -> list[Alarm]:
        """All open alarms of a kind."""
        query = select(AlarmRow).where(col(AlarmRow.kind) == kind, col(AlarmRow.cleared_at).is_(None))
        with self._store.reading() as session:
            return [alarm_of(row) for row in session.execute(query.order_by(col(AlarmRow.id))).scalars()]

    def open_counts(self) -> dict[Severity, int]:
        """How many are open, by severity."""
        query = select(col(AlarmRow.severity), func.count()).where(col(AlarmRow.cleared_at).is_(None))
        with self._store.reading() as session:
            found = session.execute(query.group_by(col(AlarmRow.severity))).all()
        return dict.fromkeys(Severity, 0) | {Severity(severity): number for severity, number in found}

    def changed_since(self, since: datetime, limit: int) -> list[Alarm]:
        """Raised, repeated or cleared after `since`; the oldest first."""
        moved = or_(
            and_(col(AlarmRow.cleared_at).is_(None), col(AlarmRow.repeated_at) > since),
            col(AlarmRow.cleared_at) > since,
        )
        with self._store.reading() as session:
            rows = session.execute(select(AlarmRow).where(moved).order_by(col(AlarmRow.id)).limit(limit)).scalars()
            return [alarm_of(row) for row in rows]

    def page(self, *, only_open: bool = True, after: int | None = None, limit: int = 100) -> list[Alarm]:
        """The newest first; `after` is the last id of the page before."""
        query = select(AlarmRow).order_by(col(AlarmRow.id).desc()).limit(limit)
        if only_open:
            query = query.where(col(AlarmRow.cleared_at).is_(None))
        if after is not None:
            query = query.where(col(AlarmRow.id) < after)
        with self._store.reading() as session:
            return [alarm_of(row) for row in session.execute(query).scalars()]

    def _tell(self, alarm: Alarm) -> None:
        for listener in self._listeners:
            try:
                listener(alarm)
            except Exception:  # the alarm is on record; one deaf listener must not keep it from the others
                log.exception("alarm_listener_failed", alarm=alarm.id)


def _raised(
    session: Session, kind: AlarmKind, thing: str, sentence: str, severity: Severity, now: datetime
) -> tuple[AlarmRow, bool]:
    """The row, and whether it is a new one."""
    hold_lock(session, f"alarm:{kind}:{thing}")
    is_open = (col(AlarmRow.kind) == kind, col(AlarmRow.thing) == thing, col(AlarmRow.cleared_at).is_(None))
    row = session.execute(select(AlarmRow).where(*is_open)).scalars().first()
    if row is not None:
        row.sentence, row.severity, row.repeated_at, row.times = sentence, severity.value, now, row.times + 1
        session.add(row)
        return row, False
    row = AlarmRow(
        kind=kind.value, severity=severity.value, thing=thing, sentence=sentence, raised_at=now, repeated_at=now
    )
    session.add(row)
    session.flush()
    return row, True


def alarm_of(row: AlarmRow) -> Alarm:
    """The domain object of a row."""
    return Alarm(
        id=row.id or 0,
        kind=AlarmKind(row.kind),
        severity=Severity(row.severity),
        thing=row.thing,
        sentence=row.sentence,
        raised_at=row.raised_at,
        repeated_at=row.repeated_at,
        times=row.times,
        cleared_at=row.cleared_at,
        cleared_by=row.cleared_by,
    )

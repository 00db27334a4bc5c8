"""Where the renewal of each station stands, as conditions of the database: no row is loaded to count them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, union
from sqlmodel import Session, col, select

from csms_bridge.renewal.allowance import Standing
from csms_bridge.renewal.rows import CertificateAllowanceRow, RenewalPlanRow
from csms_bridge.renewals import RenewalState
from csms_bridge.tables import RenewalAskRow, StationRow
from pki.clock import Clock
from pki.forecast import WEEK, week_begins, week_name
from pki.store import Store

_SHOWN_FOR = timedelta(hours=1)
"""One that was asked counts as under way for so long; then it is late, failed or not used."""
_AWAKE = (RenewalState.SENT.value, RenewalState.ACCEPTED.value, RenewalState.ISSUED.value)


class DueState(StrEnum):
    """Where a station stands; the first that fits."""

    ENDED = "ended"
    """Its certificate has ended: only the recovery lane lets it in."""
    UNDER_WAY = "under-way"
    PAUSED = "paused"
    """It asks too often, so that its requests are refused."""
    UNUSED = "unused"
    """It took a new certificate and goes on with the old one."""
    FAILED = "failed"
    LATE = "late"
    ASLEEP = "asleep"
    """It is due and away."""
    DUE = "due"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class StationRenewal:
    """One station: what it uses and until when, how often it was asked for the next, and why that has not come.

    `renewal` is how far the last request to renew is (`renewals.RenewalState`), empty when there was none.
    """

    station: str
    state: DueState
    online: bool
    serial: str
    not_after: datetime
    due_at: datetime
    late_at: datetime
    next_at: datetime | None
    tries: int
    renewal: str
    reason: str
    unused: str | None


@dataclass(frozen=True, slots=True)
class DueWeek:
    """How many stations' renewals come due in one ISO week (UTC)."""

    name: str
    begins: datetime
    stations: int


class RenewalStates:
    """Counts and lists them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def counts(self) -> dict[DueState, int]:
        """How many stations stand where."""
        now = self._clock()
        state = _state(now).label("state")
        each = _joined(select(state)).where(col(RenewalPlanRow.station).in_(_concerned(now))).subquery()
        with self._store.reading() as session:
            found = dict(session.exec(select(each.c.state, func.count()).group_by(each.c.state)).all())
            every = session.exec(select(func.count()).select_from(RenewalPlanRow)).one()
        counts = {one: found.get(one.value, 0) for one in DueState}
        counts[DueState.LATER] = every - sum(number for one, number in counts.items() if one is not DueState.LATER)
        return counts

    def page(self, state: DueState | None, after: str | None, limit: int) -> list[StationRenewal]:
        """Stations by the end of their certificate, after the given one; without a state all but those not due."""
        now = self._clock()
        query = _joined(select(*_columns(now)))
        if state is DueState.LATER:
            query = query.where(col(RenewalPlanRow.due_at) > now, _state(now) == state.value)
        else:
            query = query.where(col(RenewalPlanRow.station).in_(_concerned(now)))
            query = query.where(_state(now) == state.value if state else _state(now) != DueState.LATER.value)
        with self._store.reading() as session:
            if after is not None:
                query = query.where(_beyond(session, after))
            end, station = col(RenewalPlanRow.not_after), col(RenewalPlanRow.station)
            rows = session.exec(query.order_by(end, station).limit(limit)).all()
        return [_of(row) for row in rows]

    def station(self, station: str) -> StationRenewal | None:
        """One station; None for one that presents no certificate of ours."""
        query = _joined(select(*_columns(self._clock()))).where(RenewalPlanRow.station == station)
        with self._store.reading() as session:
            row = session.exec(query).first()
        return None if row is None else _of(row)

    def weeks(self, number: int) -> list[DueWeek]:
        """How many come due in this week and the next, `number` in all; what is due already counts in the first."""
        first = week_begins(self._clock())
        begins = [first + week * WEEK for week in range(number)]
        due = col(RenewalPlanRow.due_at)
        bucket = case(*((due < begin + WEEK, week) for week, begin in enumerate(begins)), else_=-1).label("bucket")
        each = select(bucket).where(due < begins[-1] + WEEK).subquery()
        with self._store.reading() as session:
            found = dict(session.exec(select(each.c.bucket, func.count()).group_by(each.c.bucket)).all())
        return [DueWeek(week_name(begin), begin, found.get(week, 0)) for week, begin in enumerate(begins)]

    def reasons(self, limit: int = 20) -> list[tuple[str, int]]:
        """Why renewals failed, with how many stations, the most frequent first."""
        now = self._clock()
        each = _joined(select(_reason().label("reason"))).where(
            col(RenewalPlanRow.station).in_(_concerned(now)), _state(now) == DueState.FAILED.value
        )
        found = each.subquery()
        query = select(found.c.reason, func.count()).group_by(found.c.reason).order_by(func.count().desc())
        with self._store.reading() as session:
            return [(reason, number) for reason, number in session.exec(query.limit(limit))]


def _joined(query: Any) -> Any:
    """With all that a state depends on."""
    plan = col(RenewalPlanRow.station)
    return (
        query.select_from(RenewalPlanRow)
        .join(StationRow, col(StationRow.id) == plan)
        .outerjoin(RenewalAskRow, col(RenewalAskRow.station) == plan)
        .outerjoin(CertificateAllowanceRow, col(CertificateAllowanceRow.station) == plan)
    )


def _concerned(now: datetime) -> Any:
    """Stations that anything is the matter with: found by indexes, however many are not due."""
    awake = and_(col(RenewalAskRow.state).in_(_AWAKE), col(RenewalAskRow.moved_at) > now - 2 * _SHOWN_FOR)
    return union(
        select(RenewalPlanRow.station).where(col(RenewalPlanRow.due_at) <= now),
        select(RenewalPlanRow.station).where(col(RenewalPlanRow.unused).is_not(None)),
        select(RenewalAskRow.station).where(awake),
        select(CertificateAllowanceRow.station).where(CertificateAllowanceRow.standing == Standing.PAUSED.value),
    )


def _state(now: datetime) -> ColumnElement[str]:
    plan, ask = RenewalPlanRow, RenewalAskRow
    asked = and_(col(ask.state).in_(_AWAKE), col(ask.asked_at) > now - _SHOWN_FOR)
    failed = and_(
        col(plan.due_at) <= now,
        or_(
            and_(col(ask.state) == RenewalState.FAILED.value, col(ask.asked_at) >= col(plan.not_before)),
            col(plan.why) != "",
        ),
    )
    return case(
        (col(plan.not_after) <= now, literal(DueState.ENDED.value)),
        (asked, literal(DueState.UNDER_WAY.value)),
        (col(CertificateAllowanceRow.standing) == Standing.PAUSED.value, literal(DueState.PAUSED.value)),
        (col(plan.unused).is_not(None), literal(DueState.UNUSED.value)),
        (failed, literal(DueState.FAILED.value)),
        (col(plan.late_at) <= now, literal(DueState.LATE.value)),
        (and_(col(plan.due_at) <= now, col(StationRow.online).is_(False)), literal(DueState.ASLEEP.value)),
        (col(plan.due_at) <= now, literal(DueState.DUE.value)),
        else_=literal(DueState.LATER.value),
    )


def _columns(now: datetime) -> tuple[Any, ...]:
    plan, ask = RenewalPlanRow, RenewalAskRow
    return (
        plan.station, _state(now), StationRow.online, plan.serial, plan.not_after, plan.due_at, plan.late_at,
        plan.next_at, plan.tries, func.coalesce(col(ask.state), ""), _reason(), plan.unused,
    )  # fmt: skip


def _reason() -> ColumnElement[str]:
    """Why the last try came to nothing: it could not be made, or what came of it."""
    why = col(RenewalPlanRow.why)
    return case((why != "", why), else_=func.coalesce(col(RenewalAskRow.reason), ""))


def _of(row: Any) -> StationRenewal:
    station, state, *rest = row
    return StationRenewal(station, DueState(state), *rest)


def _beyond(session: Session, after: str) -> ColumnElement[bool]:
    end, station = col(RenewalPlanRow.not_after), col(RenewalPlanRow.station)
    last = session.exec(select(RenewalPlanRow.not_after).where(RenewalPlanRow.station == after)).first()
    if last is None:
        return station > after
    return and_(end >= last, or_(end > last, station > after))

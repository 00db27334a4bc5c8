"""Renewal by itself: stations whose certificate has two thirds of its life behind it are asked, at a measured pace.

Who ends first is asked first. One that is away is asked when it is back, or is late; a quiet one like any other; one
that charges, or whose site is outside its windows, in a later round. Nodes share one pace, by one row.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import exists, update
from sqlmodel import Session, col, func, or_, select

from csms_bridge.campaigns.rows import SiteRow
from csms_bridge.campaigns.selecting import Condition, in_another, walking
from csms_bridge.campaigns.site_hours import at_closed_site
from csms_bridge.campaigns.sites import count_stations
from csms_bridge.certificate_asks import OPEN
from csms_bridge.charging_book import busy
from csms_bridge.orders import Orders
from csms_bridge.renewal.allowance import Standing
from csms_bridge.renewal.habit import LONGEST, Habit
from csms_bridge.renewal.pace import Pace, room
from csms_bridge.renewal.pace_book import BY, ON_THE_WAY, asked_lately, held, in_flight, measure
from csms_bridge.renewal.rows import CertificateAllowanceRow, RenewalPlanRow
from csms_bridge.renewal.schedule import LONGEST_PAUSE, next_try
from csms_bridge.renewals import Renewal, Renewals, RenewalState, hold_stations
from csms_bridge.tables import CertificateAskRow, RenewalAskRow, StationRow
from pki.alarms import AlarmKind, Alarms
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.store import Store

_LOOKED_AT = 3
"""Times as many as may be asked: sites have shares, and some stations are about to ask by themselves."""
_EVERYBODY = "stations"

HabitsOf = Callable[[Collection[str]], Mapping[str, Habit]]


def unknown_habits(_stations: Collection[str]) -> Mapping[str, Habit]:
    """For want of anybody who has read them."""
    return {}


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A station that is due: at which site, and when its certificate ends."""

    station: str
    site: str
    not_after: datetime
    tries: int
    late: bool


@dataclass(slots=True)
class _Sites:
    """How many more stations of each site may be renewed now; one is always allowed, and one without a site too."""

    _left: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, names: set[str], now: datetime) -> "_Sites":
        shares = dict(session.exec(select(SiteRow.name, SiteRow.max_share).where(col(SiteRow.name).in_(names))).all())
        stations = count_stations(session, names)
        running = _running_at(session, names, now)
        return cls(
            {
                name: max(1, stations.get(name, 0) * share // 100) - running.get(name, 0)
                for name, share in shares.items()
            }
        )

    def take(self, site: str) -> bool:
        """Whether one more may be; then it is counted."""
        left = self._left.get(site)
        if left is None:
            return True
        self._left[site] = left - 1
        return left > 0


class RenewalRounds:
    """What every node may run; one at a time asks."""

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        alarms: Alarms,
        orders: Orders,
        renewals: Renewals,
        pace: Pace,
        clock: Clock,
        habits_of: HabitsOf = unknown_habits,
    ) -> None:
        self._store = store
        self._trail = trail
        self._alarms = alarms
        self._orders = orders
        self._renewals = renewals
        self._habits_of = habits_of
        self._clock = clock
        self.pace = pace

    def round(self) -> int:
        """Ask those that are due, as many as may be asked now; how many."""
        now = self._clock()
        habits = self._habits(now)
        entries: list[Entry] = []
        asked: list[Renewal] = []
        with self._store.writing() as session:
            row = held(session, now)
            if row is None:
                return 0
            found = measure(session, row, self.pace, now)
            free = 0 if row.paused_by else room(self.pace, found, asked_lately(session, now), in_flight(session, now))
            for one in self._chosen(session, free, habits, now):
                asked += self._ask(session, one, entries, now)
            self._trail.record_all(session, entries, now)
        self._orders.wake_those_here([one.station for one in asked if one.state is RenewalState.QUEUED])
        self._tell(found.why if found.alarming else "")
        return len(asked)

    def _habits(self, now: datetime) -> Mapping[str, Habit]:
        """Of stations whose request is open: those that may be trying by themselves."""
        asked = select(CertificateAskRow.station).where(
            col(CertificateAskRow.state).in_(OPEN), col(CertificateAskRow.asked_at) > now - LONGEST
        )
        with self._store.reading() as session:
            due = select(RenewalPlanRow.station).where(
                col(RenewalPlanRow.due_at) <= now, col(RenewalPlanRow.station).in_(asked)
            )
            stations = list(session.exec(due))
        return self._habits_of(stations) if stations else {}

    def _chosen(self, session: Session, free: int, habits: Mapping[str, Habit], now: datetime) -> Iterator[_Candidate]:
        if not free:
            return
        found = self._candidates(session, free * _LOOKED_AT, now)
        hold_stations(session, [one.station for one in found])
        busy_until = _busy_until(session, [one.station for one in found], habits)
        sites = _Sites.of(session, {one.site for one in found if one.site}, now)
        for one in found:
            if now < busy_until.get(one.station, now) or not (one.late or sites.take(one.site)):
                continue
            yield one
            free -= 1
            if not free:
                return

    def _candidates(self, session: Session, most: int, now: datetime) -> Sequence[_Candidate]:
        plan = RenewalPlanRow
        late = col(plan.late_at) <= now
        columns = (col(StationRow.id), col(StationRow.site), col(plan.not_after), col(plan.tries), late)
        query = sa.select(*columns).where(
            col(plan.station) == col(StationRow.id),
            col(plan.due_at) <= now,
            or_(
                col(plan.next_at).is_(None), col(plan.next_at) <= now, col(plan.next_at) > now + LONGEST_PAUSE
            ),
            *_free_to_be_asked(late),
        )  # fmt: skip
        closed = at_closed_site(session, now)
        if closed is not None:
            query = query.where(or_(late, ~closed))
        rows = session.execute(query.order_by(col(plan.not_after), col(plan.station)).limit(most)).all()
        return [_Candidate(*row) for row in rows]

    def _ask(self, session: Session, one: _Candidate, entries: list[Entry], now: datetime) -> Sequence[Renewal]:
        """Ask one; none when it cannot be asked, which is noted."""
        renewal = self._renewals.ask_in(session, one.station, BY, entries)
        why = renewal.reason if renewal.state is RenewalState.UNABLE else ""
        tries = one.tries + 1
        values = {"tries": tries, "next_at": next_try(tries, now, one.not_after), "why": why}
        session.execute(update(RenewalPlanRow).where(col(RenewalPlanRow.station) == one.station).values(values))
        return [] if why else [renewal]

    def _tell(self, why: str) -> None:
        if not why:
            self._alarms.settle(AlarmKind.RENEWALS_FAILING, _EVERYBODY)
        elif not self._alarms.is_open(AlarmKind.RENEWALS_FAILING, _EVERYBODY):
            self._alarms.sound(AlarmKind.RENEWALS_FAILING, _EVERYBODY, why)


def _free_to_be_asked(late: Condition) -> Iterator[Condition]:
    """Nobody charges, nothing else works on it, and it is there; one that is late is asked when it comes back."""
    paused = exists().where(
        col(CertificateAllowanceRow.station) == col(StationRow.id),
        col(CertificateAllowanceRow.standing) == Standing.PAUSED.value,
    )
    yield or_(col(StationRow.online).is_(True), late)
    yield ~busy()
    yield col(StationRow.lane) == ""
    yield ~walking()
    yield ~in_another("")
    yield ~paused


def _busy_until(session: Session, stations: Sequence[str], habits: Mapping[str, Habit]) -> dict[str, datetime]:
    """Until when stations go on by themselves after their last request, which nobody has answered yet."""
    asked = select(CertificateAskRow.station, func.max(CertificateAskRow.asked_at)).where(
        col(CertificateAskRow.station).in_(stations), col(CertificateAskRow.state).in_(OPEN)
    )
    found = session.exec(asked.group_by(col(CertificateAskRow.station))).all()
    return {station: habits.get(station, Habit()).busy_until(at) for station, at in found}


def _running_at(session: Session, names: set[str], now: datetime) -> dict[str, int]:
    states = (RenewalState.SENT, RenewalState.ACCEPTED, RenewalState.ISSUED)
    query = select(StationRow.site, func.count()).where(
        col(RenewalAskRow.station) == col(StationRow.id),
        col(RenewalAskRow.state).in_(states),
        col(RenewalAskRow.asked_at) > now - ON_THE_WAY,
        col(StationRow.site).in_(names),
    )
    return dict(session.exec(query.group_by(col(StationRow.site))).all())

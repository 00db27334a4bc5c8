"""Renewal by itself: stations whose certificate has two thirds of its life behind it are asked, at a measured pace.

Who ends first is asked first. One that is away is asked when it is back, or is late; a quiet one like any other; one
that charges, or whose site is outside its windows, in a later round. Nodes share one pace, by one row.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exists, update
from sqlmodel import Session, col, func, or_, select

from csms_bridge.campaigns.rows import SiteRow
from csms_bridge.campaigns.selecting import Condition, in_another, walking
from csms_bridge.campaigns.site_hours import at_closed_site
from csms_bridge.campaigns.sites import count_stations
from csms_bridge.certificate_asks import OPEN
from csms_bridge.charging_book import busy
from csms_bridge.orders import AT_ONCE, Orders
from csms_bridge.renewal.allowance import Standing
from csms_bridge.renewal.habit import Habit
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

_LOOKED_AT = 3 * AT_ONCE
"""Some are about to ask by themselves, and sites have shares."""
_LOTS = 5
"""Of one round: so that the write lock is free in between."""
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
        total = 0
        for _ in range(_LOTS):
            asked = self._ask_some()
            total += asked
            if asked < AT_ONCE:
                break
        return total

    def _ask_some(self) -> int:
        """In one transaction."""
        now = self._clock()
        wished = self._wished(now)
        entries: list[Entry] = []
        asked: list[Renewal] = []
        with self._store.writing() as session:
            row = held(session, now)
            if row is None:
                return 0
            found = measure(session, row, self.pace, now)
            free = 0 if row.paused_by else room(self.pace, found, asked_lately(session, now), in_flight(session, now))
            for one in self._still(session, wished[:free], now):
                asked += self._ask(session, one, entries, now)
            self._trail.record_all(session, entries, now)
        self._orders.wake_those_here([one.station for one in asked if one.state is RenewalState.QUEUED])
        self._tell(found.why if found.alarming else "")
        return len(asked)

    def _wished(self, now: datetime) -> list[str]:
        """Who is to be asked next, found without holding up whoever writes."""
        with self._store.reading() as session:
            full = _full_sites(session, now)
            rows = [_Candidate(*row) for row in session.execute(self._candidates(session, now, full).limit(_LOOKED_AT))]
            busy_until = self._busy_until(session, [one.station for one in rows])
            sites = _Sites.of(session, {one.site for one in rows if one.site}, now)
        free = [one for one in rows if busy_until.get(one.station, now) <= now]
        return [one.station for one in free if one.late or sites.take(one.site)][:AT_ONCE]

    def _still(self, session: Session, wished: Sequence[str], now: datetime) -> Sequence[_Candidate]:
        """Those of them that are still free to be asked, and whom nobody else asks meanwhile."""
        if not wished:
            return []
        hold_stations(session, wished)
        query = self._candidates(session, now, ()).where(col(StationRow.id).in_(wished))
        return [_Candidate(*row) for row in session.execute(query)]

    def _busy_until(self, session: Session, stations: Sequence[str]) -> dict[str, datetime]:
        """Until when stations go on by themselves after their last request, which nobody has answered yet."""
        asked = select(CertificateAskRow.station, func.max(CertificateAskRow.asked_at)).where(
            col(CertificateAskRow.station).in_(stations), col(CertificateAskRow.state).in_(OPEN)
        )
        found = session.exec(asked.group_by(col(CertificateAskRow.station))).all()
        habits = self._habits_of([station for station, _ in found]) if found else {}
        return {station: habits.get(station, Habit()).busy_until(at) for station, at in found}

    def _candidates(self, session: Session, now: datetime, full: Collection[str]) -> Any:
        """Stations that may be asked, who ends first first. Who is late is asked at any hour, and at full sites."""
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
        if full:
            query = query.where(or_(late, col(StationRow.site).not_in(full)))
        closed = at_closed_site(session, now)
        if closed is not None:
            query = query.where(or_(late, ~closed))
        return query.order_by(col(plan.not_after), col(plan.station))

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


def _full_sites(session: Session, now: datetime) -> list[str]:
    """Sites where as many are at work as their share allows: few, however many sites there are."""
    working = {site for site in _running_at(session, None, now) if site}
    sites = _Sites.of(session, working, now)
    return [site for site in working if not sites.take(site)]


def _running_at(session: Session, names: set[str] | None, now: datetime) -> dict[str, int]:
    states = (RenewalState.SENT, RenewalState.ACCEPTED, RenewalState.ISSUED)
    query = select(StationRow.site, func.count()).where(
        col(RenewalAskRow.station) == col(StationRow.id),
        col(RenewalAskRow.state).in_(states),
        col(RenewalAskRow.asked_at) > now - ON_THE_WAY,
    )
    if names is not None:
        query = query.where(col(StationRow.site).in_(names))
    return dict(session.exec(query.group_by(col(StationRow.site))).all())

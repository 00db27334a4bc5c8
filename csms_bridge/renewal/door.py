"""The door to renewal by itself: what pages, routes, commands and rounds call."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.certificate_asks import AskState
from csms_bridge.errors import RenewalsNotNow
from csms_bridge.orders import Orders
from csms_bridge.renewal.allowance import Standing
from csms_bridge.renewal.allowances import Allowances
from csms_bridge.renewal.habit import Habit, Told, habit_of, worries
from csms_bridge.renewal.news import RenewalNews
from csms_bridge.renewal.pace import Pace
from csms_bridge.renewal.pace_book import FLEET, asked_lately, held, in_flight, signs_now
from csms_bridge.renewal.plans import Plans
from csms_bridge.renewal.rounds import RenewalRounds
from csms_bridge.renewal.rows import RenewalPaceRow
from csms_bridge.renewal.states import DueState, DueWeek, RenewalStates
from csms_bridge.renewal.unused import UnusedCertificates
from csms_bridge.renewals import Renewals
from csms_bridge.tables import CertificateAskRow
from pki.alarms import Alarms
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

_LATELY = 200
"""Certificates that tell how long signing takes."""
_WEEKS = 13
_HOUR = timedelta(hours=1)

ToldOf = Callable[[Collection[str]], Mapping[str, Told]]


@dataclass(frozen=True, slots=True)
class PaceNow:
    """What is set, what the authority and the stations bear of it now, and why it is less; who stopped it, if anybody.

    `on` is false when the service was told never to ask by itself.
    """

    on: bool
    per_minute: int
    most_in_flight: int
    may_be_in_flight: int
    in_flight: int
    asked_in_last_minute: int
    why: str
    paused_by: str
    paused_reason: str
    paused_at: datetime | None


@dataclass(frozen=True, slots=True)
class RenewalOverview:
    """The fleet's renewals. `takes`: how long those that wait to be asked take at the set pace, at least."""

    as_of: datetime
    counts: Mapping[DueState, int]
    reasons: tuple[tuple[str, int], ...]
    weeks: tuple[DueWeek, ...]
    pace: PaceNow
    slowed: int
    paused: int
    takes: timedelta


@dataclass(frozen=True, slots=True)
class RequestHabit:
    """How a station repeats its requests by itself, when (after the first), and what a person should know of that."""

    habit: Habit
    repeats_after: tuple[timedelta, ...]
    gives_up_after: timedelta | None
    worries: tuple[str, ...]


class RenewalDesk:
    """Puts the parts together. `told_of`: what stations told of `habit.SIGNING`."""

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        alarms: Alarms,
        orders: Orders,
        renewals: Renewals,
        allowances: Allowances,
        pace: Pace,
        clock: Clock,
        *,
        told_of: ToldOf,
        on: bool = True,
    ) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock
        self._told_of = told_of
        self._on = on
        self._pace = pace
        self.allowances = allowances
        self.states = RenewalStates(store, clock)
        self._plans = Plans(store, alarms, clock)
        self._news = RenewalNews(store, renewals, clock)
        self._unused = UnusedCertificates(store, alarms, clock)
        self._rounds = RenewalRounds(store, trail, alarms, orders, renewals, pace, clock, self._habits)

    # --- looking

    def overview(self) -> RenewalOverview:
        """All of it in numbers, counted by the database."""
        counts = self.states.counts()
        wait = counts[DueState.DUE] + counts[DueState.LATE] + counts[DueState.FAILED]
        return RenewalOverview(
            as_of=self._clock(),
            counts=counts,
            reasons=tuple(self.states.reasons()) if counts[DueState.FAILED] else (),
            weeks=tuple(self.states.weeks(_WEEKS)),
            pace=self._pace_now(),
            slowed=self.allowances.count(Standing.SLOWED),
            paused=self.allowances.count(Standing.PAUSED),
            takes=timedelta(minutes=-(-wait // self._pace.per_minute)),
        )

    def habit(self, station: str) -> RequestHabit:
        """How one station repeats its requests, and what is wrong with that."""
        habit = self._habits([station]).get(station, Habit())
        with self._store.reading() as session:
            takes = self._signing_takes(session)
        shown = tuple(habit.moments())[:12]
        return RequestHabit(habit, shown, habit.gives_up_after(), tuple(worries(habit, takes)))

    def _habits(self, stations: Collection[str]) -> Mapping[str, Habit]:
        return {station: habit_of(told) for station, told in self._told_of(stations).items()}

    def _signing_takes(self, session: Session) -> timedelta:
        """How long the oldest request waits now, or how long the slowest of the last ones took to be brought."""
        now = self._clock()
        waiting = signs_now(session, now).waiting_for
        lately = (
            select(CertificateAskRow.asked_at, CertificateAskRow.updated_at)
            .where(CertificateAskRow.state == AskState.TAKEN.value, col(CertificateAskRow.asked_at) > now - _HOUR)
            .order_by(col(CertificateAskRow.id).desc())
            .limit(_LATELY)
        )
        took = sorted(updated - asked for asked, updated in session.exec(lately))
        return max(waiting, took[len(took) * 9 // 10] if took else timedelta(0))

    def _pace_now(self) -> PaceNow:
        now = self._clock()
        with self._store.reading() as session:
            row = session.get(RenewalPaceRow, FLEET)
            return PaceNow(
                on=self._on,
                per_minute=self._pace.per_minute,
                most_in_flight=self._pace.in_flight,
                may_be_in_flight=min(row.in_flight, self._pace.in_flight) if row else 0,
                in_flight=in_flight(session, now),
                asked_in_last_minute=asked_lately(session, now),
                why=row.why if row else "",
                paused_by=row.paused_by if row else "",
                paused_reason=row.paused_reason if row else "",
                paused_at=row.paused_at if row else None,
            )

    # --- changing

    def pause(self, by: str, reason: str) -> PaceNow:
        """Ask nobody by ourselves until it is resumed; what is under way goes on. Raises RenewalsNotNow."""
        self._turn(by, reason, FleetAct.RENEWALS_PAUSED)
        return self._pace_now()

    def resume(self, by: str, reason: str) -> PaceNow:
        """Go on. Raises RenewalsNotNow."""
        self._turn(by, reason, FleetAct.RENEWALS_RESUMED)
        return self._pace_now()

    def _turn(self, by: str, reason: str, act: FleetAct) -> None:
        now, pausing = self._clock(), act is FleetAct.RENEWALS_PAUSED
        with self._store.writing() as session:
            row = held(session, now, wait=True)
            if row is None or bool(row.paused_by) is pausing:
                raise RenewalsNotNow("they are paused already" if pausing else "they are not paused")
            row.paused_by, row.paused_reason = (by, reason) if pausing else ("", "")
            row.paused_at = now if pausing else None
            session.add(row)
            self._trail.record(session, act, by=by, kind="fleet", thing="renewals", reason=reason, now=now)

    # --- every now and then

    def round(self) -> int:
        """To be called every few seconds, by any number of nodes: what is due is asked; how many stations."""
        self._plans.keep_up()
        self._news.round()
        self._unused.round()
        self.allowances.round()
        return self._rounds.round() if self._on else 0

"""What planned roll-overs do by themselves: new roots go out, certificates are renewed, and somebody is told of a veto.

A few stations a round, of those whose line is here; never a quiet one, none that charges, none in a walk.
"""

import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session, col, select

from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.charging_book import busy
from csms_bridge.errors import BridgeError
from csms_bridge.renewals import Renewals
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.station_roots.entries import Deed
from csms_bridge.station_roots.rows import RootActRow, StationRootRow
from csms_bridge.tables import RenewalAskRow, StationRow, WalkRow
from csms_bridge.trust.plan_acts import PlanActs
from csms_bridge.trust.plan_book import PlanState, RootPlan
from csms_bridge.trust.plan_judging import PlanJudging
from csms_bridge.trust.plan_steps import PlanStep
from csms_bridge.trust.plans import RootPlans
from csms_bridge.trust.query import over_an_edge
from csms_bridge.trust.rows import PlanExclusionRow, RootPlanRow
from pki.alarms import AlarmKind, Alarms
from pki.authority import Authority
from pki.clock import Clock
from pki.store import Store
from pki.tables import CertificateRow

log = structlog.get_logger(__name__)

PACE = 20
"""Stations that one round begins with."""
_NAMED = 10
_AGAIN = timedelta(minutes=10)
"""A station that cannot be asked now (its store is full, it has just left) is looked at again so much later."""
_LOOK_EVERY = 60.0  # seconds of this process; it counts the fleet
_INSTALLING = (PlanStep.INSTALL, PlanStep.CONFIRM, PlanStep.SWITCH, PlanStep.CONNECT)
_RENEWING = (PlanStep.SWITCH, PlanStep.CONNECT)


class PlanRounds:
    """One for each process; `node` is this one's name."""

    def __init__(
        self, store: Store, authority: Authority, roots: StationRoots, renewals: Renewals, plans: RootPlans,
        judging: PlanJudging, clock: Clock, node: str,
    ) -> None:  # fmt: skip
        self._store = store
        self._alarms: Alarms = authority.alarms
        self._acts = PlanActs(authority)
        self._roots = roots
        self._renewals = renewals
        self._plans = plans
        self._judging = judging
        self._clock = clock
        self._node = node
        self._put_off: dict[tuple[str, str], datetime] = {}
        self._next_look = -math.inf

    def round(self, barred: Sequence[str] = ()) -> None:
        """To be called every few seconds; the `barred` are sent nothing."""
        self._plans.settle_intents()
        with self._store.reading() as session:
            rows = session.exec(select(RootPlanRow).where(RootPlanRow.state == PlanState.RUNNING.value)).all()
        for row in rows:
            self._go_on(row, barred)
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_EVERY
            self.tell()

    def tell(self) -> None:
        """Alarms about plans that stations stand against; they end when nobody does any more."""
        for plan in self._plans.all():
            if plan.state is PlanState.RUNNING and plan.step in _INSTALLING:
                self._tell_of(self._plans.find(plan.id))
            else:
                self._alarms.settle(AlarmKind.ROLLOVER_HINDERED, plan.id)

    def _tell_of(self, plan: RootPlan) -> None:
        if plan.standing is None or not plan.standing.losing:
            self._alarms.settle(AlarmKind.ROLLOVER_HINDERED, plan.id)
            return
        if not self._alarms.is_open(AlarmKind.ROLLOVER_HINDERED, plan.id):
            named = [one.station for one in self._plans.losing(plan.id, limit=_NAMED)]
            more = " and others" if plan.standing.losing > len(named) else ""
            sentence = f"by the roll-over of {plan.old} to {plan.new} would lose us: {', '.join(named)}{more}"
            self._alarms.sound(AlarmKind.ROLLOVER_HINDERED, plan.id, sentence)

    def _go_on(self, row: RootPlanRow, barred: Sequence[str]) -> None:
        step = PlanStep(row.step)
        with self._store.reading() as session:
            lacking = self._lacking(session, row, barred) if step in _INSTALLING else []
            old_ones = self._to_renew(session, row, barred) if step in _RENEWING else []
            holding = self._to_clear(session, row, barred) if step is PlanStep.REMOVE else []
        for station in lacking:
            self._install(row, station)
        for station in holding:
            self._clear(row, station)
        if old_ones:
            self._renewals.ask(old_ones, f"plan:{row.id}")

    def _install(self, row: RootPlanRow, station: str) -> None:
        try:
            self._roots.install(
                station, CertificateKind.CSMS, f"plan:{row.id}", name=row.new, reason=f"roll-over of {row.old}"
            )
        except BridgeError as refused:
            self._put_off[row.id, station] = self._clock() + _AGAIN
            log.info("root_not_sent", station=station, root=row.new, reason=refused.sentence)

    def _clear(self, row: RootPlanRow, station: str) -> None:
        """Its own door looks whether the station can do without; one that cannot is looked at again later."""
        try:
            self._judging.clearing.ask(row, station)
        except BridgeError as refused:
            self._put_off[row.id, station] = self._clock() + _AGAIN
            log.info("root_not_deleted", station=station, root=row.old, reason=refused.sentence)

    def _to_clear(self, session: Session, row: RootPlanRow, barred: Sequence[str]) -> list[str]:
        reachable = self._reachable(row, [*barred, *self._off(row)])
        return self._judging.clearing.to_ask(session, row, self._judging.family(row), reachable, PACE)

    def _off(self, row: RootPlanRow) -> list[str]:
        """Who could not be asked a moment ago."""
        now = self._clock()
        self._put_off = {key: until for key, until in self._put_off.items() if until > now}
        return [name for plan, name in self._put_off if plan == row.id]

    def _lacking(self, session: Session, row: RootPlanRow, barred: Sequence[str]) -> list[str]:
        """Stations that use TLS, do not list the new root, and were not asked to take it since the plan began."""
        station = col(StationRow.id)
        lists = select(StationRootRow.id).where(
            col(StationRootRow.station) == station, StationRootRow.known_name == row.new,
            col(StationRootRow.gone_at).is_(None),
        )  # fmt: skip
        asked = select(RootActRow.id).where(
            col(RootActRow.station) == station, RootActRow.name == row.new, RootActRow.deed == Deed.INSTALL.value,
            col(RootActRow.at) >= row.started_at,
        )  # fmt: skip
        query = select(StationRow.id).where(
            *self._reachable(row, [*barred, *self._off(row)]), col(StationRow.tls_version).is_not(None),
            ~over_an_edge(), ~lists.exists(), ~asked.exists(),
        )  # fmt: skip
        return list(session.exec(query.order_by(station).limit(PACE)))

    def _to_renew(self, session: Session, row: RootPlanRow, barred: Sequence[str]) -> list[str]:
        """Stations whose certificate the old authorities issued, and that were not asked since the switch."""
        asked = select(RenewalAskRow.station).where(
            col(RenewalAskRow.station) == col(StationRow.id), col(RenewalAskRow.asked_at) >= row.moved_at
        )
        query = (
            select(StationRow.id)
            .join(CertificateRow, col(CertificateRow.serial) == col(StationRow.certificate_serial))
            .where(
                *self._reachable(row, barred),
                col(CertificateRow.authority).in_(self._acts.leaving(row.old)),
                ~asked.exists(),
            )
        )
        return list(session.exec(query.order_by(col(StationRow.id)).limit(PACE)))

    def _reachable(self, row: RootPlanRow, barred: Sequence[str]) -> tuple[Any, ...]:
        walking = select(WalkRow.id).where(
            col(WalkRow.station) == col(StationRow.id), col(WalkRow.outcome).in_(ACTIVE_WALKS)
        )
        out = select(PlanExclusionRow.station).where(PlanExclusionRow.plan == row.id)
        return (
            col(StationRow.online).is_(True),
            col(StationRow.node) == self._node,
            col(StationRow.quiet).is_(False),
            col(StationRow.booted_at).is_not(None),
            col(StationRow.ocpp_version).is_not(None),
            col(StationRow.id).not_in(barred),
            col(StationRow.id).not_in(out),
            ~walking.exists(),
            ~busy(),
        )

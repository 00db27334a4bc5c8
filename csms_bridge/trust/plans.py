"""The door to planned roll-overs of roots: a fleet's side of pki/rollover.py.

A step is written down as an intent before it is done, and as done afterwards. What a crash left as an intent is done
in the next round: every act here may be done twice.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import PlanRefused, UnknownStation
from csms_bridge.tables import StationRow
from csms_bridge.trust.clearing import Holding
from csms_bridge.trust.connecting import Outcome
from csms_bridge.trust.forecast import Judged
from csms_bridge.trust.plan_acts import PlanActs
from csms_bridge.trust.plan_book import (
    Exclusion,
    PlanState,
    RootPlan,
    exclusions_of,
    gates_text,
    held_row,
    note,
    plan_of,
    row_of,
)
from csms_bridge.trust.plan_judging import PlanJudging
from csms_bridge.trust.plan_steps import (
    BACK,
    DOES,
    Gates,
    PlanStep,
    Stay,
    following,
    preceding,
)
from csms_bridge.trust.rows import PlanExclusionRow, RootPlanRow
from pki.audit import AuditTrail
from pki.authority import Authority
from pki.clock import Clock
from pki.errors import PkiError
from pki.hierarchy import AuthorityKind, HierarchyName
from pki.store import Store

_OPEN = (PlanState.RUNNING.value, PlanState.PAUSED.value)
_CONFIRM_HINT = "voltward ca rollover status ID names them; voltward ca rollover exclude ID STATION --reason WHY"


class RootPlans:
    """Starts plans, moves them along their steps, and back. Safe to use from several threads and processes."""

    def __init__(
        self, store: Store, trail: AuditTrail, authority: Authority, judging: PlanJudging, clock: Clock
    ) -> None:
        self._store = store
        self._trail = trail
        self._authority = authority
        self._judging = judging
        self._clock = clock
        self._acts = PlanActs(authority)

    # --- looking

    def all(self) -> list[RootPlan]:
        """The newest first, without how the fleet stands to them."""
        query = select(RootPlanRow).order_by(col(RootPlanRow.started_at).desc(), col(RootPlanRow.id))
        with self._store.reading() as session:
            return [plan_of(session, row, self._does(row)) for row in session.exec(query)]

    def find(self, plan: str) -> RootPlan:
        """One plan, how the fleet stands to its next step, and what is against that. Raises UnknownPlan."""
        with self._store.reading() as session:
            row = row_of(session, plan)
            if row.state not in _OPEN or following(PlanStep(row.step)) is None:
                return plan_of(session, row, "")
            stands, act = self._judging.look(session, row)
            return plan_of(session, row, self._does(row), stands, act if isinstance(act, Stay) else None)

    def losing(self, plan: str, after: str | None = None, limit: int = 100) -> list[Judged]:
        """The stations that would lose us by the next step and are not excluded, by name. Raises UnknownPlan."""
        return self._judging.judged(plan, Outcome.LOSES, after, limit)

    def unsure(self, plan: str, after: str | None = None, limit: int = 100) -> list[Judged]:
        """The stations of which nobody can tell. Raises UnknownPlan."""
        return self._judging.judged(plan, Outcome.UNSURE, after, limit)

    def holding(self, plan: str, after: str | None = None, limit: int = 100) -> list[Holding]:
        """The stations that list the old root after it was removed here, by name, and why. Raises UnknownPlan."""
        return self._judging.holding(plan, after, limit)

    def exclusions(self, plan: str, after: str | None = None, limit: int = 100) -> list[Exclusion]:
        """The stations that it goes on without, by name. Raises UnknownPlan."""
        with self._store.reading() as session:
            row_of(session, plan)
            return exclusions_of(session, plan, after or "", limit)

    def is_planned(self, rollover: str) -> bool:
        """Whether a plan that is not over moves this roll-over."""
        with self._store.reading() as session:
            row = session.get(RootPlanRow, rollover)
        return row is not None and row.state in _OPEN

    def check_not_planned(self, rollover: str) -> None:
        """A roll-over with a plan is moved by the plan alone. Raises PlanRefused."""
        if self.is_planned(rollover):
            sentence = f"the roll-over {rollover} is planned: it goes on with the plan, which looks at the stations"
            raise PlanRefused((sentence,), "Abandon the plan first, or: voltward ca rollover advance ID")

    # --- changing

    def start(self, root: str, by: str, gates: Gates, successor: str | None = None) -> RootPlan:
        """Plan the roll-over of a root: its successor is made, or taken over from a roll-over that has begun.

        Raises UnknownAuthority, PlanRefused, and what `Rollovers.start` raises.
        """
        _check_gates(gates)
        info = self._authority.authority(root)
        if info.kind is not AuthorityKind.ROOT or info.hierarchy is not HierarchyName.OPERATOR:
            raise PlanRefused((f"{root!r} is no root of ours that stations connect under",))
        rollover = self._acts.under_way(root) or self._authority.rollovers.start(root, by, successor)
        now = self._clock()
        row = RootPlanRow(
            id=rollover.id, old=rollover.old, new=rollover.new, step=PlanStep.PLANNED.value,
            state=PlanState.RUNNING.value, gates=gates_text(gates), started_by=by, started_at=now, moved_at=now,
        )  # fmt: skip
        with self._store.writing() as session:
            if session.get(RootPlanRow, rollover.id) is not None:
                raise PlanRefused((f"the roll-over {rollover.id} of {root!r} is planned already",))
            note(session, self._trail, FleetAct.ROOT_PLAN_STARTED, row, by, "", now, gates=row.gates)
        return self.find(rollover.id)

    def advance(self, plan: str, step: PlanStep, by: str, remark: str = "", *, force: bool = False) -> RootPlan:
        """Take the next step, which the caller names: one that was taken already is not taken again.

        `force` overrules what the authority's own rules let be overruled, and needs a remark; nothing overrules the
        veto of stations. Raises UnknownPlan, PlanRefused, RolloverRefused, SignerUnavailable.
        """
        with self._store.writing() as session:
            row = held_row(session, plan)
            if row.step == step and not row.intent:
                return plan_of(session, row, self._does(row))
            self._check_moving(row, step.value)
            if row.intent != step:
                if following(PlanStep(row.step)) is not step:
                    raise PlanRefused((f"the next step is {following(PlanStep(row.step))!s}, not {step.value!r}",))
                self._intend(session, row, step, by, remark, force=force)
        self._carry_out(plan)
        return self.find(plan)

    def back(self, plan: str, by: str, remark: str) -> RootPlan:
        """Undo the last step. Raises UnknownPlan, PlanRefused where there is no way back, RolloverRefused."""
        with self._store.writing() as session:
            row = held_row(session, plan)
            self._check_moving(row, BACK)
            if preceding(PlanStep(row.step)) is None:
                raise PlanRefused((f"there is no way back from {row.step!r}",))
            row.intent, row.intent_by, row.note = BACK, by, remark
            note(session, self._trail, FleetAct.ROOT_PLAN_INTENDED, row, by, remark, self._clock(), intent=BACK)
        self._carry_out(plan)
        return self.find(plan)

    def pause(self, plan: str, reason: str, by: str) -> RootPlan:
        """Nothing is sent and no step taken until it is resumed. Raises UnknownPlan, PlanRefused."""
        return self._turn(plan, PlanState.RUNNING, PlanState.PAUSED, reason, by)

    def resume(self, plan: str, by: str) -> RootPlan:
        """It goes on. Raises UnknownPlan, PlanRefused."""
        return self._turn(plan, PlanState.PAUSED, PlanState.RUNNING, "", by)

    def abandon(self, plan: str, reason: str, by: str) -> RootPlan:
        """Give it up, with its roll-over as long as that may be. Raises UnknownPlan, PlanRefused, RolloverRefused."""
        with self._store.reading() as session:
            row = row_of(session, plan)
        if row.state not in _OPEN:
            raise PlanRefused((f"it is {row.state}",))
        self._acts.abandon(plan, by, reason)
        now = self._clock()
        with self._store.writing() as session:
            row = held_row(session, plan)
            row.state, row.reason, row.moved_at, row.intent = PlanState.ABANDONED.value, reason, now, ""
            note(session, self._trail, FleetAct.ROOT_PLAN_ENDED, row, by, reason, now)
        return self.find(plan)

    def set_gates(self, plan: str, gates: Gates, by: str, reason: str) -> RootPlan:
        """Other per cents from now on. Raises UnknownPlan, PlanRefused."""
        _check_gates(gates)
        with self._store.writing() as session:
            row = held_row(session, plan)
            row.gates = gates_text(gates)
            note(session, self._trail, FleetAct.ROOT_PLAN_GATED, row, by, reason, self._clock(), gates=row.gates)
        return self.find(plan)

    def exclude(self, plan: str, stations: Sequence[str], reason: str, by: str) -> RootPlan:
        """Go on without these: it is known that they will drop. Raises UnknownPlan, UnknownStation, PlanRefused."""
        if not reason.strip():
            raise PlanRefused(("say why: whoever finds the station dark will ask",))
        now = self._clock()
        with self._store.writing() as session:
            row = held_row(session, plan)
            for station in stations:
                if session.get(StationRow, station) is None:
                    raise UnknownStation(station)
                session.merge(PlanExclusionRow(plan=plan, station=station, reason=reason, by=by, at=now))
                note(
                    session, self._trail, FleetAct.ROOT_PLAN_EXCLUDED, row, by, reason, now, station=station
                )  # fmt: skip
        return self.find(plan)

    def include(self, plan: str, station: str, by: str) -> RootPlan:
        """It counts again. Raises UnknownPlan, UnknownStation when it was not excluded."""
        with self._store.writing() as session:
            row = held_row(session, plan)
            found = session.get(PlanExclusionRow, (plan, station))
            if found is None:
                raise UnknownStation(station)
            session.delete(found)
            note(session, self._trail, FleetAct.ROOT_PLAN_INCLUDED, row, by, "", self._clock(), station=station)
        return self.find(plan)

    def settle_intents(self) -> None:
        """Do what a crash left undone."""
        with self._store.reading() as session:
            left = session.exec(
                select(RootPlanRow.id).where(col(RootPlanRow.intent) != "", col(RootPlanRow.state).in_(_OPEN))
            ).all()
        for plan in left:
            self._carry_out(plan)

    # --- inside

    def _intend(self, session: Session, row: RootPlanRow, step: PlanStep, by: str, remark: str, *, force: bool) -> None:
        """Write down that the step is taken, when nothing is against it; what was looked at cannot change before."""
        _, act = self._judging.look(session, row)
        if isinstance(act, Stay):
            raise PlanRefused(act.findings, _CONFIRM_HINT if act.stations else "", act.stations)
        row.intent, row.intent_by, row.note, row.forced = step.value, by, remark, force
        note(session, self._trail, FleetAct.ROOT_PLAN_INTENDED, row, by, remark, self._clock(), intent=step.value)

    def _carry_out(self, plan: str) -> None:
        """Do what is intended, then write down that it is done; an act that is refused leaves the plan as it was."""
        with self._store.reading() as session:
            row = row_of(session, plan)
        if not row.intent:
            return
        try:
            self._acts.do(row)
        except PkiError as refused:
            self._settle(plan, row.intent, done=False, reason=refused.sentence)
            raise
        self._settle(plan, row.intent, done=True)

    def _settle(self, plan: str, intent: str, *, done: bool, reason: str = "") -> None:
        now = self._clock()
        with self._store.writing() as session:
            row = held_row(session, plan)
            if row.intent != intent:  # somebody else was faster
                return
            by, row.intent, row.forced, row.reason = row.intent_by, "", False, reason
            if done:
                _move(row, intent, now)
            act = FleetAct.ROOT_PLAN_MOVED if done else FleetAct.ROOT_PLAN_HINDERED
            note(session, self._trail, act, row, by, reason or row.note, now, intent=intent)

    def _turn(self, plan: str, before: PlanState, after: PlanState, reason: str, by: str) -> RootPlan:
        with self._store.writing() as session:
            row = held_row(session, plan)
            if row.state != before:
                raise PlanRefused((f"it is {row.state}, not {before.value}",))
            row.state, row.reason = after.value, reason
            act = FleetAct.ROOT_PLAN_PAUSED if after is PlanState.PAUSED else FleetAct.ROOT_PLAN_RESUMED
            note(session, self._trail, act, row, by, reason, self._clock())
        return self.find(plan)

    def _check_moving(self, row: RootPlanRow, intent: str) -> None:
        if row.state != PlanState.RUNNING:
            raise PlanRefused(
                (f"the plan is {row.state}",), "voltward ca rollover resume ID" if row.state == "paused" else ""
            )
        if row.intent and row.intent != intent:
            raise PlanRefused((f"{row.intent!r} is being done",), "Wait for it to end.")

    def _does(self, row: RootPlanRow) -> str:
        step = following(PlanStep(row.step))
        return DOES.get(step, "") if step is not None and row.state in _OPEN else ""


def _move(row: RootPlanRow, intent: str, now: datetime) -> None:
    if intent == BACK:
        before = preceding(PlanStep(row.step))
        row.step = (before or PlanStep.PLANNED).value
    else:
        row.step = intent
    row.moved_at = now
    if row.step == PlanStep.CONNECT:
        row.alone_since = now
    elif intent == BACK:
        row.alone_since = None
    if row.step == PlanStep.CLEAR:
        row.state = PlanState.DONE.value


def _check_gates(gates: Gates) -> None:
    if not (0 <= gates.confirmed <= 100 and 0 <= gates.connected <= 100):
        raise PlanRefused(("a gate is a number of per cent, from 0 to 100",))

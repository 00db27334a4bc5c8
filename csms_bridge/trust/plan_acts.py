"""What a step of a plan does at the authority. Everything may be done twice."""

from csms_bridge.trust.forecast import with_those_below
from csms_bridge.trust.plan_steps import BACK, PlanStep
from csms_bridge.trust.rows import RootPlanRow
from pki.authority import Authority
from pki.errors import RolloverRefused
from pki.rollover import Rollover
from pki.rollover_steps import STEPS, StepName

_TAKES = {
    PlanStep.CONFIRM: StepName.DISTRIBUTE,
    PlanStep.SWITCH: StepName.ISSUE_FROM_NEW,
    PlanStep.REMOVE: StepName.RETIRE_OLD,
}
_NAMES = [step.name for step in STEPS]


class PlanActs:
    """The authority's side of a plan."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def under_way(self, root: str) -> Rollover | None:
        """A roll-over of this root that somebody has begun, and of which nothing depends yet."""
        found = [one for one in self._authority.rollovers.all() if one.old == root and one.may_be_abandoned]
        return found[0] if found else None

    def leaving(self, old: str) -> tuple[str, ...]:
        """The old root and the authorities below it."""
        return with_those_below(self._authority, old)

    def do(self, row: RootPlanRow) -> None:
        """What the plan's intent means. Raises RolloverRefused, SignerUnavailable."""
        remark = row.note or f"the plan of the roll-over: {row.intent}"
        if row.intent == BACK:
            self._undo(row, remark)
            return
        step = PlanStep(row.intent)
        if step is PlanStep.CONNECT:
            self._authority.rollovers.bridge(row.id, False, row.intent_by, remark)
        elif step in _TAKES and not self._is_taken(row.id, _TAKES[step]):
            force = row.forced and bool(row.note)
            self._authority.rollovers.advance(row.id, _TAKES[step], row.intent_by, remark, force=force)

    def abandon(self, rollover: str, by: str, reason: str) -> None:
        """Give the roll-over up, when it has not been given up. Raises RolloverRefused."""
        found = self._authority.rollovers.find(rollover)
        if found.may_be_abandoned:
            self._authority.rollovers.abandon(rollover, by, reason)
        elif found.next is not None:
            raise RolloverRefused(
                ("the successor issues: nothing can be given up",), "Step back first: voltward ca rollover back ID"
            )

    def _undo(self, row: RootPlanRow, remark: str) -> None:
        if row.step == PlanStep.CONNECT:
            self._authority.rollovers.bridge(row.id, True, row.intent_by, remark)
        elif row.step == PlanStep.SWITCH:
            self._authority.rollovers.step_back(row.id, row.intent_by, remark)

    def _is_taken(self, rollover: str, step: StepName) -> bool:
        done = self._authority.rollovers.find(rollover).step
        return done in _NAMES and _NAMES.index(StepName(done)) >= _NAMES.index(step)

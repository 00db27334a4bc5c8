"""What the audit trail is told of a walk that moved. Pure."""

from csms_bridge.acts import FleetAct
from csms_bridge.walks.operating import LEFT_OUT
from csms_bridge.walks.steps import Progress, StepState, WalkState


def told(before: Progress, after: Progress, verb: str = "") -> list[tuple[FleetAct, dict[str, str]]]:
    """What the audit trail is told: each step that changed, and how the walk ended or stopped."""
    told = [
        (FleetAct.WALK_STEP, {"step": new.name, "state": new.state.value, "note": new.note})
        for old, new in zip(before.views, after.views, strict=False)
        if (old.state, old.note) != (new.state, new.note)
        and new.state is not StepState.PENDING
        and new.note != LEFT_OUT
    ]
    if verb in _OPERATED and after.outcome is not WalkState.CANCELLED:
        told.append((_OPERATED[verb], {}))
    if before.outcome is after.outcome:
        return told
    outcome = {
        WalkState.DONE: FleetAct.WALK_DONE,
        WalkState.HELD: FleetAct.WALK_HELD,
        WalkState.RUNNING: FleetAct.WALK_RESUMED,
        WalkState.CANCELLED: FleetAct.WALK_CANCELLED,
    }
    return [*told, (outcome[after.outcome], {})]


_OPERATED = {
    "retry": FleetAct.WALK_RETRIED,
    "skip": FleetAct.WALK_SKIPPED,
    "cancel": FleetAct.WALK_CANCELLING,
}

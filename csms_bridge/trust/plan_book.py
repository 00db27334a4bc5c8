"""Planned roll-overs of roots in the database: rows, values, and their audit records."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import UnknownPlan
from csms_bridge.trust.plan_steps import Gates, PlanStep, Standing, Stay, following, preceding
from csms_bridge.trust.rows import PlanExclusionRow, RootPlanRow
from pki.audit import JSON, AuditTrail
from pki.store import hold_lock

KIND = "root-plan"


class PlanState(StrEnum):
    """Whether it goes on."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A station that the plan goes on without, and who said so."""

    station: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RootPlan:
    """A planned roll-over of the root `old` to `new`; `id` is the roll-over's.

    `step` was done last, `intent` is being done (empty: nothing), `next` comes, `back` is where a way back leads.
    `standing` is that towards the next step, `stay` why it is not taken now; both None once the plan is over.
    """

    id: str
    old: str
    new: str
    step: PlanStep
    intent: str
    next: PlanStep | None
    does: str
    back: PlanStep | None
    state: PlanState
    reason: str
    gates: Gates
    alone_since: datetime | None
    started_by: str
    started_at: datetime
    moved_at: datetime
    exclusions: int
    standing: Standing | None = None
    stay: Stay | None = None


def row_of(session: Session, plan: str) -> RootPlanRow:
    """Raises UnknownPlan."""
    row = session.get(RootPlanRow, plan, populate_existing=True)
    if row is None:
        raise UnknownPlan(plan)
    return row


def held_row(session: Session, plan: str) -> RootPlanRow:
    """The same for who is about to change it: one after the other. Raises UnknownPlan."""
    hold_lock(session, f"{KIND}:{plan}")
    return row_of(session, plan)


def plan_of(
    session: Session, row: RootPlanRow, does: str, standing: Standing | None = None, stay: Stay | None = None
) -> RootPlan:
    """The domain object of a row."""
    step, state = PlanStep(row.step), PlanState(row.state)
    is_open = state in (PlanState.RUNNING, PlanState.PAUSED)
    count = select(func.count()).select_from(PlanExclusionRow).where(PlanExclusionRow.plan == row.id)
    return RootPlan(
        id=row.id,
        old=row.old,
        new=row.new,
        step=step,
        intent=row.intent,
        next=following(step) if is_open else None,
        does=does,
        back=preceding(step) if is_open else None,
        state=state,
        reason=row.reason,
        gates=gates_of(row),
        alone_since=row.alone_since,
        started_by=row.started_by,
        started_at=row.started_at,
        moved_at=row.moved_at,
        exclusions=session.exec(count).one(),
        standing=standing,
        stay=stay,
    )


def gates_of(row: RootPlanRow) -> Gates:
    """Its gates."""
    return Gates(**json.loads(row.gates))


def gates_text(gates: Gates) -> str:
    """As a row keeps them."""
    return json.dumps(asdict(gates))


def exclusion_of(row: PlanExclusionRow) -> Exclusion:
    """The domain object of a row."""
    return Exclusion(row.station, row.reason, row.by, row.at)


def exclusions_of(session: Session, plan: str, after: str, limit: int) -> list[Exclusion]:
    """By station, from `after` on."""
    row = PlanExclusionRow
    query = select(row).where(row.plan == plan, col(row.station) > after).order_by(col(row.station)).limit(limit)
    return [exclusion_of(one) for one in session.exec(query)]


def note(
    session: Session, trail: AuditTrail, act: FleetAct, row: RootPlanRow, by: str, reason: str, now: datetime,
    **details: JSON,
) -> None:  # fmt: skip
    """The change of a plan with its audit record, in the caller's transaction."""
    session.add(row)
    session.flush()
    about: dict[str, Any] = {"old": row.old, "new": row.new, "step": row.step, "state": row.state, **details}
    trail.record(session, act, by=by, kind=KIND, thing=row.id, reason=reason, details=about, now=now)

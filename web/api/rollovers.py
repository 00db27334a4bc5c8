"""/api/v1/rollovers: authorities on their way to a successor, step by step."""

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import Field

from pki.rollover_steps import StepName
from web.api.asked import Doors
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/rollovers", tags=["authorities"])


class StartIn(In):
    """Whose successor, and which one when a ceremony has prepared it already."""

    authority: str = Field(min_length=1, max_length=100)
    successor: str | None = Field(default=None, max_length=100)


class AdvanceIn(In):
    """The step to take, by name: one that was taken is not taken again. `force` needs a note."""

    step: StepName
    note: str = Field(default="", max_length=500)
    force: bool = False


class AbandonIn(In):
    """Why it is given up."""

    note: str = Field(min_length=1, max_length=500)


class ObstacleOut(Out):
    """What stands against the next step now."""

    sentence: str
    may_be_forced: bool


class RolloverOut(Out):
    """A roll-over. `step` was done last (or `abandoned`), `next` comes; it `does` this, and `moves` authorities so.

    A `planned` one is moved by its plan (`/api/v1/roots/plans`), which looks at the stations.
    """

    id: str
    old: str
    new: str
    step: str
    next: str | None
    does: str
    obstacles: tuple[ObstacleOut, ...]
    moves: Mapping[str, str]
    may_be_abandoned: bool
    started_by: str
    started_at: datetime
    moved_at: datetime
    planned: bool = False


class PlanOut(Out):
    """The ceremony file (TOML) that the first step holds."""

    ceremony: str


@router.get("")
def list_rollovers(doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))) -> Page[RolloverOut]:
    """All roll-overs, newest first."""
    return Page(items=[RolloverOut.of(one) for one in doors.authority.rollovers.all()], next=None)


@router.post("", status_code=201)
def start_rollover(
    doors: Doors, body: StartIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RolloverOut:
    """Take the first step: make the successor. Nothing is issued by it yet."""
    return RolloverOut.of(doors.authority.rollovers.start(body.authority, caller.name, body.successor))


@router.get("/plan/{authority}")
def plan_rollover(
    doors: Doors, authority: str, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> PlanOut:
    """What the first step would hold. Nothing is made."""
    return PlanOut(ceremony=doors.authority.rollovers.plan(authority))


@router.get("/{rollover_id}")
def show_rollover(
    doors: Doors, rollover_id: str, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> RolloverOut:
    """One roll-over, and what stands against its next step now."""
    found = RolloverOut.of(doors.authority.rollovers.find(rollover_id))
    return found.model_copy(update={"planned": doors.fleet.trust.plans.is_planned(rollover_id)})


@router.post("/{rollover_id}/advance")
def advance_rollover(
    doors: Doors, rollover_id: str, body: AdvanceIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RolloverOut:
    """Take the next step; of a root that is planned, its plan does."""
    doors.fleet.trust.plans.check_not_planned(rollover_id)
    rollovers = doors.authority.rollovers
    return RolloverOut.of(rollovers.advance(rollover_id, body.step, caller.name, body.note, force=body.force))


@router.post("/{rollover_id}/abandon")
def abandon_rollover(
    doors: Doors, rollover_id: str, body: AbandonIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RolloverOut:
    """Give it up before anything was issued by the successor."""
    doors.fleet.trust.plans.check_not_planned(rollover_id)
    return RolloverOut.of(doors.authority.rollovers.abandon(rollover_id, caller.name, body.note))

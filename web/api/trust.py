"""/api/v1/roots: the trust map, and planned roll-overs of roots. Which station trusts what, and who would drop."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from csms_bridge.trust.clearing import Holding
from csms_bridge.trust.plan_book import RootPlan
from csms_bridge.trust.plan_steps import Gates, PlanStep
from csms_bridge.trust.states import TrustState
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import In, Out, Page
from web.api.will_it_connect import JudgedOut, ReasonOut
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(tags=["roots"])


class MappedRootOut(Out):
    """A root, whose it is (`operator`, `manufacturer`, or a maker's name), and how many stations are in which state."""

    name: str
    whose: str
    kind: str
    not_after: datetime
    counts: dict[str, int]


class TrustingOut(Out):
    """A station and a root: the state, and why it is said so."""

    station: str
    root: str
    state: str
    why: str
    vendor: str
    model: str
    site: str
    profile: int | None
    online: bool
    last_seen: datetime | None


class GatesOut(Out):
    """Per cent of the stations concerned that must have confirmed, and have connected under the new root alone."""

    confirmed: float
    connected: float


class StandingOut(Out):
    """How the fleet stands to the next step, without those that were excluded.

    `concerned` are shown the certificate that changes; of these `confirmed` hold the new root and `proven` connected
    under it alone. `losing` would drop by the step, of `unsure` ones nobody can tell. `elsewhere` have never
    connected, or an edge ends their TLS. `holding` list the old root after it was removed here.
    """

    concerned: int
    confirmed: int
    proven: int
    losing: int
    unsure: int
    elsewhere: int
    excluded: int
    holding: int
    reasons: tuple[ReasonOut, ...]


class StayOut(Out):
    """Why the next step is not taken now: in sentences, and the stations that would drop (the first hundred)."""

    findings: tuple[str, ...]
    stations: tuple[str, ...]


class RootPlanOut(Out):
    """A planned roll-over of `old` to `new`; its id is the roll-over's.

    `step` was done last, `intent` is being done, `next` comes and `does` this; `back` is where a way back leads.
    """

    id: str
    old: str
    new: str
    step: str
    intent: str
    next: str | None
    does: str
    back: str | None
    state: str
    reason: str
    gates: GatesOut
    alone_since: datetime | None
    started_by: str
    started_at: datetime
    moved_at: datetime
    exclusions: int
    standing: StandingOut | None
    stay: StayOut | None

    @classmethod
    def made(cls, plan: RootPlan) -> "RootPlanOut":
        """The wire's shape of a plan."""
        told = {name: getattr(plan, name) for name in cls.model_fields if name not in ("gates", "standing", "stay")}
        return cls(
            **told,
            gates=GatesOut.of(plan.gates),
            standing=_standing(plan),
            stay=StayOut.of(plan.stay) if plan.stay is not None else None,
        )


class ExclusionOut(Out):
    """A station that the plan goes on without."""

    station: str
    reason: str
    by: str
    at: datetime


class PlanIn(In):
    """Which root, and when the plan may go on; `successor` names a root that a ceremony has prepared."""

    root: str = Field(min_length=1, max_length=100)
    successor: str | None = Field(default=None, max_length=100)
    confirmed: float = Field(default=100, ge=0, le=100)
    connected: float = Field(default=100, ge=0, le=100)


class TakeIn(In):
    """The step to take, by name: one that was taken is not taken again. `force` never overrules a station's veto."""

    step: PlanStep
    note: str = Field(default="", max_length=500)
    force: bool = False


class WhyIn(In):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


class GatesIn(WhyIn):
    """Other per cents, and why."""

    confirmed: float = Field(ge=0, le=100)
    connected: float = Field(ge=0, le=100)


class ExcludeIn(WhyIn):
    """Which stations the plan goes on without, and why."""

    stations: list[str] = Field(min_length=1, max_length=1000)


@router.get("/roots/trust")
def trust_map(
    doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> Page[MappedRootOut]:  # fmt: skip
    """The trust map: each root against each state, counted over the fleet."""
    found = [
        MappedRootOut(
            name=one.name, whose=one.whose, kind=one.kind.value, not_after=one.not_after,
            counts={state.value: number for state, number in one.counts.items()},
        )
        for one in doors.fleet.trust.map.roots()
    ]  # fmt: skip
    return Page(items=found, next=None)


@router.get("/roots/{name}/trust")
def stations_in_state(
    doors: Doors,
    name: str,
    state: TrustState,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[TrustingOut]:
    """The stations that are in a state with this root, by name."""
    found = doors.fleet.trust.map.stations(name, state, after, limit + 1)
    return page(found, limit, TrustingOut.of, lambda one: one.station)


@router.get("/stations/{station_id}/trust")
def trust_of_station(
    doors: Doors, station_id: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> Page[TrustingOut]:
    """What may be said of a station and each root."""
    return Page(items=[TrustingOut.of(one) for one in doors.fleet.trust.map.of_station(station_id)], next=None)


@router.get("/roots/plans")
def list_plans(doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))) -> Page[RootPlanOut]:
    """Planned roll-overs of roots, newest first, without how the fleet stands to them."""
    return Page(items=[RootPlanOut.made(one) for one in doors.fleet.trust.plans.all()], next=None)


@router.post("/roots/plans", status_code=201)
def start_plan(
    doors: Doors, body: PlanIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RootPlanOut:
    """Plan the roll-over of a root: its successor is made, and nothing else happens yet."""
    gates = Gates(body.confirmed, body.connected)
    return RootPlanOut.made(doors.fleet.trust.plans.start(body.root, caller.name, gates, body.successor))


@router.get("/roots/plans/{plan}")
def show_plan(doors: Doors, plan: str, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))) -> RootPlanOut:
    """One plan, how the fleet stands to its next step, and what is against that."""
    return RootPlanOut.made(doors.fleet.trust.plans.find(plan))


@router.get("/roots/plans/{plan}/stations")
def stations_of_plan(
    doors: Doors,
    plan: str,
    outcome: Literal["loses", "unsure", "holds"] = "loses",
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[JudgedOut]:
    """The stations that would drop by the next step, of which nobody can tell, or that hold the old root; and why."""
    plans = doors.fleet.trust.plans
    if outcome == "holds":
        return page(plans.holding(plan, after, limit + 1), limit, _holding, lambda one: one.station)
    found = (plans.losing if outcome == "loses" else plans.unsure)(plan, after, limit + 1)
    return page(found, limit, JudgedOut.made, lambda one: one.station)


@router.post("/roots/plans/{plan}/advance")
def advance_plan(
    doors: Doors, plan: str, body: TakeIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RootPlanOut:
    """Take the next step, unless a station that was not excluded would drop by it."""
    plans = doors.fleet.trust.plans
    return RootPlanOut.made(plans.advance(plan, body.step, caller.name, body.note, force=body.force))


@router.post("/roots/plans/{plan}/back")
def step_back(
    doors: Doors, plan: str, body: WhyIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RootPlanOut:
    """Undo the last step, before the old root is removed."""
    return RootPlanOut.made(doors.fleet.trust.plans.back(plan, caller.name, body.reason))


@router.post("/roots/plans/{plan}/pause")
def pause_plan(
    doors: Doors, plan: str, body: WhyIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RootPlanOut:
    """Send nothing and take no step until it is resumed."""
    return RootPlanOut.made(doors.fleet.trust.plans.pause(plan, body.reason, caller.name))


@router.post("/roots/plans/{plan}/resume")
def resume_plan(
    doors: Doors, plan: str, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RootPlanOut:
    """Let a paused plan go on."""
    return RootPlanOut.made(doors.fleet.trust.plans.resume(plan, caller.name))


@router.post("/roots/plans/{plan}/abandon")
def abandon_plan(
    doors: Doors, plan: str, body: WhyIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RootPlanOut:
    """Give a plan up, with its roll-over, before the successor issues."""
    return RootPlanOut.made(doors.fleet.trust.plans.abandon(plan, body.reason, caller.name))


@router.put("/roots/plans/{plan}/gates")
def set_gates(
    doors: Doors, plan: str, body: GatesIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RootPlanOut:
    """Other per cents from now on."""
    gates = Gates(body.confirmed, body.connected)
    return RootPlanOut.made(doors.fleet.trust.plans.set_gates(plan, gates, caller.name, body.reason))


@router.get("/roots/plans/{plan}/exclusions")
def list_exclusions(
    doors: Doors,
    plan: str,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[ExclusionOut]:
    """The stations that a plan goes on without, and why."""
    found = doors.fleet.trust.plans.exclusions(plan, after, limit + 1)
    return page(found, limit, ExclusionOut.of, lambda one: one.station)


@router.post("/roots/plans/{plan}/exclusions")
def exclude_stations(
    doors: Doors, plan: str, body: ExcludeIn, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RootPlanOut:
    """Go on without these stations: it is known that they will drop, or somebody sees to them by hand."""
    return RootPlanOut.made(doors.fleet.trust.plans.exclude(plan, body.stations, body.reason, caller.name))


@router.delete("/roots/plans/{plan}/exclusions/{station_id}")
def include_station(
    doors: Doors, plan: str, station_id: str, caller: Principal = Depends(Needs(Permission.ROLLOVERS_CHANGE))
) -> RootPlanOut:
    """The station counts again."""
    return RootPlanOut.made(doors.fleet.trust.plans.include(plan, station_id, caller.name))


def _holding(one: Holding) -> JudgedOut:
    return JudgedOut(
        outcome="holds", **{name: getattr(one, name) for name in JudgedOut.model_fields if name != "outcome"}
    )


def _standing(plan: RootPlan) -> StandingOut | None:
    if plan.standing is None:
        return None
    numbers = {name: getattr(plan.standing, name) for name in StandingOut.model_fields if name != "reasons"}
    return StandingOut(**numbers, reasons=tuple(ReasonOut.made(*one) for one in plan.standing.reasons))

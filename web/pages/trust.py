"""/trust: which station trusts which root, who would lose us by a change, and roots that are rolled over."""

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from csms_bridge.errors import BridgeError
from csms_bridge.migration.mixed_fleet import WORDS
from csms_bridge.migration.states import Blocker
from csms_bridge.station import OcppVersion
from csms_bridge.trust.connecting import ChangeKind, Outcome
from csms_bridge.trust.forecast import Question
from csms_bridge.trust.plan_steps import DOES, Gates, PlanStep
from csms_bridge.trust.states import TrustState
from pki.errors import PkiError
from web.api.asked import Doors
from web.api.migrations import as_csv as versions_as_csv
from web.api.will_it_connect import Asked, as_csv
from web.errors import RequestRefused
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(include_in_schema=False)
_PAGE = 50
Needed = Annotated[str, Form(min_length=1, max_length=500)]
Text = Annotated[str, Form(max_length=500)]
PerCent = Annotated[float, Form(ge=0, le=100)]

CHANGES = {
    ChangeKind.ROOT_GONE: "a root is gone",
    ChangeKind.SERVER_CHAIN: "our server's chain ends in another root",
    ChangeKind.ISSUER_CHANGED: "another authority issues",
    ChangeKind.CLIENT_CA_RETIRED: "an issuing authority is retired",
    ChangeKind.TLS_HARDENED: "only suites with forward secrecy",
    ChangeKind.RSA_SERVER_DROPPED: "no RSA server certificate",
    ChangeKind.PROFILE_FLOOR: "nothing below a profile",
    ChangeKind.NOTHING: "only time goes by",
}


@router.get("/trust")
def show_map(
    doors: Doors,
    root: str = "",
    state: str = "",
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.STATIONS_READ)),
) -> HTMLResponse:
    """The trust map; with a root and a state the stations of that field."""
    trust = doors.fleet.trust
    chosen = TrustState(state) if root and state in set(TrustState) else None
    found = trust.map.stations(root, chosen, after, _PAGE + 1) if chosen is not None else []
    following = {"root": root, "state": state, "after": found[_PAGE - 1].station} if len(found) > _PAGE else None
    return render(
        "trust.html",
        visitor,
        roots=trust.map.roots(),
        states=list(TrustState),
        root=root,
        chosen=chosen,
        found=found[:_PAGE],
        next=urlencode(following) if following else None,
        after=after,
        plans=trust.plans.all(),
        may_plan=[info for info in doors.authority.chains.roots() if info.status == "active"],
    )


@router.get("/trust/check")
def check(
    doors: Doors,
    asked: Asked,
    outcome: Outcome = Outcome.LOSES,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.STATIONS_READ)),
) -> HTMLResponse:
    """Will it still connect? Without a complete question, the form and what is missing."""
    connecting, foreseen, found, fault = doors.fleet.trust.connecting, None, [], ""
    try:
        foreseen = connecting.foresee(asked)
        found = connecting.stations(asked, outcome, after, _PAGE + 1)
    except (BridgeError, PkiError) as refused:
        fault = refused.sentence
    query = _query(asked)
    following = {**query, "outcome": outcome.value, "after": found[_PAGE - 1].station} if len(found) > _PAGE else None
    authorities = doors.authority.authorities()
    return render(
        "trust_check.html",
        visitor,
        changes=CHANGES,
        asked=asked,
        outcome=outcome,
        query=urlencode(query),
        foreseen=foreseen,
        fault=fault,
        found=found[:_PAGE],
        next=urlencode(following) if following else None,
        after=after,
        roots=[info.name for info in authorities if info.kind == "root"],
        authorities=[info.name for info in authorities if info.kind == "issuing"],
    )


@router.get("/trust/check.csv")
def check_csv(
    doors: Doors, asked: Asked, _visitor: Visitor = Depends(Seen(Permission.STATIONS_READ))
) -> StreamingResponse:
    """The same for every station, as CSV."""
    return as_csv(doors, asked)


@router.post("/trust/plans")
def start(
    doors: Doors,
    root: Needed,
    typed: Text = "",
    confirmed: PerCent = 100,
    connected: PerCent = 100,
    visitor: Visitor = Depends(Submitted(Permission.ROLLOVERS_CHANGE)),
) -> Response:
    """Plan the roll-over of a root."""
    if typed.strip() != root:
        raise RequestRefused("typed", f"the name that was typed is not {root!r}", "Nothing was changed.")
    return _to(doors.fleet.trust.plans.start(root, visitor.name, Gates(confirmed, connected)).id)


@router.get("/trust/plans/{plan}")
def show_plan(
    doors: Doors,
    plan: str,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.AUTHORITIES_READ)),
) -> HTMLResponse:
    """A plan: where it is, how the fleet stands, and the veto by name."""
    plans = doors.fleet.trust.plans
    losing, holding = plans.losing(plan, after, _PAGE + 1), plans.holding(plan, after, _PAGE + 1)
    named = [one.station for one in losing] + [one.station for one in holding]
    following = urlencode({"after": named[_PAGE - 1]}) if len(named) > _PAGE else None
    return render(
        "root_plan.html",
        visitor,
        plan=plans.find(plan),
        steps=[(step, DOES[step]) for step in PlanStep if step in DOES],
        order=list(PlanStep),
        losing=losing[:_PAGE],
        unsure=plans.unsure(plan, None, _PAGE),
        holding=holding[:_PAGE],
        exclusions=plans.exclusions(plan, None, _PAGE),
        next=following,
        after=after,
    )


@router.post("/trust/plans/{plan}/advance")
def advance(
    doors: Doors,
    plan: str,
    step: Annotated[PlanStep, Form()],
    note: Needed,
    typed: Text = "",
    force: Annotated[bool, Form()] = False,
    visitor: Visitor = Depends(Submitted(Permission.ROLLOVERS_CHANGE)),
) -> Response:
    """Take the step that the page showed."""
    plans = doors.fleet.trust.plans
    if step is PlanStep.REMOVE and typed.strip() != plans.find(plan).old:
        raise RequestRefused("typed", "the name that was typed is not that of the old root", "Nothing was changed.")
    plans.advance(plan, step, visitor.name, note, force=force)
    return _to(plan)


@router.post("/trust/plans/{plan}/{act}")
def turn(
    doors: Doors,
    plan: str,
    act: str,
    reason: Text = "",
    stations: Annotated[list[str] | None, Form()] = None,
    visitor: Visitor = Depends(Submitted(Permission.ROLLOVERS_CHANGE)),
) -> Response:
    """Back, pause, resume, abandon; exclude stations, or count one again."""
    plans, by = doors.fleet.trust.plans, visitor.name
    named = stations or []
    match act:
        case "back":
            plans.back(plan, by, reason)
        case "pause":
            plans.pause(plan, reason, by)
        case "resume":
            plans.resume(plan, by)
        case "abandon":
            plans.abandon(plan, reason, by)
        case "exclude":
            plans.exclude(plan, named, reason, by)
        case "include":
            for station in named:
                plans.include(plan, station, by)
        case _:
            raise RequestRefused("act", f"a plan has no {act!r}", "Nothing was changed.")
    return _to(plan)


@router.get("/fleet/versions")
def versions(
    doors: Doors,
    target: OcppVersion = OcppVersion.V201,
    blocker: str = "",
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.STATIONS_READ)),
) -> HTMLResponse:
    """The fleet on several versions: who is on what, what keeps the others, how long both will be there."""
    chosen = Blocker(blocker) if blocker in set(Blocker) else None
    found = doors.fleet.mixed.stations(target, chosen, after, _PAGE + 1) if chosen is not None else []
    more = (
        {"target": target.value, "blocker": blocker, "after": found[_PAGE - 1].station} if len(found) > _PAGE else None
    )
    return render(
        "versions.html",
        visitor,
        report=doors.fleet.mixed.report(target),
        targets=(OcppVersion.V201, OcppVersion.V21),
        words=WORDS,
        chosen=chosen,
        found=found[:_PAGE],
        next=urlencode(more) if more else None,
        after=after,
        migrations=doors.fleet.migrations.search(limit=20),
    )


@router.get("/fleet/versions.csv")
def versions_csv(
    doors: Doors,
    target: OcppVersion = OcppVersion.V201,
    _visitor: Visitor = Depends(Seen(Permission.STATIONS_READ)),
) -> StreamingResponse:
    """Every station, its version, and what keeps it from the target, as CSV."""
    return versions_as_csv(doors, target)


def _to(plan: str) -> Response:
    return RedirectResponse(f"/trust/plans/{quote(plan, safe='')}", status_code=303)


def _query(asked: Question) -> dict[str, str]:
    """The question as its address."""
    told = {"change": asked.kind.value, "root": asked.root, "authority": asked.authority}
    told |= {"date": asked.at.strftime("%Y-%m-%dT%H:%M:%S")} if asked.at else {}
    return {name: value for name, value in told.items() if value} | (
        {"profile": str(asked.profile)} if asked.profile else {}
    )

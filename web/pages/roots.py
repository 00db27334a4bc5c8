"""/roots: what is trusted, which way it leads, and what is rolled over."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pki.anchor_use import AnchorUse
from pki.rollover_steps import STEPS, StepName
from web.api.asked import Doors
from web.errors import RequestRefused
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/roots", include_in_schema=False)
Text = Annotated[str, Form(max_length=500)]
Needed = Annotated[str, Form(min_length=1, max_length=500)]


@router.get("")
def show(doors: Doors, visitor: Visitor = Depends(Seen(Permission.AUTHORITIES_READ))) -> HTMLResponse:
    """Roots, roll-overs, cross-certificates and makers' roots."""
    authority = doors.authority
    every = authority.authorities()
    return render(
        "roots.html",
        visitor,
        roots=[info for info in every if info.kind == "root"],
        below={info.name: [one for one in every if one.parent == info.name] for info in every},
        may_start=[info for info in every if info.status == "active" and info.post and info.kind != "signer"],
        chosen=authority.chains.counts(),
        holders=doors.fleet.roots.holders([info.name for info in every if info.kind == "root"]),
        unknown_at=doors.fleet.roots.unknown_count(),
        recorded=doors.fleet.roots.recorded.all(),
        rollovers=authority.rollovers.all(),
        steps=STEPS,
        crosses=authority.cross_certificates(),
        anchors=authority.anchors.all(),
    )


@router.post("/rollovers")
def start(
    doors: Doors,
    authority: Needed,
    typed: Text = "",
    visitor: Visitor = Depends(Submitted(Permission.ROLLOVERS_CHANGE)),
) -> Response:
    """Take the first step of a roll-over."""
    _check_typed(typed, authority)
    doors.authority.rollovers.start(authority, visitor.name)
    return _back()


@router.post("/rollovers/{rollover_id}/advance")
def advance(
    doors: Doors,
    rollover_id: str,
    step: Annotated[StepName, Form()],
    note: Needed,
    typed: Text = "",
    force: Annotated[bool, Form()] = False,
    visitor: Visitor = Depends(Submitted(Permission.ROLLOVERS_CHANGE)),
) -> Response:
    """Take the step that the page showed."""
    _check_typed(typed, doors.authority.rollovers.find(rollover_id).old)
    doors.fleet.trust.plans.check_not_planned(rollover_id)
    doors.authority.rollovers.advance(rollover_id, step, visitor.name, note, force=force)
    return _back()


@router.post("/rollovers/{rollover_id}/abandon")
def abandon(
    doors: Doors,
    rollover_id: str,
    note: Needed,
    visitor: Visitor = Depends(Submitted(Permission.ROLLOVERS_CHANGE)),
) -> Response:
    """Give it up before the successor issues."""
    doors.fleet.trust.plans.check_not_planned(rollover_id)
    doors.authority.rollovers.abandon(rollover_id, visitor.name, note)
    return _back()


@router.post("/anchors")
def add_anchor(
    doors: Doors,
    name: Needed,
    vendor: Needed,
    certificate: Annotated[str, Form(min_length=1, max_length=100_000)],
    use: Annotated[AnchorUse, Form()] = AnchorUse.FIRST_CONTACT,
    visitor: Visitor = Depends(Submitted(Permission.ANCHORS_CHANGE)),
) -> Response:
    """Trust a maker's root for the first contact of its stations, or a root for contracts."""
    doors.authority.anchors.add(certificate.encode(), vendor.strip(), name.strip(), visitor.name, use)
    return _back()


@router.post("/anchors/{name}/remove")
def remove_anchor(
    doors: Doors,
    name: str,
    note: Needed,
    typed: Text = "",
    visitor: Visitor = Depends(Submitted(Permission.ANCHORS_CHANGE)),
) -> Response:
    """Trust it no more."""
    _check_typed(typed, name)
    doors.authority.anchors.remove(name, visitor.name, note)
    return _back()


def _check_typed(typed: str, name: str) -> None:
    if typed.strip() != name:
        raise RequestRefused("typed", f"the name that was typed is not {name!r}", "Nothing was changed.")


def _back() -> Response:
    return RedirectResponse("/roots", status_code=303)

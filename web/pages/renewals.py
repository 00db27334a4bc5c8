"""/renewals: what renews by itself, how far it is, and what stands against it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.renewal.states import DueState
from web.api.asked import Doors
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission
from web.replacing_everything import COMMAND, FORM, estimated

router = APIRouter(prefix="/renewals", include_in_schema=False)
_PAGE = 50
Reason = Annotated[str, Form(min_length=1, max_length=500)]
Renewing = Annotated[Visitor, Depends(Submitted(Permission.CERTIFICATES_RENEW))]

MEANINGS = {
    DueState.UNDER_WAY: "asked, and not seen with the new one yet",
    DueState.DUE: "two thirds of the lifetime are over; asked when their turn comes",
    DueState.LATE: "five sixths are over; asked first, at any hour",
    DueState.FAILED: "the last try came to nothing; tried again",
    DueState.UNUSED: "took a new one and goes on with the old one",
    DueState.PAUSED: "ask too often, and are refused unread",
    DueState.ASLEEP: "due and away; asked when they are back",
    DueState.ENDED: "their certificate has ended: the recovery lane lets them in",
    DueState.LATER: "not due yet",
}
"""In the order of the page."""
BAD = (DueState.LATE, DueState.FAILED, DueState.UNUSED, DueState.PAUSED, DueState.ENDED)


@router.get("")
def show(
    doors: Doors,
    state: DueState | None = None,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.CERTIFICATES_READ)),
) -> HTMLResponse:
    """Numbers, the pace, what comes due, and the stations in a state."""
    renewing = doors.fleet.renewing
    overview = renewing.overview()
    stations = renewing.states.page(state, after, _PAGE + 1)
    return render(
        "renewals.html",
        visitor,
        overview=overview,
        meanings=MEANINGS,
        bad=BAD,
        state=state,
        stations=stations[:_PAGE],
        next=stations[_PAGE - 1].station if len(stations) > _PAGE else None,
        after=after,
        largest=max(1, *(week.stations for week in overview.weeks)),
    )


@router.get("/emergency")
def emergency(doors: Doors, visitor: Visitor = Depends(Seen(Permission.CAMPAIGNS_READ))) -> HTMLResponse:
    """What replacing every certificate now would do, and how long it takes."""
    return render("renewals_emergency.html", visitor, emergency=estimated(doors), form=FORM, command=COMMAND)


@router.post("/pause")
def pause(doors: Doors, reason: Reason, visitor: Renewing) -> Response:
    """Ask nobody until it is resumed."""
    doors.fleet.renewing.pause(visitor.name, reason)
    return RedirectResponse("/renewals", status_code=303)


@router.post("/resume")
def resume(doors: Doors, reason: Reason, visitor: Renewing) -> Response:
    """Go on."""
    doors.fleet.renewing.resume(visitor.name, reason)
    return RedirectResponse("/renewals", status_code=303)

"""/stations/unknown: who knocked that nobody registered; adopted with one click, or forgotten."""

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.settings import UnknownStations
from csms_bridge.station import NewStation, SecurityProfile
from web.api.asked import Doors
from web.pages.rendering import render
from web.pages.stations import dial_address
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/stations/unknown", include_in_schema=False)
Changing = Annotated[Visitor, Depends(Submitted(Permission.STATIONS_CHANGE))]
Reason = Annotated[str, Form(min_length=1, max_length=500)]
_PAGE = 50


@router.get("")
def list_unknown(
    doors: Doors, after: str | None = None, visitor: Visitor = Depends(Seen(Permission.STATIONS_READ))
) -> HTMLResponse:
    """The list, with the form that adopts each."""
    found = doors.fleet.strangers.page(after=after, limit=_PAGE + 1)
    following = urlencode({"after": found[_PAGE - 1].id}) if len(found) > _PAGE else None
    quarantines = doors.settings.bridge.unknown_stations is UnknownStations.QUARANTINE
    return render(
        "unknown.html", visitor, strangers=found[:_PAGE], next=following, after=after, quarantines=quarantines
    )


@router.post("/forget")
def forget_all(doors: Doors, visitor: Changing, reason: Reason) -> Response:
    """Empty the list."""
    doors.fleet.strangers.forget_all(None, visitor.name, reason)
    return RedirectResponse("/stations/unknown", status_code=303)


@router.post("/{station_id}/adopt")
def adopt(
    doors: Doors,
    station_id: str,
    visitor: Changing,
    serial: Annotated[str, Form(max_length=64)] = "",
    profile: Annotated[int, Form(ge=0, le=3)] = 1,
    keep_password: Annotated[bool, Form()] = False,
) -> Response:
    """Register it; a password that was made here is on the answer's page and nowhere else."""
    stranger = doors.fleet.strangers.stranger(station_id)
    new = NewStation(stranger.id, serial.strip(), stranger.ocpp_version, SecurityProfile(profile))
    added = doors.fleet.adopt(new, visitor.name, keep_password=keep_password)
    if added.password is None:
        return RedirectResponse(f"/stations/{quote(station_id, safe='')}", status_code=303)
    return render("station_added.html", visitor, added=added, dial=dial_address(doors, station_id))


@router.post("/{station_id}/forget")
def forget(doors: Doors, station_id: str, visitor: Changing) -> Response:
    """Take it off the list."""
    doors.fleet.strangers.forget(station_id, visitor.name, "forgotten in the console")
    return RedirectResponse("/stations/unknown", status_code=303)

"""/stations/{id}/chain: which root a station's chain ends in. What follows from it is on the station's page."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from web.api.asked import Doors
from web.pages.visitor import Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/stations/{station_id}/chain", include_in_schema=False)


@router.post("")
def choose(
    doors: Doors,
    station_id: str,
    root: Annotated[str, Form(max_length=100)] = "",
    visitor: Visitor = Depends(Submitted(Permission.STATIONS_CHANGE)),
) -> Response:
    """Choose a root; none is the plain chain."""
    station = doors.fleet.station(station_id).id
    if root:
        doors.authority.chains.choose(station, root, visitor.name)
    else:
        doors.authority.chains.release(station, visitor.name)
    return RedirectResponse(f"/stations/{quote(station, safe='')}#chain", status_code=303)

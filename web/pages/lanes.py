"""/stations/{id}/recovery and …/bootstrap: the forms on a station's page that let it in as Pending only."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from web.api.asked import Doors
from web.certificate_queries import span_of
from web.pages.visitor import Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/stations/{station_id}", include_in_schema=False)
Changing = Annotated[Visitor, Depends(Submitted(Permission.STATIONS_CHANGE))]
Reason = Annotated[str, Form(min_length=1, max_length=500)]


@router.post("/recovery")
def open_recovery(
    doors: Doors,
    station_id: str,
    visitor: Changing,
    reason: Reason,
    valid: Annotated[str, Form(max_length=20)] = "24h",
) -> Response:
    """Let a station in with its expired certificate."""
    doors.fleet.recover(station_id, span_of("valid", valid), visitor.name, reason)
    return _back(station_id)


@router.post("/recovery/end")
def end_recovery(doors: Doors, station_id: str, visitor: Changing, reason: Reason) -> Response:
    """Refuse it again."""
    doors.fleet.end_recovery(station_id, visitor.name, reason)
    return _back(station_id)


@router.post("/bootstrap")
def allow_bootstrap(
    doors: Doors, station_id: str, visitor: Changing, reason: Reason, vendor: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Let a station begin with its maker's certificate alone; no maker ends that."""
    doors.fleet.allow_bootstrap(station_id, vendor, visitor.name, reason)
    return _back(station_id)


def _back(station_id: str) -> Response:
    return RedirectResponse(f"/stations/{quote(station_id, safe='')}#lanes", status_code=303)

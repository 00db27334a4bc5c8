"""Logs on a station's page: asked for, followed, downloaded."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import FileResponse, RedirectResponse, Response

from csms_bridge.log_fetches import Wanted
from web.api.asked import Doors
from web.api.logs import KINDS, attachment
from web.log_types import LogType
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/stations/{station_id}/logs", include_in_schema=False)


@router.post("")
def fetch(
    doors: Doors,
    station_id: str,
    type: Annotated[LogType, Form()],  # noqa: A002 -- the field's own name
    visitor: Visitor = Depends(Submitted(Permission.LOGS_FETCH)),
) -> Response:
    """Ask the station for a log."""
    doors.fleet.logs.ask(station_id, Wanted(KINDS[type]), visitor.name)
    return RedirectResponse(f"/stations/{quote(station_id, safe='')}#logs", status_code=303)


@router.get("/{log_id}")
def download(
    doors: Doors, station_id: str, log_id: int, visitor: Visitor = Depends(Seen(Permission.LOGS_READ))
) -> FileResponse:
    """Save a log; it is never shown, since nobody knows what is in it."""
    return attachment(doors, station_id, log_id, visitor.name)

"""/api/v1/events: what stations reported with SecurityEventNotification."""

from fastapi import APIRouter, Depends

from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import Page, SecurityEventOut
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/events", tags=["events"])


@router.get("")
def list_events(
    doors: Doors,
    station: str | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.EVENTS_READ)),
) -> Page[SecurityEventOut]:
    """Security events, newest first."""
    found = doors.fleet.security_events(station=station, before=number_cursor(after), limit=limit + 1)
    return page(found, limit, SecurityEventOut.of, lambda event: event.id)

"""/api/v1/events: what stations reported with SecurityEventNotification."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from csms_bridge.event_severity import EventSeverity
from csms_bridge.security_events import EventFilter
from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import Page, SecurityEventOut
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/events", tags=["events"])
Since = Annotated[AwareDatetime | None, Query(description="told to us at that time or later, by our clock")]


@router.get("")
def list_events(
    doors: Doors,
    station: str | None = None,
    severity: EventSeverity | None = None,
    type: Annotated[str | None, Query(max_length=50)] = None,  # noqa: A002 -- the field's own name
    since: Since = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.EVENTS_READ)),
) -> Page[SecurityEventOut]:
    """Security events, newest first; `type` in any version's spelling."""
    wanted = EventFilter(station, severity, type, since)
    found = doors.fleet.events.page(wanted, number_cursor(after), limit + 1)
    return page(found, limit, SecurityEventOut.of, lambda event: event.id)

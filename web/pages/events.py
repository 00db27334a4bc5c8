"""/events: what stations reported about their security."""

from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from csms_bridge.event_severity import EventSeverity
from csms_bridge.security_events import EventFilter
from csms_bridge.security_vocabulary import SEVERITY
from web.api.asked import Doors, number_cursor
from web.pages.rendering import render
from web.pages.visitor import Seen, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/events", include_in_schema=False)
_PAGE = 50
_SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1), "month": timedelta(days=30)}


@router.get("")
def list_events(
    doors: Doors,
    station: str = "",
    severity: str = "",
    type: str = "",  # noqa: A002 -- the field's own name
    within: str = "",
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.EVENTS_READ)),
) -> HTMLResponse:
    """Security events, newest first, narrowed."""
    wanted = EventFilter(
        station=station.strip() or None,
        severity=EventSeverity(severity) if severity in set(EventSeverity) else None,
        type=type.strip() or None,
        since=doors.clock() - _SPANS[within] if within in _SPANS else None,
    )
    found = doors.fleet.events.page(wanted, number_cursor(after), _PAGE + 1)
    asked = {"station": station, "severity": severity, "type": type, "within": within}
    return render(
        "events.html",
        visitor,
        events=found[:_PAGE],
        severities=EventSeverity,
        types=sorted(SEVERITY),
        spans=_SPANS,
        asked=asked,
        next=urlencode({**asked, "after": found[_PAGE - 1].id}) if len(found) > _PAGE else None,
        after=after,
    )

"""/audit: who did what, to which thing, when and why."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from web.api.asked import Doors, number_cursor
from web.pages.rendering import render
from web.pages.visitor import Seen, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/audit", include_in_schema=False)
_PAGE = 50
_KINDS = ("station", "certificate", "authority", "firmware", "user", "token", "crl", "service")


@router.get("")
def list_records(
    doors: Doors,
    kind: str = "",
    thing: str = "",
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.AUDIT_READ)),
) -> HTMLResponse:
    """Audit records, newest first."""
    with doors.store.reading() as session:
        found = doors.trail.records(
            session,
            kind=kind or None,
            thing=thing.strip() or None,
            before=number_cursor(after),
            limit=_PAGE + 1,
            newest_first=True,
        )
    asked = {"kind": kind, "thing": thing}
    following = urlencode({**asked, "after": found[_PAGE - 1].id}) if len(found) > _PAGE else None
    return render(
        "audit.html", visitor, records=found[:_PAGE], kinds=_KINDS, next=following, after=after, kind=kind, thing=thing
    )

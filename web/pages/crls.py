"""/crls: how the revocation lists stand."""

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from web.api.asked import Doors
from web.pages.rendering import render
from web.pages.visitor import Seen, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/crls", include_in_schema=False)


@router.get("")
def show(
    doors: Doors, authority: str = "", visitor: Visitor = Depends(Seen(Permission.AUTHORITIES_READ))
) -> HTMLResponse:
    """The full list of each authority; with `authority` its shards too."""
    statuses = doors.authority.crl_statuses(authority or None)
    shown = [status for status in statuses if authority or status.shard is None]
    due = {one.authority for one in statuses if one.is_due}
    late = {one.authority for one in statuses if one.is_late}
    return render("crls.html", visitor, statuses=shown, authority=authority, due=due, late=late)

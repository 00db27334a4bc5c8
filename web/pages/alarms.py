"""/alarms: what a person should look at, and keys that are never certified again."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web.alarm_links import console_path
from web.api.asked import Doors, number_cursor
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/alarms", include_in_schema=False)
_PAGE = 50


@router.get("")
def list_alarms(
    doors: Doors,
    every: bool = False,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.ALARMS_READ)),
) -> HTMLResponse:
    """Open alarms, newest first; with `every` the cleared ones too."""
    found = doors.authority.alarms.page(only_open=not every, after=number_cursor(after), limit=_PAGE + 1)
    asked = {"every": "1"} if every else {}
    following = urlencode({**asked, "after": found[_PAGE - 1].id}) if len(found) > _PAGE else None
    return render(
        "alarms.html",
        visitor,
        alarms=found[:_PAGE],
        paths={alarm.id: console_path(alarm.kind, alarm.thing) for alarm in found},
        blocked=doors.authority.blocked_keys(),
        every=every,
        next=following,
        after=after,
    )


@router.post("/{alarm_id}/clear")
def clear(
    doors: Doors,
    alarm_id: int,
    note: Annotated[str, Form(max_length=500)] = "",
    visitor: Visitor = Depends(Submitted(Permission.ALARMS_CLEAR)),
) -> Response:
    """Say that it was looked at."""
    doors.authority.alarms.clear(alarm_id, visitor.name, note)
    return RedirectResponse("/alarms", status_code=303)


@router.post("/keys/{spki_sha256}/block")
def block_key(
    doors: Doors,
    spki_sha256: str,
    note: Annotated[str, Form(min_length=1, max_length=500)],
    visitor: Visitor = Depends(Submitted(Permission.KEYS_BLOCK)),
) -> Response:
    """Never certify this key again."""
    doors.authority.block_key(spki_sha256, visitor.name, note)
    return RedirectResponse("/alarms", status_code=303)


@router.post("/keys/{spki_sha256}/unblock")
def unblock_key(
    doors: Doors, spki_sha256: str, visitor: Visitor = Depends(Submitted(Permission.KEYS_BLOCK))
) -> Response:
    """Let it be certified again."""
    doors.authority.unblock_key(spki_sha256, visitor.name, "in the console")
    return RedirectResponse("/alarms", status_code=303)

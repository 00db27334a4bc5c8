"""/audit: who did what, to which thing, when and why; whether the record of it is whole, and what was signed of it."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web.api.asked import Doors, number_cursor
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/audit", include_in_schema=False)
_PAGE = 50
_KINDS = ("station", "certificate", "authority", "firmware", "user", "token", "crl", "service", "audit")


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


@router.get("/checkpoints")
def list_checkpoints(
    doors: Doors,
    verify: bool = False,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.AUDIT_READ)),
) -> HTMLResponse:
    """Signed checkpoints, newest first; with `verify` the trail is verified now."""
    found = doors.authority.checkpoints.page(after=number_cursor(after), limit=_PAGE + 1)
    file = doors.authority.checkpoints.file
    return render(
        "checkpoints.html",
        visitor,
        checkpoints=found[:_PAGE],
        file=file.path if file is not None else None,
        every=doors.authority.settings.checkpoint_every,
        verdict=doors.authority.verify_audit() if verify else None,
        next=urlencode({"after": found[_PAGE - 1].number}) if len(found) > _PAGE else None,
        after=after,
    )


@router.post("/checkpoints")
def make_checkpoint(doors: Doors, visitor: Visitor = Depends(Submitted(Permission.AUDIT_SIGN))) -> Response:
    """Sign where the trail is now."""
    doors.authority.checkpoint()
    return RedirectResponse("/audit/checkpoints", status_code=303)


@router.post("/checkpoints/after-restore")
def accept_set_back(
    doors: Doors,
    reason: Annotated[str, Form(min_length=1, max_length=500)],
    visitor: Visitor = Depends(Submitted(Permission.AUDIT_SIGN)),
) -> Response:
    """Answer for a restored backup that is older than the checkpoint file."""
    doors.authority.accept_set_back(reason, visitor.name)
    return RedirectResponse("/audit/checkpoints", status_code=303)

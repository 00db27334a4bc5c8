"""/api/v1/audit: who did what, and whether the record of it is whole."""

from typing import Literal

from fastapi import APIRouter, Depends

from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import AuditRecordOut, Page, VerdictOut
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("")
def list_records(
    doors: Doors,
    kind: str | None = None,
    thing: str | None = None,
    order: Literal["newest", "oldest"] = "newest",
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.AUDIT_READ)),
) -> Page[AuditRecordOut]:
    """Audit records, newest first unless `order=oldest`."""
    cursor = number_cursor(after)
    newest = order == "newest"
    with doors.store.reading() as session:
        found = doors.trail.records(
            session,
            kind=kind,
            thing=thing,
            after=None if newest else cursor,
            before=cursor if newest else None,
            limit=limit + 1,
            newest_first=newest,
        )
    return page(found, limit, AuditRecordOut.of, lambda record: record.id)


@router.get("/verify")
def verify_trail(doors: Doors, _caller: Principal = Depends(Needs(Permission.AUDIT_READ))) -> VerdictOut:
    """Walk the whole chain: every edit, removal and reordering is a finding."""
    with doors.store.reading() as session:
        return VerdictOut.made(doors.trail.verify(session))

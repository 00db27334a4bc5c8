"""/api/v1/audit: who did what, whether the record of it is whole, checkpoints, and the export for outsiders."""

import time
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from pki.audit_export import Wanted, export_lines
from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import AuditRecordOut, CheckpointOut, Page, VerdictOut
from web.auth import Needs
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(prefix="/audit", tags=["audit"])
_LINES_AT_ONCE = 200


class CheckpointIn(BaseModel):
    """Why a checkpoint is asked for. `after_restore` accepts a database that is older than the checkpoint file."""

    after_restore: bool = False
    reason: str = Field(default="", max_length=500)


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
    """Follow every chain and compare with the checkpoints and their file: all that is not as it was written."""
    started = time.perf_counter()
    verdict = doors.authority.verify_audit()
    return VerdictOut.made(verdict, time.perf_counter() - started)


@router.get("/checkpoints")
def list_checkpoints(
    doors: Doors,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.AUDIT_READ)),
) -> Page[CheckpointOut]:
    """Signed checkpoints, newest first."""
    found = doors.authority.checkpoints.page(after=number_cursor(after), limit=limit + 1)
    return page(found, limit, CheckpointOut.made, lambda checkpoint: checkpoint.number)


@router.post("/checkpoints")
def make_checkpoint(
    doors: Doors, body: CheckpointIn, caller: Principal = Depends(Needs(Permission.AUDIT_SIGN))
) -> CheckpointOut:
    """Sign where the trail is now; the last checkpoint again when nothing was recorded since."""
    if body.after_restore:
        return CheckpointOut.made(doors.authority.accept_set_back(body.reason, caller.name))
    made = doors.authority.checkpoint() or doors.authority.checkpoints.page(limit=1)[0]
    return CheckpointOut.made(made)


@router.get("/export", response_class=StreamingResponse)
def export_trail(
    doors: Doors,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    by: Annotated[str | None, Query(max_length=200)] = None,
    _caller: Principal = Depends(Needs(Permission.AUDIT_READ)),
) -> StreamingResponse:
    """The trail as JSON Lines, which an outsider can verify with the root certificate alone."""
    pieces = _pieces(doors, Wanted(since, until, kind, by))
    return StreamingResponse(pieces, media_type="application/jsonl")


def _pieces(doors: Service, wanted: Wanted) -> Iterator[bytes]:
    with doors.store.reading() as session:
        gathered: list[str] = []
        for line in export_lines(session, wanted):
            gathered.append(line + "\n")
            if len(gathered) == _LINES_AT_ONCE:
                yield "".join(gathered).encode()
                gathered.clear()
        yield "".join(gathered).encode()

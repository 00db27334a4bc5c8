"""What is done about a station's roots from its page."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from csms_bridge.station_certificates import CertificateKind
from web.api.asked import Doors
from web.errors import RequestRefused
from web.pages.visitor import Submitted, Visitor
from web.permissions import Permission
from web.station_roots import settled

router = APIRouter(prefix="/stations/{station_id}/roots", include_in_schema=False)
Text = Annotated[str, Form(max_length=500)]
Needed = Annotated[str, Form(min_length=1, max_length=500)]


@router.post("/list")
async def list_now(
    doors: Doors, station_id: str, visitor: Visitor = Depends(Submitted(Permission.STATIONS_COMMAND))
) -> Response:
    """Have the station list its certificates."""
    await settled(doors, await run_in_threadpool(doors.fleet.roots.list_now, station_id, (), visitor.name))
    return _back(station_id)


@router.post("")
async def install(
    doors: Doors,
    station_id: str,
    kind: Annotated[CertificateKind, Form()],
    root: Text = "",
    certificate: Annotated[str, Form(max_length=100_000)] = "",
    reason: Text = "",
    visitor: Visitor = Depends(Submitted(Permission.ROOTS_CHANGE)),
) -> Response:
    """Have the station trust a root; what is pasted counts only when no name is chosen."""
    pem = certificate.strip() if not root else ""
    if not root and not pem:
        raise RequestRefused("root", "choose a root, or paste one", "Nothing was sent.")
    roots = doors.fleet.roots
    if pem and not await run_in_threadpool(roots.is_known, pem):
        visitor.principal.require(Permission.ANCHORS_CHANGE)
    act = await run_in_threadpool(
        roots.install, station_id, kind, visitor.name, name=root, pem=pem, reason=reason.strip()
    )
    await settled(doors, [act])
    return _back(station_id)


@router.post("/{entry}/delete")
async def delete(
    doors: Doors,
    station_id: str,
    entry: int,
    reason: Needed,
    typed: Text = "",
    force: Annotated[bool, Form()] = False,
    visitor: Visitor = Depends(Submitted(Permission.ROOTS_CHANGE)),
) -> Response:
    """Have the station delete what it listed."""
    if typed.strip() != station_id:
        raise RequestRefused("typed", f"the name that was typed is not {station_id!r}", "Nothing was changed.")
    if force:
        visitor.principal.require(Permission.STATIONS_FORCE)
    act = await run_in_threadpool(doors.fleet.roots.delete, station_id, entry, visitor.name, reason, force=force)
    await settled(doors, [act])
    return _back(station_id)


def _back(station_id: str) -> Response:
    return RedirectResponse(f"/stations/{quote(station_id, safe='')}#roots", status_code=303)

"""/certificates/revoke: many at once. First what would happen, then the act, then what happened."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse

from pki.authority import Certificate, RevocationReason, RevocationReport
from web.api.asked import Doors
from web.errors import RequestRefused
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission
from web.service import Service

router = APIRouter(prefix="/certificates", include_in_schema=False)

_MOST = 1000


@router.get("/revoke")
def review(
    doors: Doors,
    serial: Annotated[list[str] | None, Query(max_length=_MOST)] = None,
    station: str = "",
    visitor: Visitor = Depends(Seen(Permission.CERTIFICATES_REVOKE)),
) -> HTMLResponse:
    """What would be revoked: the chosen ones, or all that a station could still use. Nothing is changed."""
    serials = _chosen(doors, serial or [], station)
    report = doors.authority.revoke_each(serials, RevocationReason.UNSPECIFIED, visitor.name, dry_run=True)
    return render(
        "revoke.html",
        visitor,
        report=report,
        certificates=_open(doors, report),
        station=station,
        words=_words(report, station),
        reasons=list(RevocationReason),
    )


@router.post("/revoke")
def revoke(
    doors: Doors,
    serial: Annotated[list[str], Form(max_length=_MOST)],
    reason: Annotated[RevocationReason, Form()],
    note: Annotated[str, Form(min_length=1, max_length=500)],
    station: Annotated[str, Form(max_length=200)] = "",
    typed: Annotated[str, Form(max_length=200)] = "",
    visitor: Visitor = Depends(Submitted(Permission.CERTIFICATES_REVOKE)),
) -> HTMLResponse:
    """Withdraw exactly what was shown. When that has changed meanwhile, it must be looked at again."""
    planned = doors.authority.revoke_each(serial, reason, visitor.name, dry_run=True)
    words = _words(planned, station)
    if typed.strip() != words:
        raise RequestRefused("typed", f"what was typed is not {words!r}", "Nothing was changed.")
    report = doors.authority.revoke_each(planned.revoked, reason, visitor.name, note)
    return render("revoked.html", visitor, report=report, reason=reason)


def _chosen(doors: Service, serials: list[str], station: str) -> list[str]:
    if bool(serials) == bool(station):
        raise RequestRefused("serial", "choose certificates in the list, or name a station", "Nothing was changed.")
    return serials or doors.authority.serials_of_station(doors.fleet.station(station).id)[:_MOST]


def _open(doors: Service, report: RevocationReport) -> list[Certificate]:
    return [doors.authority.certificate(serial) for serial in report.revoked]


def _words(report: RevocationReport, station: str) -> str:
    """What one has to type: it tells how much is about to go."""
    return f"revoke {len(report.revoked)} of {station}" if station else f"revoke {len(report.revoked)}"

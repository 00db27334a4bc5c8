"""/certificates: what we issued, and the one-way act of revoking."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pki.authority import CertificateState, RevocationReason
from web.api.asked import Doors
from web.errors import RequestRefused
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/certificates", include_in_schema=False)
_PAGE = 50


@router.get("")
def list_certificates(
    doors: Doors,
    state: str = "",
    station: str = "",
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.CERTIFICATES_READ)),
) -> HTMLResponse:
    """Certificates, newest first."""
    wanted = CertificateState(state) if state in set(CertificateState) else None
    found = doors.authority.certificates(station=station.strip() or None, state=wanted, after=after, limit=_PAGE + 1)
    asked = {"state": state, "station": station}
    following = urlencode({**asked, "after": found[_PAGE - 1].serial}) if len(found) > _PAGE else None
    return render(
        "certificates.html",
        visitor,
        certificates=found[:_PAGE],
        states=list(CertificateState),
        next=following,
        after=after,
        state=state,
        station=station,
    )


@router.get("/{serial}")
def show(doors: Doors, serial: str, visitor: Visitor = Depends(Seen(Permission.CERTIFICATES_READ))) -> HTMLResponse:
    """One certificate."""
    return render(
        "certificate.html",
        visitor,
        certificate=doors.authority.certificate(serial),
        reasons=list(RevocationReason),
    )


@router.post("/{serial}/revoke")
def revoke(
    doors: Doors,
    serial: str,
    reason: Annotated[RevocationReason, Form()],
    note: Annotated[str, Form(min_length=1, max_length=500)],
    typed: Annotated[str, Form(max_length=200)] = "",
    visitor: Visitor = Depends(Submitted(Permission.CERTIFICATES_REVOKE)),
) -> Response:
    """Withdraw a certificate."""
    name = doors.authority.certificate(serial).common_name
    if typed.strip() != name:
        raise RequestRefused("typed", f"the name that was typed is not {name!r}", "Nothing was changed.")
    doors.authority.revoke(serial, reason, visitor.name, note)
    return RedirectResponse(f"/certificates/{serial}", status_code=303)


@router.post("/{serial}/release")
def release(
    doors: Doors, serial: str, visitor: Visitor = Depends(Submitted(Permission.CERTIFICATES_REVOKE))
) -> Response:
    """Take back a hold."""
    doors.authority.release(serial, visitor.name)
    return RedirectResponse(f"/certificates/{serial}", status_code=303)

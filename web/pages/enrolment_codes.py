"""/stations/{id}/codes: one-time codes for a station that enrols over EST. What is open is on the station's page."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web.api.asked import Doors
from web.certificate_queries import span_of
from web.est.routes import PREFIX
from web.pages.rendering import render
from web.pages.visitor import Submitted, Visitor
from web.permissions import Permission
from web.service import Service

router = APIRouter(prefix="/stations/{station_id}/codes", include_in_schema=False)
Issuing = Annotated[Visitor, Depends(Submitted(Permission.CERTIFICATES_ISSUE))]


@router.post("")
def make(
    doors: Doors, station_id: str, visitor: Issuing, valid: Annotated[str, Form(max_length=20)] = "7d"
) -> HTMLResponse:
    """Make a code; it is on the answer's page and nowhere else."""
    [made] = doors.fleet.make_enrolment_codes([station_id], span_of("valid", valid), visitor.name)
    return render("enrolment_code.html", visitor, made=made, address=_address(doors))


@router.post("/{code_id}/withdraw")
def withdraw(doors: Doors, station_id: str, code_id: str, visitor: Issuing) -> Response:
    """Make a code good for nothing."""
    doors.fleet.withdraw_enrolment_code(code_id, visitor.name)
    return RedirectResponse(f"/stations/{quote(station_id, safe='')}#codes", status_code=303)


def _address(doors: Service) -> str | None:
    """Where the station fetches its certificate; None while EST is off."""
    port, host = doors.settings.web.web_tls_port, doors.settings.pki.hostnames[0]
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}:{port}{PREFIX}/simpleenroll" if port is not None else None

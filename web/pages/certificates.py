"""/certificates: what we issued, and the one-way act of revoking."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ConfigDict

from csms_bridge.renewals import RenewalState
from pki.authority import CertificateState, RevocationReason
from pki.errors import PkiError
from pki.hierarchy import AuthorityKind
from web.api.asked import Doors
from web.api.reports import Weeks
from web.certificate_queries import CertificateQuery
from web.errors import RequestRefused
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission
from web.renewing import renew_serials, renewal_of

router = APIRouter(prefix="/certificates", include_in_schema=False)
_PAGE = 50
_SPANS = (13, 26, 52, 104)  # weeks of a forecast


class _Asked(CertificateQuery):
    """The search form; what an address says besides is nobody's concern."""

    model_config = ConfigDict(extra="ignore")

    after: str | None = None


@router.get("")
def list_certificates(
    doors: Doors,
    asked: Annotated[_Asked, Query()],
    visitor: Visitor = Depends(Seen(Permission.CERTIFICATES_READ)),
) -> HTMLResponse:
    """Certificates that match the form; one that cannot be right is shown again with the reason."""
    found, wrong = [], ""
    try:
        wanted = asked.meaning(doors.clock())
        found = doors.authority.search_certificates(wanted, after=asked.after, limit=_PAGE + 1)
    except (RequestRefused, PkiError) as refusal:
        wrong = refusal.sentence
    following = urlencode({**asked.written(), "after": found[_PAGE - 1].serial}) if len(found) > _PAGE else None
    return render(
        "certificates.html",
        visitor,
        422 if wrong else 200,
        certificates=found[:_PAGE],
        states=[state for state in CertificateState if state is not CertificateState.UNFINISHED],
        authorities=[info.name for info in doors.authority.authorities() if info.kind is not AuthorityKind.SIGNER],
        next=following,
        asked=asked,
        wrong=wrong,
    )


@router.get("/forecast")
def forecast(
    doors: Doors, weeks: Weeks = 26, visitor: Visitor = Depends(Seen(Permission.CERTIFICATES_READ))
) -> HTMLResponse:
    """What ends when."""
    found = doors.authority.forecast(weeks)
    return render(
        "forecast.html",
        visitor,
        forecast=found,
        weeks=weeks,
        spans=_SPANS,
        largest=max(1, *(week.total for week in found.weeks)),
        overdue=sum(found.overdue.values()),
        later=sum(found.later.values()),
    )


@router.get("/{serial}")
def show(doors: Doors, serial: str, visitor: Visitor = Depends(Seen(Permission.CERTIFICATES_READ))) -> HTMLResponse:
    """One certificate."""
    certificate = doors.authority.certificate(serial)
    return render(
        "certificate.html",
        visitor,
        certificate=certificate,
        renewal=renewal_of(doors, certificate.station),
        may_renew=certificate.station is not None or doors.authority.is_our_own(serial),
        findings=doors.authority.lint(serial),
        reasons=list(RevocationReason),
    )


@router.post("/{serial}/renew")
def renew(doors: Doors, serial: str, visitor: Visitor = Depends(Submitted(Permission.CERTIFICATES_RENEW))) -> Response:
    """Ask its station for a new one, or make a credential of ours anew."""
    (renewed,) = renew_serials(doors, [doors.authority.certificate(serial).serial], visitor.name)
    if renewed.renewal.state is RenewalState.UNABLE:
        raise RequestRefused("serial", f"it cannot be renewed: {renewed.renewal.reason}", "Nothing was changed.")
    fresh = renewed.renewal.serial if not renewed.renewal.station else None
    return RedirectResponse(f"/certificates/{fresh or serial}", status_code=303)


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

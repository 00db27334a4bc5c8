"""/api/v1/certificates: issue from a CSR, look up, revoke."""

from fastapi import APIRouter, Depends
from pydantic import Field

from pki.authority import CertificateState, Order, RevocationReason
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import CertificateOut, In, Page
from web.auth import Needs
from web.errors import RequestRefused
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(prefix="/certificates", tags=["certificates"])


class OrderIn(In):
    """A certificate request. From the CSR only the key is taken; names come from our records and this order."""

    csr: str = Field(min_length=1, max_length=20_000, description="PKCS#10 as PEM")
    profile: str = Field(description="station or server")
    station: str | None = None
    hostnames: tuple[str, ...] = Field(default=(), max_length=100)


class RevocationIn(In):
    """Why a certificate is withdrawn (RFC 5280 §5.3.1), and a note for the audit trail."""

    reason: RevocationReason
    note: str = Field(default="", max_length=500)


@router.get("")
def list_certificates(
    doors: Doors,
    station: str | None = None,
    state: CertificateState | None = None,
    authority: str | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ)),
) -> Page[CertificateOut]:
    """Certificates, newest first."""
    found = doors.authority.certificates(
        station=station, state=state, authority=authority, after=after, limit=limit + 1
    )
    return page(found, limit, CertificateOut.of, lambda certificate: certificate.serial)


@router.post("", status_code=201)
def issue_certificate(
    doors: Doors, body: OrderIn, caller: Principal = Depends(Needs(Permission.CERTIFICATES_ISSUE))
) -> CertificateOut:
    """Issue a certificate for the key in a CSR."""
    return CertificateOut.of(doors.authority.issue(_order(doors, body), caller.name))


@router.get("/{serial}")
def show_certificate(
    doors: Doors, serial: str, _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ))
) -> CertificateOut:
    """One certificate."""
    return CertificateOut.of(doors.authority.certificate(serial))


@router.post("/{serial}/revoke")
def revoke_certificate(
    doors: Doors,
    serial: str,
    body: RevocationIn,
    caller: Principal = Depends(Needs(Permission.CERTIFICATES_REVOKE)),
) -> CertificateOut:
    """Withdraw a certificate: OCSP, CRL and the listener know at once. Only a hold can be taken back."""
    return CertificateOut.of(doors.authority.revoke(serial, body.reason, caller.name, body.note))


@router.post("/{serial}/release")
def release_certificate(
    doors: Doors, serial: str, caller: Principal = Depends(Needs(Permission.CERTIFICATES_REVOKE))
) -> CertificateOut:
    """Take back a hold (certificateHold)."""
    return CertificateOut.of(doors.authority.release(serial, caller.name))


def _order(doors: Service, body: OrderIn) -> Order:
    """Names come from the register (a station's serial number) or the order (a server's host names)."""
    request = doors.authority.read_request(body.csr)
    if body.station is not None:
        serial = doors.fleet.station(body.station).serial
        return Order(request, body.profile, serial, station=body.station, hostnames=body.hostnames)
    if not body.hostnames:
        raise RequestRefused("station", "name the station, or the host names of a server, to certify")
    return Order(request, body.profile, body.hostnames[0], hostnames=body.hostnames)

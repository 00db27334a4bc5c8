"""/api/v1/certificates: issue from a CSR, look up, revoke."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from pki.authority import Order, RevocationReason
from web.api.asked import Doors, page
from web.api.shapes import CertificateOut, In, Out, Page
from web.auth import Needs
from web.certificate_queries import CertificateQuery, SerialInPath, hex_of
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
    authority: str | None = Field(
        default=None, description="who issues; null lets the quirk book or else the key in the request decide"
    )


class CertificatesAsked(CertificateQuery):
    """What to look for, and which page of it."""

    limit: int = Field(default=100, ge=1, le=1000, description="how many items at most")
    after: str | None = Field(default=None, max_length=100, description="the `next` of the page before")


class RevocationIn(In):
    """Why a certificate is withdrawn (RFC 5280 §5.3.1), and a note for the audit trail."""

    reason: RevocationReason
    note: str = Field(default="", max_length=500)


class RevocationsIn(RevocationIn):
    """Many at once: by serial number, of a station, of a key. With `dry_run` nothing is done."""

    serials: tuple[str, ...] = Field(default=(), max_length=10_000)
    station: str | None = None
    spki_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    dry_run: bool = False


class RevocationsOut(Out):
    """Serial numbers: what was (or would be) revoked, what was already, what is not ours."""

    revoked: tuple[str, ...]
    already: tuple[str, ...]
    unknown: tuple[str, ...]
    dry_run: bool


@router.get("")
def list_certificates(
    doors: Doors,
    asked: Annotated[CertificatesAsked, Query()],
    _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ)),
) -> Page[CertificateOut]:
    """Certificates, newest first; what is asked for by its end comes by its end, the soonest first."""
    found = doors.authority.search_certificates(asked.meaning(doors.clock()), after=asked.after, limit=asked.limit + 1)
    return page(found, asked.limit, CertificateOut.of, lambda certificate: certificate.serial)


@router.post("", status_code=201)
def issue_certificate(
    doors: Doors, body: OrderIn, caller: Principal = Depends(Needs(Permission.CERTIFICATES_ISSUE))
) -> CertificateOut:
    """Issue a certificate for the key in a CSR."""
    return CertificateOut.of(doors.authority.issue(_order(doors, body), caller.name))


@router.get("/of-key/{spki_sha256}")
def certificates_of_key(
    doors: Doors, spki_sha256: str, _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ))
) -> Page[CertificateOut]:
    """Every certificate for a key, named by the SHA-256 of its SubjectPublicKeyInfo; also unfinished ones."""
    found = doors.authority.certificates_of_key(spki_sha256.lower())
    return Page(items=[CertificateOut.of(certificate) for certificate in found], next=None)


@router.post("/revoke")
def revoke_certificates(
    doors: Doors, body: RevocationsIn, caller: Principal = Depends(Needs(Permission.CERTIFICATES_REVOKE))
) -> RevocationsOut:
    """Withdraw many certificates. Asked again after a failure, it goes on where it stopped."""
    serials = _chosen(doors, body)
    report = doors.authority.revoke_each(serials, body.reason, caller.name, body.note, dry_run=body.dry_run)
    return RevocationsOut(revoked=report.revoked, already=report.already, unknown=report.unknown, dry_run=body.dry_run)


@router.get("/{serial}")
def show_certificate(
    doors: Doors, serial: SerialInPath, _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ))
) -> CertificateOut:
    """One certificate."""
    return CertificateOut.of(doors.authority.certificate(serial))


@router.post("/{serial}/revoke")
def revoke_certificate(
    doors: Doors,
    serial: SerialInPath,
    body: RevocationIn,
    caller: Principal = Depends(Needs(Permission.CERTIFICATES_REVOKE)),
) -> CertificateOut:
    """Withdraw a certificate: OCSP, CRL and the listener know at once. Only a hold can be taken back."""
    return CertificateOut.of(doors.authority.revoke(serial, body.reason, caller.name, body.note))


@router.post("/{serial}/release")
def release_certificate(
    doors: Doors, serial: SerialInPath, caller: Principal = Depends(Needs(Permission.CERTIFICATES_REVOKE))
) -> CertificateOut:
    """Take back a hold (certificateHold)."""
    return CertificateOut.of(doors.authority.release(serial, caller.name))


def _chosen(doors: Service, body: RevocationsIn) -> list[str]:
    if sum((bool(body.serials), body.station is not None, body.spki_sha256 is not None)) != 1:
        raise RequestRefused("serials", "name serial numbers, or a station, or a key: one of the three")
    if body.station is not None:
        return doors.authority.serials_of_station(doors.fleet.station(body.station).id)
    if body.spki_sha256 is not None:
        return [one.serial for one in doors.authority.certificates_of_key(body.spki_sha256)]
    return [hex_of(serial) for serial in body.serials]


def _order(doors: Service, body: OrderIn) -> Order:
    """Names come from the register (a station's serial number) or the order (a server's host names)."""
    request = doors.authority.read_request(body.csr)
    if body.station is not None:
        serial = doors.fleet.station(body.station).serial
        family = doors.fleet.quirks.of_station(body.station).issuer_family
        return Order(
            request,
            body.profile,
            serial,
            body.station,
            body.hostnames,
            authority=body.authority,
            issuer_family=family,
        )
    if not body.hostnames:
        raise RequestRefused("station", "name the station, or the host names of a server, to certify")
    return Order(request, body.profile, body.hostnames[0], hostnames=body.hostnames, authority=body.authority)

"""/api/v1/authority-requests, /authorities/{name}/certify, /crls: authorities whose parent's key is elsewhere."""

from datetime import datetime, timedelta

from asn1crypto.pem import armor
from fastapi import APIRouter, Depends
from pydantic import Field

from pki.foreign_crls import LONGEST as LONGEST_CRL
from pki.keys import KeyAlgorithm
from pki.returned_certificate import LONGEST as LONGEST_CHAIN
from web.api.asked import Doors
from web.api.shapes import AuthorityOut, In, Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(tags=["authorities"])


class AuthorityRequestIn(In):
    """An issuing authority or a firmware signer that is to get its certificate elsewhere."""

    name: str = Field(min_length=1, max_length=40, description="of a signer: firmware or firmware-rsa")
    post: str = Field(description="stations, csms or firmware")
    algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256
    common_name: str | None = Field(default=None, max_length=64)


class AuthorityRequestOut(Out):
    """A request that waits for its certificate. `spki_sha256` is what both sides compare before it is signed."""

    name: str
    post: str
    hierarchy: str
    algorithm: str
    subject: str
    spki_sha256: str
    csr_pem: str
    requested_by: str
    requested_at: datetime


class ReturnedIn(In):
    """What came back: the certificate, those above it up to the root, and revocation lists of these (all PEM)."""

    certificate: str = Field(min_length=1, max_length=LONGEST_CHAIN)
    chain: str = Field(default="", max_length=LONGEST_CHAIN)
    crls: tuple[str, ...] = Field(default=(), max_length=10)


class CertifyIn(In):
    """A request from elsewhere. `validity_days` counts from now; null means what the profile says."""

    csr: str = Field(min_length=1, max_length=20_000, description="PKCS#10 as PEM")
    validity_days: int | None = Field(default=None, ge=1, le=18_250)


class CertifyAgreedIn(CertifyIn):
    """A request, and the fingerprint of its key as it was compared with the requester."""

    spki_sha256: str = Field(pattern="^[0-9a-fA-F]{64}$")


class SubordinateOut(Out):
    """What signing leads to, or led to: then with `serial`, the certificate, and those above it.

    `profile` is issuing, or firmware for a firmware signer under a manufacturer's root.
    """

    subject: str
    profile: str
    spki_sha256: str
    algorithm: str
    parent: str
    not_before: datetime
    not_after: datetime
    serial: str | None
    certificate_pem: str
    chain_pem: str


class CrlIn(In):
    """A revocation list."""

    crl: str = Field(min_length=1, max_length=LONGEST_CRL, description="PEM")


class CrlTextOut(Out):
    """One list as it is published, in PEM."""

    authority: str
    shard: int
    number: int
    this_update: datetime
    next_update: datetime
    pem: str


class TakenCrlOut(Out):
    """A list that was taken in; `revoked` are authorities of ours that stand on it and issue nothing from now on."""

    authority: str
    number: int
    this_update: datetime
    next_update: datetime
    revoked: tuple[str, ...]


@router.get("/authority-requests")
def list_requests(
    doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> Page[AuthorityRequestOut]:
    """The requests that wait for their certificates."""
    return Page(items=[AuthorityRequestOut.of(one) for one in doors.authority.elsewhere.pending()], next=None)


@router.post("/authority-requests", status_code=201)
def request_authority(
    doors: Doors, body: AuthorityRequestIn, caller: Principal = Depends(Needs(Permission.AUTHORITIES_CHANGE))
) -> AuthorityRequestOut:
    """Make a key here, and the request that travels to where the parent's key is."""
    made = doors.authority.elsewhere.request(body.name, body.post, body.algorithm, caller.name, body.common_name)
    return AuthorityRequestOut.of(made)


@router.delete("/authority-requests/{name}", status_code=204)
def withdraw_request(
    doors: Doors, name: str, caller: Principal = Depends(Needs(Permission.AUTHORITIES_CHANGE))
) -> None:
    """Give a request up and delete its key."""
    doors.authority.elsewhere.withdraw(name, caller.name)


@router.post("/authority-requests/{name}/certificate", status_code=201)
def take_in_certificate(
    doors: Doors, name: str, body: ReturnedIn, caller: Principal = Depends(Needs(Permission.AUTHORITIES_CHANGE))
) -> AuthorityOut:
    """Make a request an authority or a firmware signer, when the certificate and its chain prove themselves."""
    lists = [text.encode() for text in body.crls]
    info = doors.authority.elsewhere.take_in(name, body.certificate, body.chain, lists, caller.name)
    return AuthorityOut.made(info, doors.authority.chain_pem(info.name))


@router.post("/authorities/{name}/certify/preview")
def preview_certification(
    doors: Doors, name: str, body: CertifyIn, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_CHANGE))
) -> SubordinateOut:
    """What signing the request would lead to."""
    return SubordinateOut.of(doors.authority.elsewhere.preview(body.csr, name, _span(body.validity_days)))


@router.post("/authorities/{name}/certify", status_code=201)
def certify(
    doors: Doors, name: str, body: CertifyAgreedIn, caller: Principal = Depends(Needs(Permission.AUTHORITIES_CHANGE))
) -> SubordinateOut:
    """Sign the request of an issuing authority, or of a firmware signer where `name` is a manufacturer's root.

    Nothing is taken from it but key and name.
    """
    span = _span(body.validity_days)
    return SubordinateOut.of(doors.authority.elsewhere.certify(body.csr, name, body.spki_sha256, caller.name, span))


@router.get("/authorities/{name}/crl")
def show_crl(
    doors: Doors, name: str, shard: int = 0, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> CrlTextOut:
    """One revocation list, signed afresh when it is due: to be carried to where it is published."""
    crl = doors.authority.published_crl(name, shard)
    return CrlTextOut(
        authority=name,
        shard=shard,
        number=crl.number,
        this_update=crl.this_update,
        next_update=crl.next_update,
        pem=armor("X509 CRL", crl.der).decode(),
    )


@router.post("/crls")
def take_in_crl(
    doors: Doors, body: CrlIn, caller: Principal = Depends(Needs(Permission.AUTHORITIES_CHANGE))
) -> TakenCrlOut:
    """Publish and obey the revocation list of an authority whose key is elsewhere."""
    return TakenCrlOut.of(doors.authority.elsewhere.take_in_crl(body.crl.encode(), caller.name))


def _span(days: int | None) -> timedelta | None:
    return timedelta(days=days) if days is not None else None

"""/api/v1/anchors: others' authorities: makers' roots for first contacts, and roots that contracts may end in."""

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from pki.anchor_use import AnchorUse
from web.api.asked import Doors
from web.api.shapes import AnchorOut, In, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/anchors", tags=["authorities"])


class AnchorIn(In):
    """A root certificate in PEM, whose it is, what we call it, and what it is trusted for."""

    name: str = Field(min_length=1, max_length=63)
    vendor: str = Field(min_length=1, max_length=64)
    use: AnchorUse = AnchorUse.FIRST_CONTACT
    certificate: str = Field(
        min_length=1,
        max_length=100_000,
        description="one certificate, PEM; a root, and for contracts also a sub-CA below one",
    )


@router.get("")
def list_anchors(doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))) -> Page[AnchorOut]:
    """All anchors, by name."""
    return Page(items=[AnchorOut.of(one) for one in doors.authority.anchors.all()], next=None)


@router.post("", status_code=201)
def add_anchor(
    doors: Doors, body: AnchorIn, caller: Principal = Depends(Needs(Permission.ANCHORS_CHANGE))
) -> AnchorOut:
    """Trust a maker's root: its stations' factory certificates get through the TLS handshake within seconds.

    Or, with the use `contracts`, let the contract certificates of Plug & Charge end in it.
    """
    content = body.certificate.encode()
    return AnchorOut.of(doors.authority.anchors.add(content, body.vendor, body.name, caller.name, body.use))


@router.get("/{name}")
def show_anchor(doors: Doors, name: str, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))) -> AnchorOut:
    """One anchor."""
    return AnchorOut.of(doors.authority.anchors.find(name))


@router.delete("/{name}", status_code=204)
def remove_anchor(
    doors: Doors, name: str, note: str = "", caller: Principal = Depends(Needs(Permission.ANCHORS_CHANGE))
) -> Response:
    """Trust it no more."""
    doors.authority.anchors.remove(name, caller.name, note)
    return Response(status_code=204)

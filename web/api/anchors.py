"""/api/v1/anchors: makers' roots, trusted for the first contact of their stations."""

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from web.api.asked import Doors
from web.api.shapes import AnchorOut, In, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/anchors", tags=["authorities"])


class AnchorIn(In):
    """A root certificate in PEM, whose it is, and what we call it."""

    name: str = Field(min_length=1, max_length=63)
    vendor: str = Field(min_length=1, max_length=64)
    certificate: str = Field(min_length=1, max_length=100_000, description="one self-signed certificate, PEM")


@router.get("")
def list_anchors(doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))) -> Page[AnchorOut]:
    """All bootstrap anchors, by name."""
    return Page(items=[AnchorOut.of(one) for one in doors.authority.anchors.all()], next=None)


@router.post("", status_code=201)
def add_anchor(
    doors: Doors, body: AnchorIn, caller: Principal = Depends(Needs(Permission.ANCHORS_CHANGE))
) -> AnchorOut:
    """Trust a maker's root: its stations' factory certificates get through the TLS handshake within seconds."""
    content = body.certificate.encode()
    return AnchorOut.of(doors.authority.anchors.add(content, body.vendor, body.name, caller.name))


@router.get("/{name}")
def show_anchor(doors: Doors, name: str, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))) -> AnchorOut:
    """One bootstrap anchor."""
    return AnchorOut.of(doors.authority.anchors.find(name))


@router.delete("/{name}", status_code=204)
def remove_anchor(
    doors: Doors, name: str, note: str = "", caller: Principal = Depends(Needs(Permission.ANCHORS_CHANGE))
) -> Response:
    """Trust it no more."""
    doors.authority.anchors.remove(name, caller.name, note)
    return Response(status_code=204)

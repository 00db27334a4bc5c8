"""/api/v1/authorities: what we sign with."""

from fastapi import APIRouter, Depends

from pki.authority import AuthorityInfo
from web.api.asked import Doors
from web.api.shapes import AuthorityOut, Page
from web.auth import Needs
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(tags=["authorities"])


@router.get("/authorities")
def list_authorities(
    doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> Page[AuthorityOut]:
    """All roots and issuing authorities."""
    return Page(items=[_shape(doors, info) for info in doors.authority.authorities()], next=None)


@router.get("/authorities/{name}")
def show_authority(
    doors: Doors, name: str, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> AuthorityOut:
    """One authority."""
    return _shape(doors, doors.authority.authority(name))


def _shape(doors: Service, info: AuthorityInfo) -> AuthorityOut:
    return AuthorityOut.made(info, doors.authority.chain_pem(info.name))

"""/api/v1/authority-keys: where each authority's key is, and whether it can sign now."""

from fastapi import APIRouter, Depends

from web.api.asked import Doors
from web.api.shapes import KeyPlaceOut, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(tags=["authorities"])


@router.get("/authority-keys")
def list_authority_keys(
    doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> Page[KeyPlaceOut]:
    """Each key makes a test signature, which is of no use for anything else."""
    return Page(items=[KeyPlaceOut.made(place) for place in doors.authority.key_places()], next=None)

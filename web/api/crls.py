"""/api/v1/authorities/{name}/crls: how an authority's revocation lists stand."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import Field

from web.api.asked import Doors
from web.api.shapes import Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/authorities/{name}/crls", tags=["authorities"])


class CrlOut(Out):
    """One list. Before the first one is signed, number 0 and no times."""

    authority: str
    shard: int | None = Field(description="null for the full list")
    address: str
    number: int
    this_update: datetime | None
    next_update: datetime | None
    entries: int
    size: int = Field(description="octets")
    is_due: bool = Field(description="something changed, or it is old: it is signed again in the next round")
    is_late: bool = Field(description="past its nextUpdate")


@router.get("")
def list_crls(
    doors: Doors, name: str, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> Page[CrlOut]:
    """An authority's revocation lists, the full one first."""
    return Page(items=[CrlOut.of(status) for status in doors.authority.crl_statuses(name)], next=None)

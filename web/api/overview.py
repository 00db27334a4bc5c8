"""/api/v1/overview: the fleet in numbers."""

from fastapi import APIRouter, Depends

from web.api.asked import Doors
from web.api.shapes import OverviewOut
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(tags=["overview"])


@router.get("/overview")
def show_overview(doors: Doors, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))) -> OverviewOut:
    """How many stations stand on which profile, are online, are on hold; how many walks run."""
    return OverviewOut.made(doors.fleet.overview())

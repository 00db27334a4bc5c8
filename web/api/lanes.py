"""/api/v1/stations/{id}/recovery and …/bootstrap: who is let in as Pending only, to get a certificate."""

from fastapi import APIRouter, Depends
from pydantic import Field

from web.api.asked import Doors
from web.api.shapes import In, ReasonIn, StationOut
from web.auth import Needs
from web.certificate_queries import span_of
from web.permissions import Permission, Principal

router = APIRouter(prefix="/stations/{station_id}", tags=["stations"])


class RecoveryIn(In):
    """How long a station's expired certificate lets it in, and why."""

    valid_for: str = Field(default="24h", max_length=20, description="48h, 7d, 4w")
    reason: str = Field(min_length=1, max_length=500)


class BootstrapIn(In):
    """The maker whose certificate alone lets a station in until it has one of ours; empty: nobody's."""

    vendor: str = Field(max_length=100)
    reason: str = Field(min_length=1, max_length=500)


@router.post("/recovery")
def open_recovery(
    doors: Doors, station_id: str, body: RecoveryIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> StationOut:
    """Let a station in with its expired certificate, as Pending; it is asked at once to renew it (A00.FR.429)."""
    life = span_of("valid_for", body.valid_for)
    return StationOut.of(doors.fleet.recover(station_id, life, caller.name, body.reason))


@router.post("/recovery/end")
def end_recovery(
    doors: Doors, station_id: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> StationOut:
    """Refuse its expired certificate again; a line that it let in is closed."""
    return StationOut.of(doors.fleet.end_recovery(station_id, caller.name, body.reason))


@router.post("/bootstrap")
def allow_bootstrap(
    doors: Doors, station_id: str, body: BootstrapIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> StationOut:
    """Let a station begin with its maker's certificate alone, as Pending, until it has used one of ours."""
    return StationOut.of(doors.fleet.allow_bootstrap(station_id, body.vendor, caller.name, body.reason))

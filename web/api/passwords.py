"""/api/v1/passwords: have stations get new Basic passwords, and see how far that is (A01)."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import Field

from csms_bridge.password_rotations import Rotation
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.errors import RequestRefused
from web.permissions import Permission, Principal

router = APIRouter(tags=["passwords"])


class RotateOneIn(In):
    """`restart`: the station may be restarted, when nobody charges, if the new password counts only then."""

    restart: bool = False


class RotateIn(RotateOneIn):
    """Stations by identity, or all of a site; one of the two."""

    stations: tuple[str, ...] = Field(default=(), max_length=1000)
    site: str | None = Field(default=None, min_length=1, max_length=200)


class RotationOut(Out):
    """How far a rotation is, and why; the password itself is shown nowhere.

    `state`: queued, sent, accepted, restart-needed, unanswered, rotated, failed or unable.
    """

    station: str
    state: str
    reason: str
    command: int | None
    asked_at: datetime | None
    asked_by: str


@router.post("/stations/{station_id}/password/rotate")
def rotate_one(
    doors: Doors,
    station_id: str,
    body: RotateOneIn | None = None,
    caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE)),
) -> RotationOut:
    """Have the station get a new password, made here; also when it is away, and never during a walk."""
    station = doors.fleet.station(station_id).id
    asked = body or RotateOneIn()
    (rotation,) = doors.fleet.rotations.ask([station], caller.name, restart=asked.restart)
    return RotationOut.of(rotation)


@router.post("/passwords/rotate")
def rotate_many(
    doors: Doors, body: RotateIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> Page[RotationOut]:
    """The same for many: for each what was done, or why nothing could be."""
    if bool(body.stations) == (body.site is not None):
        raise RequestRefused("stations", "name stations, or a site: one of the two")
    chosen = doors.fleet.stations_at(body.site) if body.site is not None else body.stations
    found = doors.fleet.rotations.ask(chosen, caller.name, restart=body.restart)
    return Page(items=[RotationOut.of(one) for one in found], next=None)


@router.get("/passwords/rotations")
def list_rotations(
    doors: Doors,
    station: str | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[RotationOut]:
    """How far the last rotation of each station is, by station."""
    if station is not None:
        found = doors.fleet.rotations.progress([doors.fleet.station(station).id])
        return Page(items=[RotationOut.of(one) for one in found], next=None)
    return page(doors.fleet.rotations.page(after, limit + 1), limit, RotationOut.of, _name)


def _name(rotation: Rotation) -> str:
    return rotation.station

"""/api/v1/stations/{id}/chain: which root a station's certificate chain shall end in."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import Field

from web.api.asked import Doors
from web.api.shapes import In, Out
from web.auth import Needs
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(prefix="/stations", tags=["stations"])


class ChainIn(In):
    """The name of the root that the station's chain shall end in; null for the plain chain."""

    root: str | None = Field(max_length=100)


class ChainWayOut(Out):
    """The chain if this authority issued now: where it ends, through whom, how long (characters of PEM above the leaf).

    `sentence` says why it does not end in the root that was chosen.
    """

    authority: str
    root: str
    through: tuple[str, ...]
    length: int
    sentence: str


class ChainOut(Out):
    """A station's choice (`root` null: none, the plain chain) and what follows from it."""

    station: str
    root: str | None
    chosen_by: str | None
    chosen_at: datetime | None
    ways: tuple[ChainWayOut, ...]


@router.get("/{station_id}/chain")
def show_chain(
    doors: Doors, station_id: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> ChainOut:
    """Which root was chosen, and the chains that follow."""
    return _chain(doors, doors.fleet.station(station_id).id)


@router.put("/{station_id}/chain")
def choose_chain(
    doors: Doors, station_id: str, body: ChainIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> ChainOut:
    """Choose the root; it counts from the next certificate that is sent or shown."""
    station = doors.fleet.station(station_id).id
    if body.root is None:
        doors.authority.chains.release(station, caller.name)
    else:
        doors.authority.chains.choose(station, body.root, caller.name)
    return _chain(doors, station)


def _chain(doors: Service, station: str) -> ChainOut:
    choice = doors.authority.chains.of(station)
    return ChainOut(
        station=station,
        root=choice.root if choice else None,
        chosen_by=choice.chosen_by if choice else None,
        chosen_at=choice.chosen_at if choice else None,
        ways=tuple(ChainWayOut.of(way) for way in doors.authority.chains.ways(station)),
    )

"""/api/v1/stations/unknown: identities that nobody registered and that knocked; adopted or forgotten."""

from datetime import datetime

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from csms_bridge.station import NewStation, OcppVersion, SecurityProfile
from csms_bridge.strangers import Stranger
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import AddedStationOut, In, Out, Page, ReasonIn
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/stations/unknown", tags=["stations"])


class UnknownStationOut(Out):
    """An unknown station: what it showed and says of itself. Nothing of it is proved.

    `state` is refused or quarantined; `contested` is true when it showed another password, or said to be another
    station, than the first time.
    """

    id: str
    state: str
    reason: str
    address: str
    addresses: list[str]
    first_seen: datetime
    last_seen: datetime
    tries: int
    shown: str
    has_password: bool
    contested: bool
    ocpp_version: str | None
    vendor: str
    model: str
    serial: str
    firmware: str
    booted_at: datetime | None


class AdoptIn(In):
    """What to register it as; left out, the serial number and the OCPP version are those it told."""

    serial: str | None = None
    ocpp_version: OcppVersion | None = None
    profile: SecurityProfile = SecurityProfile.BASIC
    keep_password: bool = Field(default=False, description="the password that it showed stays good; else one is made")
    site: str = Field(default="", max_length=200)
    tags: tuple[str, ...] = Field(default=(), max_length=50)

    def new_station(self, stranger: Stranger) -> NewStation:
        """Checked by the fleet's own rules. Raises StationRefused."""
        return NewStation(
            id=stranger.id,
            serial=stranger.serial if self.serial is None else self.serial,
            ocpp_version=self.ocpp_version or stranger.ocpp_version,
            profile=self.profile,
            site=self.site,
            tags=self.tags,
        )


class ForgottenOut(Out):
    """How many were taken off the list."""

    forgotten: int


class ForgetIn(ReasonIn):
    """Which: those that came last from this address; all when it is left out."""

    address: str | None = Field(default=None, max_length=100)


@router.get("")
def list_unknown(
    doors: Doors,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[UnknownStationOut]:
    """Unknown stations by identity."""
    found = doors.fleet.strangers.page(after=after, limit=limit + 1)
    return page(found, limit, UnknownStationOut.of, lambda one: one.id)


@router.post("/forget")
def forget_many(
    doors: Doors, body: ForgetIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> ForgottenOut:
    """Empty the list, or take off all that came from one address; they come back when they knock again."""
    return ForgottenOut(forgotten=doors.fleet.strangers.forget_all(body.address, caller.name, body.reason))


@router.get("/{station_id}")
def show_unknown(
    doors: Doors, station_id: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> UnknownStationOut:
    """One unknown station."""
    return UnknownStationOut.of(doors.fleet.strangers.stranger(station_id))


@router.post("/{station_id}/adopt", status_code=201)
def adopt(
    doors: Doors, station_id: str, body: AdoptIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> AddedStationOut:
    """Register it. A password that was made here is in this answer and nowhere else."""
    new = body.new_station(doors.fleet.strangers.stranger(station_id))
    return AddedStationOut.made(doors.fleet.adopt(new, caller.name, keep_password=body.keep_password))


@router.post("/{station_id}/forget", status_code=204)
def forget(
    doors: Doors, station_id: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> Response:
    """Take it off the list; it comes back when it knocks again."""
    doors.fleet.strangers.forget(station_id, caller.name, body.reason)
    return Response(status_code=204)

"""/api/v1/sites: time zones, maintenance windows and shares of sites; and where stations stand."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from csms_bridge.campaigns.sites import NewSite
from csms_bridge.errors import SiteRefused
from csms_bridge.registry import Place
from web.api.asked import After, Doors, Limit, page
from web.api.campaign_shapes import SiteOut, SitesOut
from web.api.shapes import In, Out, Page, ReasonIn, StationOut
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(tags=["sites"])


class SiteIn(In):
    """A site. `windows` are written `mon-fri 22:00-05:00; sat,sun 00:00-24:00`; none means at any time."""

    name: str = Field(max_length=100)
    time_zone: str = Field(default="UTC", max_length=64, description="IANA name: Europe/Berlin")
    windows: str = Field(default="", max_length=1000)
    max_share: int = Field(default=100, description="per cent of its stations that may be worked on at a time")

    def meaning(self) -> NewSite:
        """Raises SiteRefused."""
        return NewSite(self.name, self.time_zone, self.windows, self.max_share)


class SitesIn(In):
    """Sites to write down or change: all or none."""

    sites: Sequence[SiteIn] = Field(min_length=1, max_length=10_000)


class PlaceIn(In):
    """Where a station stands and its tags; null leaves what there is."""

    station: str
    site: str | None = None
    tags: tuple[str, ...] | None = None


class PlacesIn(In):
    """Many stations at once: all or none."""

    stations: Sequence[PlaceIn] = Field(min_length=1, max_length=100_000)
    reason: str = Field(default="", max_length=500)


class PlacedOut(Out):
    """The stations as they stand now."""

    items: list[StationOut]


@router.get("/sites")
def list_sites(
    doors: Doors,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[SiteOut]:
    """Sites on record, by name."""
    found = doors.fleet.campaigns.sites.page(after, limit + 1)
    return page(found, limit, SiteOut.made, lambda site: site.name)


@router.put("/sites")
def put_sites(doors: Doors, body: SitesIn, caller: Principal = Depends(Needs(Permission.SITES_CHANGE))) -> SitesOut:
    """Write sites down, or change what is known of them."""
    asked = [_meaning(row, site) for row, site in enumerate(body.sites, 1)]
    return SitesOut(items=[SiteOut.made(site) for site in doors.fleet.campaigns.sites.put(asked, caller.name)])


@router.get("/sites/{name:path}")
def show_site(doors: Doors, name: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))) -> SiteOut:
    """One site."""
    return SiteOut.made(doors.fleet.campaigns.sites.site(name))


@router.post("/sites/{name:path}/remove", status_code=204)
def remove_site(
    doors: Doors, name: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.SITES_CHANGE))
) -> Response:
    """Forget what is known of a site; its stations keep its name."""
    doors.fleet.campaigns.sites.remove(name, caller.name, body.reason)
    return Response(status_code=204)


@router.put("/places")
def place_stations(
    doors: Doors, body: PlacesIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> PlacedOut:
    """Say where stations stand and which tags they have."""
    places = [Place(one.station, one.site, one.tags) for one in body.stations]
    placed = doors.fleet.place_stations(places, caller.name, body.reason)
    return PlacedOut(items=[StationOut.of(station) for station in placed])


def _meaning(row: int, site: SiteIn) -> NewSite:
    try:
        return site.meaning()
    except SiteRefused as refused:
        raise SiteRefused(refused.field, refused.why, row) from None

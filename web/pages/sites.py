"""/sites: when sites may be worked on; and where a station stands."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.campaigns.sites import NewSite
from csms_bridge.campaigns.windows import spell
from csms_bridge.errors import SiteRefused
from csms_bridge.registry import Place
from web.api.asked import Doors
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(include_in_schema=False)
_PAGE = 100
Text = Annotated[str, Form(max_length=1000)]


@router.get("/sites")
def list_sites(
    doors: Doors, after: str | None = None, visitor: Visitor = Depends(Seen(Permission.STATIONS_READ))
) -> HTMLResponse:
    """Sites on record, and names that stations give and nobody has written down."""
    return _page(doors, visitor, after)


@router.post("/sites")
def put(
    doors: Doors,
    name: Annotated[str, Form(max_length=100)],
    time_zone: Annotated[str, Form(max_length=64)],
    visitor: Visitor = Depends(Submitted(Permission.SITES_CHANGE)),
    windows: Text = "",
    max_share: Annotated[int, Form()] = 100,
) -> Response:
    """Write a site down, or change it."""
    try:
        doors.fleet.campaigns.sites.put([NewSite(name.strip(), time_zone, windows, max_share)], visitor.name)
    except SiteRefused as refused:
        filled = {"name": name, "time_zone": time_zone, "windows": windows, "max_share": str(max_share)}
        return _page(doors, visitor, None, filled, refused.sentence)
    return RedirectResponse("/sites", status_code=303)


@router.post("/sites/remove")
def remove(
    doors: Doors,
    name: Annotated[str, Form(max_length=100)],
    reason: Annotated[str, Form(min_length=1, max_length=500)],
    visitor: Visitor = Depends(Submitted(Permission.SITES_CHANGE)),
) -> Response:
    """Forget what is known of a site."""
    doors.fleet.campaigns.sites.remove(name, visitor.name, reason)
    return RedirectResponse("/sites", status_code=303)


@router.post("/stations/{station_id}/place")
def place(
    doors: Doors,
    station_id: str,
    visitor: Visitor = Depends(Submitted(Permission.STATIONS_CHANGE)),
    site: Annotated[str, Form(max_length=100)] = "",
    tags: Text = "",
) -> Response:
    """Say where a station stands, and its tags, parted by semicolons."""
    labels = tuple(tag.strip() for tag in tags.split(";") if tag.strip())
    doors.fleet.place_stations([Place(station_id, site.strip(), labels)], visitor.name, "")
    return RedirectResponse(f"/stations/{quote(station_id, safe='')}", status_code=303)


def _page(
    doors: Doors, visitor: Visitor, after: str | None, filled: dict[str, str] | None = None, wrong: str = ""
) -> HTMLResponse:
    sites = doors.fleet.campaigns.sites
    found = sites.page(after, _PAGE + 1)
    following = found[_PAGE - 1].name if len(found) > _PAGE else None
    return render(
        "sites.html", visitor, 422 if wrong else 200, sites=found[:_PAGE], unknown=sites.unknown(), next=following,
        after=after, filled=filled or {}, wrong=wrong, spell=spell,
    )  # fmt: skip

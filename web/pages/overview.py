"""/: the fleet by profile, what is on hold, what moves."""

from dataclasses import dataclass

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from csms_bridge.station import Overview
from csms_bridge.walks.steps import WalkState
from web.api.asked import Doors
from web.pages.rendering import render
from web.pages.visitor import Seen, Visitor
from web.pages.walks import Moving
from web.permissions import Permission

router = APIRouter(include_in_schema=False)
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the ladder. `share` is its part of the fleet in percent."""

    name: str
    meaning: str
    count: int
    share: float
    tone: str
    link: str


_MEANINGS = {
    0: "no protection at all",
    1: "password over plain WebSocket",
    2: "password over TLS",
    3: "client certificate over TLS",
}


def ladder(overview: Overview) -> list[Rung]:
    """The rungs from the lowest to the highest, with OCPP's own numbers."""

    def share(count: int) -> float:
        return round(100 * count / overview.total, 1) if overview.total else 0.0

    rungs = []
    for number, meaning in _MEANINGS.items():
        count = overview.by_profile.get(number, 0)
        link = f"/stations?profile={number}"
        rungs.append(Rung(str(number), meaning, count, share(count), f"rung-{number}", link))
    return rungs


@router.get("/")
def show(doors: Doors, visitor: Visitor = Depends(Seen(Permission.STATIONS_READ))) -> HTMLResponse:
    """The overview."""
    overview = doors.fleet.overview()
    running = doors.fleet.walks(state=WalkState.RUNNING, limit=_SHOWN)
    return render(
        "overview.html",
        visitor,
        overview=overview,
        ladder=ladder(overview),
        never_seen=overview.by_profile.get(None, 0),
        held=doors.fleet.stations(held=True, limit=_SHOWN),
        walks=[Moving.of(walk) for walk in running],
    )

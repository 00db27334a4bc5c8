"""/api/v1/walks: take stations to a higher security profile, and follow them."""

from collections.abc import Sequence
from typing import Self

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator

from csms_bridge.errors import BridgeError
from csms_bridge.station import SecurityProfile
from csms_bridge.walks.steps import WalkState
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import In, Out, Page, ReasonIn, WalkOut
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/walks", tags=["walks"])


class WalkIn(In):
    """Which stations to walk, and to which profile. One `station`, or several `stations`."""

    station: str | None = None
    stations: Sequence[str] = Field(default=(), max_length=10_000)
    to: SecurityProfile
    permit_lower: bool = False
    """Let it go down from 3 to 2, which OCPP allows by permission; `reason` says why."""
    reason: str = Field(default="", max_length=500)

    @property
    def permission(self) -> str:
        """The reason of a way down that is permitted, else empty."""
        return self.reason if self.permit_lower else ""

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        if (self.station is None) == (not self.stations):
            raise ValueError("give either `station` or `stations`")
        if self.permit_lower and not self.reason.strip():
            raise ValueError("give the reason why it may go down")
        return self


class SkipIn(ReasonIn):
    """Which step to leave out: the next one of this name; empty means the one at hand."""

    step: str = Field(default="", max_length=100)


class CancelIn(ReasonIn):
    """Why; and whether to end it as it is, with nothing undone and nothing proved."""

    as_it_is: bool = False


class RefusedWalk(Out):
    """A station of many whose walk could not be started."""

    station: str
    detail: str
    hint: str


class StartedWalks(Out):
    """What came of starting many walks."""

    items: list[WalkOut]
    refused: list[RefusedWalk]


@router.post("", status_code=201)
def start_walks(
    doors: Doors, body: WalkIn, caller: Principal = Depends(Needs(Permission.WALKS_CHANGE))
) -> WalkOut | StartedWalks:
    """Start one walk, or many. An unknown station among many starts none; other refusals are told one by one."""
    if body.station is not None:
        return WalkOut.of(doors.fleet.start_walk(body.station, body.to, caller.name, body.permission))
    for station in body.stations:
        doors.fleet.station(station)
    started = [_start(doors, station, body, caller) for station in dict.fromkeys(body.stations)]
    return StartedWalks(
        items=[one for one in started if isinstance(one, WalkOut)],
        refused=[one for one in started if isinstance(one, RefusedWalk)],
    )


@router.get("")
def list_walks(
    doors: Doors,
    station: str | None = None,
    state: WalkState | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.WALKS_READ)),
) -> Page[WalkOut]:
    """Walks, newest first. `after` is the id of a walk."""
    if after is not None:
        doors.fleet.walk(after)  # raises UnknownWalk: an unknown place is no empty page
    found = doors.fleet.walks(station=station, state=state, after=after, limit=limit + 1)
    return page(found, limit, WalkOut.of, lambda walk: walk.id)


@router.get("/{walk_id}")
def show_walk(doors: Doors, walk_id: str, _caller: Principal = Depends(Needs(Permission.WALKS_READ))) -> WalkOut:
    """One walk with its steps."""
    return WalkOut.of(doors.fleet.walk(walk_id))


@router.post("/{walk_id}/hold")
def hold_walk(
    doors: Doors, walk_id: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.WALKS_CHANGE))
) -> WalkOut:
    """Stop a walk where it is; the station stays reachable."""
    return WalkOut.of(doors.fleet.hold_walk(walk_id, body.reason, caller.name))


@router.post("/{walk_id}/resume")
def resume_walk(doors: Doors, walk_id: str, caller: Principal = Depends(Needs(Permission.WALKS_CHANGE))) -> WalkOut:
    """Go on with a walk that is on hold."""
    return WalkOut.of(doors.fleet.resume_walk(walk_id, caller.name))


@router.post("/{walk_id}/retry")
def retry_step(doors: Doors, walk_id: str, caller: Principal = Depends(Needs(Permission.WALKS_CHANGE))) -> WalkOut:
    """Go on with a walk that is on hold by its step at hand alone, and not the whole leg."""
    return WalkOut.of(doors.fleet.retry_step(walk_id, caller.name))


@router.post("/{walk_id}/skip")
def skip_step(
    doors: Doors, walk_id: str, body: SkipIn, caller: Principal = Depends(Needs(Permission.WALKS_CHANGE))
) -> WalkOut:
    """Leave a step out where that is safe; a walk on hold goes on behind it."""
    return WalkOut.of(doors.fleet.skip_step(walk_id, body.step, body.reason, caller.name))


@router.post("/{walk_id}/cancel")
def cancel_walk(
    doors: Doors, walk_id: str, body: CancelIn, caller: Principal = Depends(Needs(Permission.WALKS_CHANGE))
) -> WalkOut:
    """Give a walk up for good; what was begun is undone, and the walk is cancelled when the way back is proved."""
    return WalkOut.of(doors.fleet.cancel_walk(walk_id, body.reason, caller.name, as_it_is=body.as_it_is))


def _start(doors: Doors, station: str, body: WalkIn, caller: Principal) -> WalkOut | RefusedWalk:
    try:
        return WalkOut.of(doors.fleet.start_walk(station, body.to, caller.name, body.permission))
    except BridgeError as refusal:
        return RefusedWalk(station=station, detail=refusal.sentence, hint=refusal.hint)

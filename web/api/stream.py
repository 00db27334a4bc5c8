"""/api/v1/stream: what changes in the fleet, as server-sent events (WHATWG HTML §9.2).

event: stations          data: [station, …]        event: walks          data: [walk, …]
event: campaigns         data: [campaign, …]
event: renewals          data: [renewal, …]        (asked, or found to have moved)
event: firmware          data: [firmware, …]       (ordered, approved, decided or signed)
event: alarms            data: [alarm, …]          (raised, repeated or cleared; for those who may see alarms)
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from csms_bridge.fleet import Changes
from csms_bridge.renewals import Renewal
from pki.alarms import Alarm
from pki.firmware_book import SignedFirmware
from web.api.asked import Doors
from web.api.campaign_shapes import CampaignOut
from web.api.firmware_shapes import FirmwareOut
from web.api.renewals import RenewalOut
from web.api.shapes import AlarmOut, Out, StationOut, WalkOut
from web.auth import Needs, principal_of
from web.errors import NotSignedIn
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(tags=["stream"])
_PAUSE = 0.5  # seconds between two looks
_QUIET = timedelta(seconds=15)  # proxies close a connection that says nothing
_RECHECK = timedelta(seconds=60)  # a revoked token must not listen on for ever
# Changes are stamped before they are committed, so each look reaches back a little and drops what it has sent.
_OVERLAP = timedelta(seconds=5)
_LIMIT = 500  # of one look; the rest comes with the next


@router.get("/stream", response_class=StreamingResponse)
async def stream(
    doors: Doors, request: Request, caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> StreamingResponse:
    """Stations, walks and alarms as they change, from now on. Reconnecting clients read the lists again first."""
    return StreamingResponse(
        _events(doors, request, caller.may(Permission.ALARMS_READ)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(doors: Service, request: Request, sees_alarms: bool) -> AsyncIterator[str]:
    sent = SentAlready()
    said = checked = since = doors.clock()
    yield "retry: 2000\n\n"
    while not request.app.state.stopping.is_set():
        looked = doors.clock()
        changes = await run_in_threadpool(doors.fleet.changes, since, _LIMIT)
        moved = await run_in_threadpool(doors.authority.alarms.changed_since, since, _LIMIT) if sees_alarms else []
        decided = await run_in_threadpool(doors.authority.firmware_book.moved_since, since, _LIMIT)
        renewed = await run_in_threadpool(doors.fleet.renewals_moved, since, _LIMIT)
        for text in sent.fresh(changes, moved, decided, renewed):
            said = looked
            yield text
        since = next_look(changes, looked)
        if looked - said > _QUIET:
            said = looked
            yield ": still here\n\n"
        if looked - checked > _RECHECK:
            checked = looked
            if not await run_in_threadpool(_still_allowed, doors, request):
                return
        await asyncio.sleep(_PAUSE)


def next_look(changes: Changes, looked: datetime) -> datetime:
    """From when on to look next: a full answer may have left something out after its last item."""
    campaigns = [view.campaign for view in changes.campaigns]
    full = [things for things in (changes.stations, changes.walks, campaigns) if len(things) >= _LIMIT]
    if full:
        return min(things[-1].updated_at for things in full)
    return looked - _OVERLAP


def _still_allowed(doors: Service, request: Request) -> bool:
    try:
        return principal_of(request, doors.accounts).may(Permission.STATIONS_READ)
    except NotSignedIn:
        return False


class SentAlready:
    """Remembers which version of which thing went out, since two looks overlap."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], datetime] = {}

    def fresh(
        self,
        changes: Changes,
        alarms: Sequence[Alarm] = (),
        firmware: Sequence[SignedFirmware] = (),
        renewals: Sequence[tuple[Renewal, datetime]] = (),
    ) -> list[str]:
        """The events for what has not been sent in this version."""
        stations = [one for one in changes.stations if self._is_new("station", one.id, one.updated_at)]
        walks = [one for one in changes.walks if self._is_new("walk", one.id, one.updated_at)]
        moved = [one for one in alarms if self._is_new("alarm", str(one.id), one.cleared_at or one.repeated_at)]
        campaigns = [
            one for one in changes.campaigns if self._is_new("campaign", one.campaign.id, one.campaign.updated_at)
        ]
        decided = [one for one in firmware if self._is_new("firmware", one.id, one.moved_at)]
        renewed = [one for one, moved_at in renewals if self._is_new("renewal", one.station, moved_at)]
        events = []
        if renewed:
            events.append(event("renewals", [RenewalOut.made(one) for one in renewed]))
        if decided:
            events.append(event("firmware", [FirmwareOut.of(one) for one in decided]))
        if moved:
            events.append(event("alarms", [AlarmOut.of(one) for one in moved]))
        if stations:
            events.append(event("stations", [StationOut.of(one) for one in stations]))
        if walks:
            events.append(event("walks", [WalkOut.of(one) for one in walks]))
        if campaigns:
            events.append(event("campaigns", [CampaignOut.made(one) for one in campaigns]))
        return events

    def _is_new(self, kind: str, name: str, version: datetime) -> bool:
        if self._versions.get((kind, name)) == version:
            return False
        if len(self._versions) > 20 * _LIMIT:
            self._forget_before(version - 2 * _OVERLAP)
        self._versions[kind, name] = version
        return True

    def _forget_before(self, moment: datetime) -> None:
        self._versions = {key: version for key, version in self._versions.items() if version >= moment}


def event(name: str, things: Sequence[Out]) -> str:
    """One server-sent event with a JSON list in a single data line."""
    data = json.dumps([thing.model_dump(mode="json") for thing in things], separators=(",", ":"))
    return f"event: {name}\ndata: {data}\n\n"

"""Waiting a little for what a station says about its certificates."""

import asyncio
from collections.abc import Sequence

from fastapi.concurrency import run_in_threadpool

from csms_bridge.station_roots.entries import ActState, Deed, RootAct
from web.service import Service

_POLL = 0.05  # seconds between two looks


async def settled(doors: Service, acts: Sequence[RootAct]) -> list[RootAct]:
    """The acts once they have come to an end, or when it is enough; nobody waits for a station that is away.

    A deletion that could not be sent in that time is withdrawn: it was weighed against what the station held now.
    """
    deadline = asyncio.get_running_loop().time() + doors.settings.web.command_timeout.total_seconds()
    found = list(acts)
    while any(_is_waited_for(act) for act in found) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_POLL)
        found = [await run_in_threadpool(doors.fleet.roots.act, act.station, act.id) for act in found]
    return [await _given_up(doors, act) for act in found]


def _is_waited_for(act: RootAct) -> bool:
    return act.is_open and act.state is not ActState.QUEUED


async def _given_up(doors: Service, act: RootAct) -> RootAct:
    if act.deed is Deed.DELETE and act.is_open:
        return await run_in_threadpool(doors.fleet.roots.withdraw, act.station, act.id)
    return act

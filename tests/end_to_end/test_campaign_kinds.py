"""Three stations of all versions on profile 3: new keys, a root more, an old root gone, and one that has to stay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from csms_bridge.simulator.root_store import CSMS_ROOT, StoredRoot
from csms_bridge.simulator.station import SimulatedStation
from tests.end_to_end.credentials import own
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station
from tests.pki.makers import maker_root

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

VERSIONS: Sequence[Version] = ("1.6", "2.0.1", "2.1")
STRANGER = maker_root("The CSMS before")
PACE = {"waves": ["1"], "growth": 2, "errors": 100, "success": 0, "site_share": 100}


@asynccontextmanager
async def fleet(service: RunningService) -> AsyncIterator[list[SimulatedStation]]:
    """They have booted."""
    root = await asyncio.to_thread(service.root_pem)
    async with AsyncExitStack() as lines:
        stations = []
        for version in VERSIONS:
            identity = f"KIND-{version}"
            await asyncio.to_thread(register, service, identity, version, 3, tags=["kinds"])
            credential = await asyncio.to_thread(own, service, identity)
            line = station(service, identity, version, None, profile=3, credential=credential, roots=(root,))
            stations.append(await lines.enter_async_context(line))
        await until(service, "stations", lambda seen: all(one["vendor"] for one in seen["items"]))
        yield stations


async def until(service: RunningService, path: str, fits: Any, within: float = 60) -> dict[str, Any]:
    """What is there, once it fits."""
    async with asyncio.timeout(within):
        while True:
            seen: dict[str, Any] = await asyncio.to_thread(service.get, path)
            if fits(seen):
                return seen
            await asyncio.sleep(0.3)


async def carried_out(service: RunningService, kind: str, **more: str) -> dict[str, dict[str, Any]]:
    """The stations of a campaign at its end."""
    asked = {"name": kind, "kind": kind, "selection": {"tag": "kinds"}, "pace": PACE, **more}
    made = await asyncio.to_thread(service.post, "campaigns", asked)
    await asyncio.to_thread(service.post, f"campaigns/{made['id']}/start", {})
    await until(service, f"campaigns/{made['id']}", lambda seen: seen["state"] != "running")
    targets = await asyncio.to_thread(service.get, f"campaigns/{made['id']}/targets")
    return {one["station"]: one for one in targets["items"]}


def results(stations: dict[str, dict[str, Any]]) -> set[tuple[str, str]]:
    """How they ended, and why badly."""
    return {(one["state"], "" if one["state"] == "done" else one["reason"]) for one in stations.values()}


async def have_listed(service: RunningService, count: int) -> None:
    """Each has told that it holds so many roots; they are asked some seconds after each change."""
    for version in VERSIONS:
        path = f"stations/KIND-{version}/roots"
        await until(service, path, lambda seen: len([one for one in seen["entries"] if not one["gone_at"]]) == count)


async def test_each_kind_does_what_it_says(shared_service: RunningService) -> None:
    service = shared_service
    async with fleet(service) as stations:
        before = [(one.client_serial, one.memory.credentials[0].key) for one in stations]
        done = await carried_out(service, "rekey")
        assert results(done) == {("done", "")}
        assert all(one.client_serial != serial for one, (serial, _) in zip(stations, before, strict=True))

        name = {"name": "old-csms", "certificate": STRANGER.pem.decode()}
        await asyncio.to_thread(service.post, "recorded-roots", name)
        for one in stations:  # where they came from
            one.memory.roots = (*one.memory.roots, StoredRoot(CSMS_ROOT, STRANGER.certificate))
        done = await carried_out(service, "install-root", root="root-rsa")
        assert results(done) == {("done", "")}
        await have_listed(service, 3)

        done = await carried_out(service, "remove-root", root="old-csms")
        assert results(done) == {("done", "")}
        await have_listed(service, 2)
        assert all(root.certificate != STRANGER.certificate for one in stations for root in one.memory.roots)

        kept = await carried_out(service, "remove-root", root="root")
        assert {one["state"] for one in kept.values()} == {"failed"}
        assert all("could not come back" in one["reason"] for one in kept.values())
        assert [len(one.memory.roots) for one in stations] == [2, 2, 2]

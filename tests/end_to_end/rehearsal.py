"""The roll-over of a root, rehearsed over simulated stations that are on profile 2 and trust the old root."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.events import Disconnected, StationEvent
from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import Version, register, station

VERSIONS: tuple[Version, ...] = ("1.6", "2.0.1", "2.1")
# The servers' certificates and lists are looked at more often than in the field, so that nobody has to wait.
QUICK = {"VOLTWARD_RENEWAL_CHECK": "PT1S"}


@dataclass
class Fleet:
    """Who is there, who refuses every root, and whose line was lost."""

    service: RunningService
    names: list[str]
    refusing: list[str]
    lost: list[str] = field(default_factory=list)

    def noticed(self, event: StationEvent) -> None:
        """What a station tells."""
        if isinstance(event, Disconnected):
            self.lost.append(event.identity)

    async def get(self, path: str, **query: Any) -> Any:
        """A resource of the API."""
        return await asyncio.to_thread(lambda: self.service.get(path, **query))

    async def online(self) -> list[str]:
        """Who is connected."""
        found = await self.get("stations", limit=1000)
        return sorted(one["id"] for one in found["items"] if one["online"])

    async def post(self, path: str, **body: Any) -> tuple[int, Any]:
        """A change of a plan over REST: the status, and the plan or the problem."""

        def call() -> tuple[int, Any]:
            with self.service.api() as api:
                answer = api.post(f"roots/plans{path}", json=body)
                return answer.status_code, answer.json()

        return await asyncio.to_thread(call)

    async def advance(self, plan: str, step: str) -> None:
        """Take a step, as soon as the successor's revocation lists are out: they are published every ten seconds."""
        code, moved = await self.post(f"/{plan}/advance", step=step, note="rehearsal")
        while code == 409 and "no revocation list yet" in moved["detail"]:
            await asyncio.sleep(0.5)
            code, moved = await self.post(f"/{plan}/advance", step=step, note="rehearsal")
        assert (code, moved["step"]) == (200, step), moved

    async def all_online(self, names: list[str], within: float = 120) -> None:
        """Once exactly these are connected."""
        there: list[str] = []
        try:
            async with asyncio.timeout(within):
                while True:
                    there = await self.online()
                    if there == names:
                        return
                    await asyncio.sleep(0.5)
        except TimeoutError:
            raise AssertionError(f"on line are {there}") from None

    async def until(self, look: Callable[[Any], bool], plan: str, within: float) -> Any:
        """The plan once it is so."""
        seen: Any = None
        try:
            async with asyncio.timeout(within):
                while True:
                    seen = await self.get(f"roots/plans/{plan}")
                    if look(seen):
                        return seen
                    await asyncio.sleep(0.5)
        except TimeoutError:
            raise AssertionError(f"it did not come to that: {json.dumps(seen, indent=1)}") from None


@asynccontextmanager
async def fleet_of(service: RunningService, count: int, refusing: int) -> AsyncIterator[Fleet]:
    """So many stations on line, the last of which refuse every root."""
    names = [f"R-{number:03}" for number in range(count)]
    fleet = Fleet(service, names, names[count - refusing :])
    root = await asyncio.to_thread(service.root_pem)
    async with AsyncExitStack() as lives:
        for number, name in enumerate(names):
            version = VERSIONS[number % len(VERSIONS)]
            password = await asyncio.to_thread(register, service, name, version, 2)
            faults = [Fault.REFUSE_ROOT] if name in fleet.refusing else []
            simulated = await lives.enter_async_context(
                station(service, name, version, password, *faults, profile=2, roots=(root,))
            )
            simulated.subscribe(fleet.noticed)
        await fleet.all_online(names)
        yield fleet


async def rehearse(fleet: Fleet, within: float) -> str:
    """From the plan to our servers showing the new root alone; the plan's id. Nobody's line is lost on the way."""
    code, made = await fleet.post("", root="root")
    assert (code, made["next"]) == (201, "install new"), made
    plan: str = made["id"]
    await fleet.advance(plan, "install new")
    able, unable = len(fleet.names) - len(fleet.refusing), len(fleet.refusing)
    await fleet.until(
        lambda seen: (seen["standing"]["confirmed"], seen["standing"]["losing"]) == (able, unable), plan, within
    )
    await _stops_and_names(fleet, plan)
    code, out = await fleet.post(f"/{plan}/exclusions", stations=fleet.refusing, reason="new units come")
    assert (code, out["exclusions"]) == (200, unable)
    for step in ("all confirmed", "switch", "confirm connected"):
        await fleet.advance(plan, step)
    assert fleet.lost == []
    assert await fleet.online() == fleet.names
    return plan


async def clear(fleet: Fleet, plan: str, within: float) -> None:
    """After *remove old*: nobody lists the old root any more but those that were excluded, and the plan is done."""
    await fleet.until(lambda seen: seen["standing"]["holding"] == 0, plan, within)
    await fleet.advance(plan, "old deleted")
    assert (await fleet.get(f"roots/plans/{plan}"))["state"] == "done"
    able = next(name for name in fleet.names if name not in fleet.refusing)
    listed = await fleet.get(f"stations/{able}/roots")
    names = {one["name"] for one in listed["entries"] if one["gone_at"] is None}
    assert ("root-2" in names, "root" in names) == (True, False)


async def foreseen(fleet: Fleet, **change: str) -> dict[str, list[str]]:
    """Who comes out how by a planned change, out of the table of the whole fleet."""
    with fleet.service.api() as api:
        answer = await asyncio.to_thread(lambda: api.get("reports/will-it-connect.csv", params=change))
    found: dict[str, list[str]] = {}
    for row in csv.DictReader(io.StringIO(answer.text, newline="")):
        found.setdefault(row["outcome"], []).append(row["station"])
    return found


async def _stops_and_names(fleet: Fleet, plan: str) -> None:
    """The planner goes no further, and says by whom."""
    refused = await asyncio.to_thread(fleet.service.cli, "ca", "rollover", "advance", plan)
    assert refused.returncode == 2
    assert f"{len(fleet.refusing)} station" in refused.stderr
    assert "would lose us" in refused.stderr
    found = await fleet.get(f"roots/plans/{plan}/stations")
    assert [one["station"] for one in found["items"]] == fleet.refusing
    assert {one["why"] for one in found["items"]} == {"it refused the root root-2"}
    assert (await fleet.get(f"roots/plans/{plan}"))["step"] == "install new"

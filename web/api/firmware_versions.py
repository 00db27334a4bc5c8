"""/api/v1/reports/firmware and /api/v1/firmware/{id}/stations: who runs which version."""

from datetime import datetime

from fastapi import APIRouter, Depends

from csms_bridge.firmware.versions import RunningVersion
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(tags=["firmware"])


class RunningVersionOut(Out):
    """A version as stations tell it; `firmware` is the order of the release that it is, null for none of ours."""

    vendor: str
    model: str
    version: str
    stations: int
    online: int
    firmware: str | None

    @classmethod
    def made(cls, one: RunningVersion) -> "RunningVersionOut":
        """The wire's shape of a version."""
        return cls(
            vendor=one.vendor, model=one.model, version=one.version, stations=one.stations, online=one.online,
            firmware=one.firmware or None,
        )  # fmt: skip


class RunnerOut(Out):
    """A station that runs a release; `update` brought it, null when it came otherwise."""

    station: str
    told: str
    since: datetime | None
    online: bool
    update: int | None


@router.get("/reports/firmware")
def report_versions(
    doors: Doors, _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ))
) -> list[RunningVersionOut]:
    """Every version that stations run, the most widespread first."""
    return [RunningVersionOut.made(one) for one in doors.fleet.versions.of_fleet()]


@router.get("/firmware/{firmware_id}/stations")
def list_runners(
    doors: Doors,
    firmware_id: str,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ)),
) -> Page[RunnerOut]:
    """The stations that run a release, by identity."""
    found = doors.fleet.versions.runners(doors.authority.firmware(firmware_id), after, limit + 1)
    return page(found, limit, RunnerOut.of, lambda runner: runner.station)

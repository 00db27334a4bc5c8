"""/api/v1/stations/{id}/logs: have a station upload a log (N01), follow it, and download it."""

import re
from datetime import datetime
from typing import Self

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse
from pydantic import AwareDatetime

from csms_bridge.commands import LogKind
from csms_bridge.log_fetches import StationLog, Wanted
from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.log_types import LogType
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(tags=["logs"])
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


KINDS = {
    LogType.SECURITY: LogKind.SECURITY,
    LogType.DIAGNOSTICS: LogKind.DIAGNOSTICS,
    LogType.DATA_COLLECTOR: LogKind.DATA_COLLECTOR,
}
TYPES = {kind: type_ for type_, kind in KINDS.items()}


class LogIn(In):
    """Which log, and of what time; without times the whole of it."""

    type: LogType
    oldest: AwareDatetime | None = None
    latest: AwareDatetime | None = None

    def wanted(self) -> Wanted:
        """The domain's shape."""
        return Wanted(KINDS[self.type], self.oldest, self.latest)


class LogOut(Out):
    """How far a log is: queued, sent, accepted, uploading, received, missing, replaced, expired or failed, and why.

    `told` is the station's last word on it, `filename` what it calls it. `size` (bytes) and `sha256` (hex) are of what
    arrived; `node` has it on its disk.
    """

    id: int
    station: str
    type: LogType
    state: str
    reason: str
    command: int
    oldest: datetime | None
    latest: datetime | None
    told: str
    told_at: datetime | None
    filename: str
    received_at: datetime | None
    size: int | None
    sha256: str | None
    node: str | None
    asked_at: datetime
    asked_by: str

    @classmethod
    def made(cls, log: StationLog) -> Self:
        """The wire's shape of a log."""
        return cls(**{name: getattr(log, name) for name in cls.model_fields if name != "type"}, type=TYPES[log.type])


@router.post("/stations/{station_id}/logs", status_code=201)
def fetch_log(
    doors: Doors, station_id: str, body: LogIn, caller: Principal = Depends(Needs(Permission.LOGS_FETCH))
) -> LogOut:
    """Ask a station for a log, now or when it is back."""
    return LogOut.made(doors.fleet.logs.ask(station_id, body.wanted(), caller.name))


@router.get("/stations/{station_id}/logs")
def list_logs(
    doors: Doors,
    station_id: str,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.LOGS_READ)),
) -> Page[LogOut]:
    """The logs that a station was asked for, newest first."""
    doors.fleet.station(station_id)
    found = doors.fleet.logs.page(station_id, number_cursor(after), limit + 1)
    return page(found, limit, LogOut.made, lambda log: log.id)


@router.get("/stations/{station_id}/logs/{log_id}")
def show_log(
    doors: Doors, station_id: str, log_id: int, _caller: Principal = Depends(Needs(Permission.LOGS_READ))
) -> LogOut:
    """One log."""
    return LogOut.made(doors.fleet.logs.log(station_id, log_id))


@router.get("/stations/{station_id}/logs/{log_id}/content", response_class=FileResponse)
def download_log(
    doors: Doors, station_id: str, log_id: int, caller: Principal = Depends(Needs(Permission.LOGS_READ))
) -> FileResponse:
    """What the station uploaded, to be saved and never shown: nobody knows what is in it."""
    return attachment(doors, station_id, log_id, caller.name)


def attachment(doors: Service, station_id: str, log_id: int, by: str) -> FileResponse:
    """The file of a log under a name of ours. Raises UnknownLog, LogNotThere, LogElsewhere."""
    log = doors.fleet.logs.log(station_id, log_id)
    path = doors.fleet.logs.content(station_id, log_id, by)
    name = _UNSAFE.sub("_", f"{log.station}-{TYPES[log.type]}-{log.asked_at:%Y%m%dT%H%M%SZ}.log")
    return FileResponse(path, media_type="application/octet-stream", filename=name)

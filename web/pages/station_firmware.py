"""Firmware on a station's page: asked for, followed, given up."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from csms_bridge.firmware.asking import NewUpdate
from csms_bridge.station import Station
from pki.firmware_book import SignedFirmware
from web.api.asked import Doors
from web.pages.visitor import Submitted, Visitor
from web.permissions import Permission
from web.service import Service

router = APIRouter(prefix="/stations/{station_id}/firmware", include_in_schema=False)
_SHOWN = 20
Reason = Annotated[str, Form(min_length=1, max_length=500)]


def releases_for(doors: Service, station: Station) -> list[SignedFirmware]:
    """What is signed for stations of its vendor and model, the newest first; one of each version."""
    if not station.model or not station.ocpp_version:
        return []
    found = doors.authority.firmware_book.for_model(station.vendor, station.model, _SHOWN)
    return list({one.version: one for one in reversed(found)}.values())[::-1]


@router.post("")
def install(
    doors: Doors,
    station_id: str,
    firmware: Annotated[str, Form(max_length=32)],
    location: Annotated[str, Form(max_length=2000)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
    visitor: Visitor = Depends(Submitted(Permission.FIRMWARE_INSTALL)),
) -> Response:
    """Have it install an image."""
    doors.fleet.firmware.ask(station_id, NewUpdate(firmware, location=location.strip(), why=reason), visitor.name)
    return _back(station_id)


@router.post("/{update_id}/cancel")
def cancel(
    doors: Doors,
    station_id: str,
    update_id: int,
    reason: Reason,
    visitor: Visitor = Depends(Submitted(Permission.FIRMWARE_INSTALL)),
) -> Response:
    """Give it up."""
    doors.fleet.firmware.cancel(station_id, update_id, reason, visitor.name)
    return _back(station_id)


def _back(station_id: str) -> Response:
    return RedirectResponse(f"/stations/{quote(station_id, safe='')}#firmware", status_code=303)

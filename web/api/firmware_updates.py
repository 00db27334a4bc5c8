"""/api/v1/stations/{id}/firmware: have a station install an image, follow it, give it up; and all stations' updates."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, Field

from csms_bridge.firmware.asking import NewUpdate
from csms_bridge.firmware.book import Update
from csms_bridge.firmware.states import UpdateState
from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(tags=["firmware"])
_AT_STATION = "/stations/{station_id}/firmware"


class UpdateIn(In):
    """Which image, from where, when.

    `firmware` is the id of a signed order; the signature that the station's kind can check is chosen by the quirk
    book. Without `location` the image is published here. `unsigned` takes a `location` and the `version` that the
    station will report. `instead`: one that is under way is given up for it. `again`: also for one that runs it.
    """

    firmware: str = Field(default="", max_length=32)
    unsigned: bool = False
    version: str = Field(default="", max_length=50)
    location: str = Field(default="", max_length=2000)
    retrieve_at: AwareDatetime | None = None
    install_at: AwareDatetime | None = None
    retries: int | None = Field(default=3, ge=0, le=100)
    retry_interval: int | None = Field(default=60, ge=0, le=86_400)
    instead: bool = False
    again: bool = False
    reason: str = Field(default="", max_length=500)

    def wanted(self) -> NewUpdate:
        """The domain's shape."""
        return NewUpdate(
            firmware="" if self.unsigned else self.firmware, version=self.version, location=self.location,
            retrieve_at=self.retrieve_at, install_at=self.install_at, retries=self.retries,
            retry_interval=self.retry_interval, instead=self.instead, again=self.again, why=self.reason,
        )  # fmt: skip


class GiveUpIn(In):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


class UpdateOut(Out):
    """How far an update is, and why it failed.

    `state`: queued, asked, accepted, download-scheduled, downloading, downloaded, signature-verified,
    install-scheduled, installing, rebooting, installed, confirming, done, failed, cancelled or replaced; `cause` is
    null or why it failed. `before` is the version that the station reported when it was asked, `seen` what it has
    reported since, `told` its last word.
    """

    id: int
    station: str
    firmware: str | None
    version: str
    signed: bool
    state: str
    cause: str | None
    reason: str
    since: datetime
    before: str
    seen: str
    told: str
    told_at: datetime | None
    verified: bool
    request_id: int
    cancelling: bool
    campaign: str | None
    digest: str | None
    signing_serial: str | None
    location: str
    why: str
    asked_by: str
    asked_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def made(cls, update: Update) -> Self:
        """The wire's shape of an update."""
        at = update.progress
        told = ("version", "signed", "state", "cause", "reason", "since", "before", "seen", "told", "told_at")
        more = ("verified", "request_id", "cancelling", "sent_at")
        return cls(
            id=update.id, station=update.station, firmware=update.firmware or None, campaign=update.campaign or None,
            digest=update.digest or None, signing_serial=update.signing_serial or None, location=update.location,
            why=update.why, asked_by=update.asked_by, asked_at=update.created_at, ended_at=update.ended_at,
            **{name: getattr(at, name) for name in (*told, *more)},
        )  # fmt: skip


@router.post(_AT_STATION, status_code=201)
def install_firmware(
    doors: Doors, station_id: str, body: UpdateIn, caller: Principal = Depends(Needs(Permission.FIRMWARE_INSTALL))
) -> UpdateOut:
    """Have a station install an image (L01), now or when it is back; what stands against it is refused with 409."""
    return UpdateOut.made(doors.fleet.firmware.ask(station_id, body.wanted(), caller.name))


@router.get(_AT_STATION)
def list_station_updates(
    doors: Doors,
    station_id: str,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ)),
) -> Page[UpdateOut]:
    """A station's updates, newest first."""
    doors.fleet.station(station_id)
    found = doors.fleet.firmware.page(station=station_id, before=number_cursor(after), limit=limit + 1)
    return page(found, limit, UpdateOut.made, lambda update: update.id)


@router.get(_AT_STATION + "/{update_id}")
def show_update(
    doors: Doors, station_id: str, update_id: int, _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ))
) -> UpdateOut:
    """One update."""
    return UpdateOut.made(doors.fleet.firmware.update(station_id, update_id))


@router.post(_AT_STATION + "/{update_id}/cancel")
def cancel_update(
    doors: Doors,
    station_id: str,
    update_id: int,
    body: GiveUpIn,
    caller: Principal = Depends(Needs(Permission.FIRMWARE_INSTALL)),
) -> UpdateOut:
    """Give an update up: one that is on its way is ended by a second request, if the station allows it (L01.FR.24)."""
    return UpdateOut.made(doors.fleet.firmware.cancel(station_id, update_id, body.reason, caller.name))


@router.get("/firmware-updates")
def list_updates(
    doors: Doors,
    limit: Limit = 100,
    after: After = None,
    state: UpdateState | None = None,
    firmware: Annotated[str | None, Query(max_length=32, description="of this order")] = None,
    signing_serial: Annotated[str | None, Query(max_length=64, description="signed with this certificate")] = None,
    _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ)),
) -> Page[UpdateOut]:
    """All stations' updates, newest first: with `signing_serial` and `state=done` what a certificate installed."""
    found = doors.fleet.firmware.page(
        firmware=firmware, signing_serial=signing_serial, state=state, before=number_cursor(after), limit=limit + 1
    )
    return page(found, limit, UpdateOut.made, lambda update: update.id)

"""/api/v1/stations: register, look at, command and remove stations."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from csms_bridge.errors import StationRefused, UnknownCommand
from csms_bridge.station import CommandOrder, NewStation, OcppVersion, SecurityProfile
from pki.secret_text import Secret
from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import (
    AddedStationOut,
    CertificateOut,
    CommandOut,
    In,
    MessageOut,
    Page,
    ReasonIn,
    StationOut,
    TimelineEntryOut,
)
from web.auth import Needs
from web.permissions import Permission, Principal
from web.service import Service

router = APIRouter(prefix="/stations", tags=["stations"])
_ANSWERED = {"answered", "failed"}
_POLL = 0.05  # seconds between two looks for a station's answer


class NewStationIn(In):
    """A station to register. Without a password, profiles 1 and 2 get one that is shown once."""

    id: str
    serial: str
    ocpp_version: OcppVersion | None = None
    profile: SecurityProfile = SecurityProfile.BASIC
    password: str | None = Field(default=None, repr=False)
    site: str = Field(default="", max_length=200)
    tags: tuple[str, ...] = Field(default=(), max_length=50)
    quiet: bool = False
    bootstrap: str = Field(
        default="", max_length=100, description="the maker whose certificate alone lets it in until it has one of ours"
    )

    def new_station(self) -> NewStation:
        """Checked by the fleet's own rules. Raises StationRefused."""
        return NewStation(
            id=self.id,
            serial=self.serial,
            ocpp_version=self.ocpp_version,
            profile=self.profile,
            password=Secret.of(self.password) if self.password is not None else None,
            site=self.site,
            tags=self.tags,
            quiet=self.quiet,
            bootstrap=self.bootstrap,
        )


class ImportIn(In):
    """Many stations at once: all or none."""

    stations: Sequence[NewStationIn] = Field(min_length=1, max_length=100_000)


class PermitIn(In):
    """An explicit permission to come back on a lower profile (OCPP allows 3 → 2 only)."""

    profile: SecurityProfile
    reason: str = Field(min_length=1, max_length=500)


class PasswordIn(In):
    """The Basic password of a station, or none to have one made."""

    password: str | None = Field(default=None, repr=False)
    reason: str = Field(min_length=1, max_length=500)


class QuietIn(In):
    """Whether the station is sent nothing unasked, and why."""

    quiet: bool
    reason: str = Field(min_length=1, max_length=500)


class CommandIn(In):
    """An OCPP message to send. `force` skips the safety rules and is for admins in a laboratory."""

    action: str = Field(min_length=1, max_length=50, pattern="^[A-Za-z]+$")
    payload: dict[str, Any] = Field(default_factory=dict)
    force: bool = False


@router.get("")
def list_stations(
    doors: Doors,
    search: str = "",
    profile: SecurityProfile | None = None,
    held: bool | None = None,
    online: bool | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[StationOut]:
    """Stations by id; `search` looks into id, serial number, vendor, model and site."""
    found = doors.fleet.stations(search=search, profile=profile, held=held, online=online, after=after, limit=limit + 1)
    return page(found, limit, StationOut.of, lambda station: station.id)


@router.post("", status_code=201)
def add_station(
    doors: Doors, body: NewStationIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> AddedStationOut:
    """Register a station. A password that was made here is in this answer and nowhere else."""
    return AddedStationOut.made(doors.fleet.add_station(body.new_station(), caller.name))


@router.post("/import", status_code=201)
def import_stations(
    doors: Doors, body: ImportIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> Page[AddedStationOut]:
    """Register many stations: all of them or, when one row is wrong, none."""
    rows = [_new_station(row, number) for number, row in enumerate(body.stations, start=1)]
    added = doors.fleet.import_stations(rows, caller.name)
    return Page(items=[AddedStationOut.made(one) for one in added], next=None)


@router.get("/{station_id}")
def show_station(
    doors: Doors, station_id: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> StationOut:
    """One station."""
    return StationOut.of(doors.fleet.station(station_id))


@router.post("/{station_id}/remove", status_code=204)
def remove_station(
    doors: Doors,
    station_id: str,
    body: ReasonIn,
    caller: Principal = Depends(Needs(Permission.STATIONS_REMOVE)),
) -> Response:
    """Take a station off the register, with a reason; its certificates and its history stay."""
    doors.fleet.remove_station(station_id, caller.name, body.reason)
    return Response(status_code=204)


@router.delete("/{station_id}", status_code=204)
def delete_station(
    doors: Doors,
    station_id: str,
    reason: Annotated[str, Query(min_length=1, max_length=500)],
    caller: Principal = Depends(Needs(Permission.STATIONS_REMOVE)),
) -> Response:
    """The same as POST …/remove, for clients that prefer the method."""
    doors.fleet.remove_station(station_id, caller.name, reason)
    return Response(status_code=204)


@router.post("/{station_id}/permit")
def permit_profile(
    doors: Doors,
    station_id: str,
    body: PermitIn,
    caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE)),
) -> StationOut:
    """Let a station come back on a lower profile: 3 to 2 (2.0.1 A05), or where it was before a mere sighting."""
    return StationOut.of(doors.fleet.permit_profile(station_id, body.profile, caller.name, body.reason))


@router.post("/{station_id}/password")
def set_password(
    doors: Doors,
    station_id: str,
    body: PasswordIn,
    caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE)),
) -> AddedStationOut:
    """Record the Basic password a station has, or have one made, when it cannot come back with the old one."""
    password = Secret.of(body.password) if body.password is not None else None
    return AddedStationOut.made(doors.fleet.set_password(station_id, password, caller.name, body.reason))


@router.post("/{station_id}/quiet")
def make_quiet(
    doors: Doors,
    station_id: str,
    body: QuietIn,
    caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE)),
) -> StationOut:
    """Send the station nothing unasked, as in a certification; or talk to it again."""
    return StationOut.of(doors.fleet.make_quiet(station_id, body.quiet, caller.name, body.reason))


@router.get("/{station_id}/messages")
def list_messages(
    doors: Doors,
    station_id: str,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[MessageOut]:
    """The OCPP messages, newest first, without their secrets."""
    doors.fleet.station(station_id)
    found = doors.fleet.messages(station_id, before=number_cursor(after), limit=limit + 1)
    return page(found, limit, MessageOut.of, lambda entry: entry.id)


@router.get("/{station_id}/certificates")
def list_certificates(
    doors: Doors,
    station_id: str,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ)),
) -> Page[CertificateOut]:
    """The certificates that were issued to the station."""
    doors.fleet.station(station_id)
    found = doors.authority.certificates(station=station_id, after=after, limit=limit + 1)
    return page(found, limit, CertificateOut.of, lambda certificate: certificate.serial)


@router.get("/{station_id}/timeline")
def show_timeline(
    doors: Doors,
    station_id: str,
    limit: Limit = 200,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[TimelineEntryOut]:
    """The station's story, newest first: audit trail, admissions and security events in one."""
    entries = doors.fleet.timeline(station_id, limit=limit)
    return Page(items=[TimelineEntryOut.of(entry) for entry in entries], next=None)


@router.post("/{station_id}/commands", responses={202: {"model": CommandOut}})
async def send_command(
    doors: Doors,
    station_id: str,
    body: CommandIn,
    response: Response,
    caller: Principal = Depends(Needs(Permission.STATIONS_COMMAND)),
) -> CommandOut:
    """Send a message and wait for the station's answer; 202 when it was sent and the answer may still come.

    One that could not be sent in that time is withdrawn (`failed`): nobody expects it to act hours later.
    """
    if body.force:
        caller.require(Permission.STATIONS_FORCE)
    order = await run_in_threadpool(
        doors.fleet.order_command, station_id, body.action, body.payload, caller.name, force=body.force
    )
    order = await _await_answer(doors, order)
    if order.state not in _ANSWERED:
        response.status_code = 202
    return CommandOut.of(order)


@router.get("/{station_id}/commands/{command_id}")
def show_command(
    doors: Doors,
    station_id: str,
    command_id: int,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> CommandOut:
    """A command that was sent before, and what came of it."""
    doors.fleet.station(station_id)
    order = doors.fleet.command_order(command_id)
    if order.station != station_id:
        raise UnknownCommand(command_id)
    return CommandOut.of(order)


def _new_station(asked: NewStationIn, row: int) -> NewStation:
    try:
        return asked.new_station()
    except StationRefused as refusal:
        raise StationRefused(refusal.field, refusal.why, row) from None


async def _await_answer(doors: Service, order: CommandOrder) -> CommandOrder:
    deadline = asyncio.get_running_loop().time() + doors.settings.web.command_timeout.total_seconds()
    while order.state not in _ANSWERED and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_POLL)
        order = await run_in_threadpool(doors.fleet.command_order, order.id)
    return order if order.state in _ANSWERED else await run_in_threadpool(doors.fleet.withdraw_command, order.id)

"""/stations: the register, and one station with what is true of it and the next safe act."""

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.errors import BridgeError
from csms_bridge.password_rotations import RotationState
from csms_bridge.readiness.codes import Verdict
from csms_bridge.readiness.door import StationReadiness
from csms_bridge.renewals import RenewalState
from csms_bridge.security_events import EventFilter
from csms_bridge.station import NewStation, OcppVersion, SecurityProfile, Station
from csms_bridge.station_certificates import CertificateKind
from pki.secret_text import Secret
from web.api.asked import Doors
from web.errors import RequestRefused
from web.pages.postures import sides
from web.pages.readiness import MEANINGS
from web.pages.rendering import render
from web.pages.station_firmware import releases_for
from web.pages.visitor import Seen, Submitted, Visitor
from web.pages.walks import Moving
from web.permissions import Permission
from web.renewing import renewal_of
from web.service import Service

router = APIRouter(prefix="/stations", include_in_schema=False)
_PAGE = 50
_MESSAGES = 30
_CERTIFICATES = 20
_CODES = 5
_EVENTS = 10
_LOGS = 10
_LINES = 25
_UPDATES = 5


class Standing(StrEnum):
    """What the list can be narrowed to."""

    ONLINE = "online"
    OFFLINE = "offline"
    HELD = "held"


_NARROWED: dict[Standing | None, dict[str, bool]] = {
    None: {},
    Standing.ONLINE: {"online": True},
    Standing.OFFLINE: {"online": False},
    Standing.HELD: {"held": True},
}
Text = Annotated[str, Form(max_length=200)]
Reason = Annotated[str, Form(min_length=1, max_length=500)]


@router.get("")
def list_stations(
    doors: Doors,
    search: str = "",
    profile: str = "",
    standing: str = "",
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.STATIONS_READ)),
) -> HTMLResponse:
    """The register: searched, narrowed, paged."""
    wanted = SecurityProfile(int(profile)) if profile in {"0", "1", "2", "3"} else None
    narrowed = Standing(standing) if standing in set(Standing) else None
    found = doors.fleet.stations(
        search=search.strip(), profile=wanted, after=after, limit=_PAGE + 1, **_NARROWED[narrowed]
    )
    asked = {"search": search, "profile": profile, "standing": standing}
    following = urlencode({**asked, "after": found[_PAGE - 1].id}) if len(found) > _PAGE else None
    return render(
        "stations.html",
        visitor,
        unknown=doors.fleet.strangers.count(),
        stations=found[:_PAGE],
        next=following,
        after=after,
        standings=Standing,
        search=search,
        profile=profile,
        standing=standing,
    )


@router.get("/new")
def new(doors: Doors, visitor: Visitor = Depends(Seen(Permission.STATIONS_CHANGE))) -> HTMLResponse:
    """The form for a new station."""
    return _new_form(doors, visitor, {}, "")


@router.post("/new")
def add(
    doors: Doors,
    id: Text = "",  # noqa: A002 -- the form's own name for it
    serial: Text = "",
    ocpp_version: Text = "",
    profile: Annotated[int, Form(ge=0, le=3)] = 1,
    password: Text = "",
    site: Text = "",
    quiet: bool = Form(default=False),
    bootstrap: Text = "",
    visitor: Visitor = Depends(Submitted(Permission.STATIONS_CHANGE)),
) -> Response:
    """Register a station; a password that was made here is on the answer's page and nowhere else."""
    filled = {
        "id": id,
        "serial": serial,
        "ocpp_version": ocpp_version,
        "profile": profile,
        "site": site,
        "quiet": quiet,
        "bootstrap": bootstrap,
    }
    try:
        asked = NewStation(
            id=id.strip(),
            serial=serial.strip(),
            ocpp_version=OcppVersion(ocpp_version) if ocpp_version else None,
            profile=SecurityProfile(profile),
            password=Secret.of(password) if password else None,
            site=site.strip(),
            quiet=quiet,
            bootstrap=bootstrap,
        )
        added = doors.fleet.add_station(asked, visitor.name)
    except (BridgeError, ValueError) as refusal:
        return _new_form(doors, visitor, filled, getattr(refusal, "sentence", str(refusal)), status=422)
    if added.password is None:
        return RedirectResponse(_address(added.station.id), status_code=303)
    return render("station_added.html", visitor, added=added, dial=dial_address(doors, added.station.id))


@router.get("/{station_id}")
def show(doors: Doors, station_id: str, visitor: Visitor = Depends(Seen(Permission.STATIONS_READ))) -> HTMLResponse:
    """One station: what is true, since when, and the next safe act."""
    posture, full = doors.fleet.posture(station_id), doors.fleet.postures.of(station_id)
    walk = doors.fleet.current_walk(station_id)
    certificates = (
        doors.authority.certificates(station=station_id, limit=_CERTIFICATES)
        if visitor.principal.may(Permission.CERTIFICATES_READ)
        else []
    )
    return render(
        "station.html",
        visitor,
        posture=posture,
        full=full,
        sides=sides(posture, full),
        readiness=_readiness(doors, posture.station),
        meanings=MEANINGS,
        station=posture.station,
        moving=Moving.of(walk) if walk else None,
        certificates=certificates,
        renewal=renewal_of(doors, station_id),
        allowance=doors.fleet.allowances.of(station_id),
        allowed=doors.fleet.allowances.limits.per_hour,
        due=doors.fleet.renewing.states.station(station_id),
        habit=doors.fleet.renewing.habit(station_id),
        rotation=next(iter(doors.fleet.rotations.progress([station_id])), None),
        chain=doors.authority.chains.of(station_id),
        ways=doors.authority.chains.ways(station_id),
        roots=[info.name for info in doors.authority.chains.roots()],
        held=doors.fleet.roots.view(station_id),
        installable=doors.fleet.roots.installable(),
        kinds=[kind for kind in CertificateKind if kind is not CertificateKind.V2G_CHAIN],
        codes=doors.fleet.enrolment_codes(station=station_id, only_open=True, limit=_CODES),
        events=doors.fleet.events.page(EventFilter(station=station_id), None, _EVENTS)
        if visitor.principal.may(Permission.EVENTS_READ)
        else [],
        logs=doors.fleet.logs.page(station_id, None, _LOGS) if visitor.principal.may(Permission.LOGS_READ) else [],
        updates=doors.fleet.firmware.page(station=station_id, limit=_UPDATES)
        if visitor.principal.may(Permission.FIRMWARE_READ)
        else [],
        releases=releases_for(doors, posture.station) if visitor.principal.may(Permission.FIRMWARE_INSTALL) else [],
        timeline=doors.fleet.timeline(station_id, limit=_LINES),
        messages=doors.fleet.messages(station_id, limit=_MESSAGES),
        dial=dial_address(doors, station_id),
        makers=doors.fleet.makers(),
        recovery=doors.fleet.recoveries.book.under_way(station_id),
    )


@router.post("/{station_id}/walk")
def start_walk(
    doors: Doors,
    station_id: str,
    to: Annotated[int, Form(ge=2, le=3)],
    visitor: Visitor = Depends(Submitted(Permission.WALKS_CHANGE)),
) -> Response:
    """Start a walk."""
    doors.fleet.start_walk(station_id, to, visitor.name)
    return RedirectResponse(_address(station_id), status_code=303)


@router.post("/{station_id}/walk-down")
def walk_down(
    doors: Doors,
    station_id: str,
    reason: Reason,
    typed: Text = "",
    visitor: Visitor = Depends(Submitted(Permission.WALKS_CHANGE)),
) -> Response:
    """Walk a station from profile 3 down to 2, by permission."""
    _check_typed(typed, station_id)
    doors.fleet.start_walk(station_id, int(SecurityProfile.TLS_BASIC), visitor.name, reason)
    return RedirectResponse(_address(station_id), status_code=303)


@router.post("/{station_id}/renew")
def renew(
    doors: Doors, station_id: str, visitor: Visitor = Depends(Submitted(Permission.CERTIFICATES_RENEW))
) -> Response:
    """Ask the station for a new certificate."""
    (renewal,) = doors.fleet.ask_for_renewal([doors.fleet.station(station_id).id], visitor.name)
    if renewal.state is RenewalState.UNABLE:
        raise RequestRefused("station", f"it cannot be asked: {renewal.reason}", "Nothing was changed.")
    return RedirectResponse(_address(station_id), status_code=303)


@router.post("/{station_id}/certificate-requests/release")
def release_requests(
    doors: Doors,
    station_id: str,
    reason: Reason,
    visitor: Visitor = Depends(Submitted(Permission.CERTIFICATES_RENEW)),
) -> Response:
    """Take its certificate requests in again."""
    doors.fleet.allowances.release(station_id, visitor.name, reason)
    return RedirectResponse(_address(station_id), status_code=303)


@router.post("/{station_id}/quiet")
def make_quiet(
    doors: Doors,
    station_id: str,
    quiet: Annotated[bool, Form()],
    reason: Reason,
    visitor: Visitor = Depends(Submitted(Permission.STATIONS_CHANGE)),
) -> Response:
    """Send a station nothing unasked, or talk to it again."""
    doors.fleet.make_quiet(station_id, quiet, visitor.name, reason)
    return RedirectResponse(_address(station_id), status_code=303)


@router.post("/{station_id}/password/rotate")
def rotate_password(
    doors: Doors,
    station_id: str,
    restart: Annotated[bool, Form()] = False,
    visitor: Visitor = Depends(Submitted(Permission.STATIONS_CHANGE)),
) -> Response:
    """Give the station a new Basic password."""
    (rotation,) = doors.fleet.rotations.ask([doors.fleet.station(station_id).id], visitor.name, restart=restart)
    if rotation.state is RotationState.UNABLE:
        raise RequestRefused("station", f"it gets no new password: {rotation.reason}", "Nothing was changed.")
    return RedirectResponse(_address(station_id), status_code=303)


@router.post("/{station_id}/permit")
def permit(
    doors: Doors,
    station_id: str,
    reason: Reason,
    typed: Text = "",
    visitor: Visitor = Depends(Submitted(Permission.STATIONS_CHANGE)),
) -> Response:
    """Let a station on profile 3 come back on profile 2."""
    _check_typed(typed, station_id)
    doors.fleet.permit_profile(station_id, SecurityProfile.TLS_BASIC, visitor.name, reason)
    return RedirectResponse(_address(station_id), status_code=303)


@router.get("/{station_id}/remove")
def ask_remove(
    doors: Doors, station_id: str, visitor: Visitor = Depends(Seen(Permission.STATIONS_REMOVE))
) -> HTMLResponse:
    """Ask for the name again, and a reason."""
    return render("station_remove.html", visitor, station=doors.fleet.station(station_id))


@router.post("/{station_id}/remove")
def remove(
    doors: Doors,
    station_id: str,
    reason: Reason,
    typed: Text = "",
    visitor: Visitor = Depends(Submitted(Permission.STATIONS_REMOVE)),
) -> Response:
    """Take a station off the register."""
    _check_typed(typed, station_id)
    doors.fleet.remove_station(station_id, visitor.name, reason)
    return RedirectResponse("/stations", status_code=303)


def _readiness(doors: Service, station: Station) -> StationReadiness | None:
    """How ready it is for profile 3; None when it is there."""
    found = doors.fleet.readiness.of(station.id)
    return None if found.assessment.verdict is Verdict.THERE else found


def _check_typed(typed: str, name: str) -> None:
    if typed.strip() != name:
        raise RequestRefused("typed", f"the name that was typed is not {name!r}", "Nothing was changed.")


def _new_form(doors: Service, visitor: Visitor, filled: dict[str, Any], wrong: str, status: int = 200) -> HTMLResponse:
    versions = [v.value for v in OcppVersion]
    return render(
        "station_new.html", visitor, status, filled=filled, wrong=wrong, versions=versions, makers=doors.fleet.makers()
    )


def dial_address(doors: Service, station_id: str) -> str:
    """Where the station dials first: the main port, which takes plain connections and TLS."""
    bridge, host = doors.settings.bridge, doors.settings.pki.hostnames[0]
    shown = f"[{host}]" if ":" in host else host
    if bridge.ocpp_port is not None:
        return f"ws://{shown}:{bridge.ocpp_port}/ocpp/{quote(station_id, safe='')}"
    return f"wss://{shown}:{bridge.ocpp_tls_port}/ocpp/{quote(station_id, safe='')}"


def _address(station_id: str) -> str:
    return f"/stations/{quote(station_id, safe='')}"

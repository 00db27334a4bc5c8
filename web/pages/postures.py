"""/posture: where the fleet differs; one station's settings, and having them read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.posture.differences import ADVISED_CHAIN, DifferenceKind, in_words
from csms_bridge.posture.postures import StationPosture
from csms_bridge.posture.subjects import Subject, variable_of
from csms_bridge.station import OcppVersion, Posture
from web.api.asked import Doors, number_cursor
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(include_in_schema=False)
_PAGE = 50
_VARIABLES = 100

KINDS = {
    DifferenceKind.REVEALS: "tell a secret to who asks",
    DifferenceKind.SERIAL: "say another serial number",
    DifferenceKind.IDENTITY: "call themselves otherwise",
    DifferenceKind.PROFILE_CONFIGURED: "say another profile than seen",
    DifferenceKind.PROFILE_WANTED: "are below the wanted profile",
    DifferenceKind.NO_EXTENSION: "have no security extension",
    DifferenceKind.CLOCK: "have a wrong clock",
    DifferenceKind.OLD_SLOT: "keep a slot below their floor",
    DifferenceKind.OPERATOR: "name another operator",
    DifferenceKind.CHAIN: "take short chains only",
    DifferenceKind.ROOTS: "have no room for a second root",
    DifferenceKind.TRANSFER: "cannot fetch files over HTTP",
    DifferenceKind.CIPHER: "have no forward secrecy",
    DifferenceKind.DOWNGRADE: "let themselves be lowered",
}


@dataclass(frozen=True, slots=True)
class Side:
    """One line of a posture: what was observed, what the station says, what is wanted; empty where nobody knows."""

    name: str
    observed: str = ""
    configured: str = ""
    wanted: str = ""


def sides(seen: Posture, full: StationPosture) -> list[Side]:
    """A posture in lines, three columns each."""
    station, wanted = full.station, full.wanted
    said = _words(full)
    clock = full.reading.clock
    return [
        Side(
            "Security profile",
            "" if station.profile is None else str(int(station.profile)),
            said.get(Subject.PROFILE, ""),
            f"{int(wanted.profile)}, nothing below {int(wanted.floor)}",
        ),
        Side("Identity", station.id, said.get(Subject.IDENTITY, ""), station.id),
        Side("Serial number", "", seen.boot_serial or "", wanted.serial),
        Side("Operator", "", said.get(Subject.OPERATOR, ""), wanted.organisation),
        Side(
            "Longest chain",
            str(len(full.certificate.chain_pem)) if full.certificate else "",
            said.get(Subject.LONGEST_CHAIN, ""),
            f"{ADVISED_CHAIN} or more",
        ),
        Side("Room for roots", "", said.get(Subject.ROOM_FOR_ROOTS, ""), "2 or more"),
        Side("Files by", "", said.get(Subject.TRANSFER, ""), "HTTPS"),
        Side("Slots in order", "", said.get(Subject.PRIORITY, ""), ""),
        Side(
            "Clock",
            in_words(clock.offset) if clock else "",
            said.get(Subject.CLOCK, ""),
            f"within {int(wanted.clock_tolerance.total_seconds())} s",
        ),
    ]


@router.get("/posture")
def fleet(
    doors: Doors,
    kind: str = "",
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.STATIONS_READ)),
) -> HTMLResponse:
    """Where stations differ: counted, and one by one."""
    chosen = DifferenceKind(kind) if kind in set(DifferenceKind) else None
    found = doors.fleet.postures.differing(kind=chosen, after=after, limit=_PAGE + 1)
    following = urlencode({"kind": kind, "after": found[_PAGE - 1].station}) if len(found) > _PAGE else None
    return render(
        "posture.html",
        visitor,
        fleet=doors.fleet.postures.fleet(),
        kinds=KINDS,
        chosen=chosen,
        found=found[:_PAGE],
        next=following,
        after=after,
    )


@router.get("/stations/{station_id}/variables")
def variables(
    doors: Doors,
    station_id: str,
    search: str = "",
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.STATIONS_READ)),
) -> HTMLResponse:
    """What a station told of its settings: searched, paged."""
    found = doors.fleet.postures.variables(
        station_id, search=search[:200], after=number_cursor(after), limit=_VARIABLES + 1
    )
    following = urlencode({"search": search, "after": found[_VARIABLES - 1].id}) if len(found) > _VARIABLES else None
    return render(
        "variables.html",
        visitor,
        station=doors.fleet.station(station_id),
        found=found[:_VARIABLES],
        search=search,
        next=following,
        after=after,
    )


@router.post("/stations/{station_id}/refresh")
def refresh(
    doors: Doors,
    station_id: str,
    everything: Annotated[bool, Form()] = False,
    visitor: Visitor = Depends(Submitted(Permission.STATIONS_COMMAND)),
) -> Response:
    """Have a station's settings read."""
    doors.fleet.postures.ask(station_id, everything, visitor.name)
    return RedirectResponse(f"/stations/{quote(station_id, safe='')}#posture", status_code=303)


def _words(full: StationPosture) -> Mapping[Subject, str]:
    """What the station says, by subject."""
    version = full.station.ocpp_version or OcppVersion.V16
    told = {one.variable: one for one in full.configured}
    found = {}
    for subject in Subject:
        one = told.get(variable) if (variable := variable_of(subject, version)) else None
        if one is not None and one.value is not None:
            found[subject] = one.value
            if subject is Subject.ROOM_FOR_ROOTS and one.characteristics and one.characteristics.highest is not None:
                found[subject] = f"{one.characteristics.highest:g}, {one.value} used"
    return found

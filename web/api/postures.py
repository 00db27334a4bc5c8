"""/api/v1/stations/{id}/posture and /variables: what was observed, what the station says of itself, what is wanted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query

from csms_bridge.posture.book import ReadingState
from csms_bridge.posture.device_model import ToldVariable
from csms_bridge.posture.differences import DifferenceKind, in_words
from csms_bridge.posture.postures import DifferingStation, StationPosture
from csms_bridge.station import Posture
from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import In, Out, Page, PostureOut
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(tags=["stations"])
Search = Annotated[str, Query(max_length=200, description="words in component, name, instance or value")]


class RefreshIn(In):
    """Which settings to read: those that are compared, or `everything` the station has."""

    everything: bool = False


class ClockOut(Out):
    """How far the station's clock is ahead (s; negative: behind), in words, and when that was found."""

    offset: float
    words: str
    measured_at: datetime
    beyond: bool


class ReadingOut(Out):
    """The last reading of the station's settings. `told_at` is when one last brought something.

    `outcome` is whole, part (something is missing, `words` say what) or failed. `security_extension` is of 1.6.
    """

    asked_at: datetime | None
    asked_by: str
    began_at: datetime | None
    ended_at: datetime | None
    told_at: datetime | None
    under_way: bool
    why: str
    outcome: str | None
    words: str
    failures: int
    security_extension: bool | None
    report: str
    report_at: datetime | None

    @classmethod
    def made(cls, state: ReadingState) -> Self:
        """The wire's shape of a reading."""
        return cls(
            asked_at=state.asked_at, asked_by=state.asked_by, began_at=state.began_at, ended_at=state.ended_at,
            told_at=state.told_at, under_way=state.is_under_way, why=state.why, outcome=state.outcome,
            words=state.words, failures=state.tries, security_extension=state.extension, report=state.report,
            report_at=state.report_at,
        )  # fmt: skip


class VariableOut(Out):
    """One value of one setting as the station told it last; null where it told none or it is a secret.

    A 1.6 configuration key has no component. `source` is keys, values or report.
    """

    name: str
    component: str
    variable: str
    instance: str | None
    variable_instance: str | None
    evse: int | None
    connector: int | None
    attribute: str
    value: str | None
    words: str
    mutability: str
    data_type: str | None
    unit: str | None
    lowest: float | None
    highest: float | None
    choices: str | None
    source: str
    read_at: datetime

    @classmethod
    def made(cls, told: ToldVariable) -> Self:
        """The wire's shape of a told value."""
        at, kind = told.variable, told.characteristics
        return cls(
            name=told.name, component=at.component, variable=at.name, instance=at.instance,
            variable_instance=at.variable_instance, evse=at.evse, connector=at.connector, attribute=told.attribute,
            value=told.value, words=told.words, mutability=told.mutability,
            data_type=kind.data_type if kind else None, unit=kind.unit if kind else None,
            lowest=kind.lowest if kind else None, highest=kind.highest if kind else None,
            choices=kind.values if kind else None, source=told.source, read_at=told.read_at,
        )  # fmt: skip


class WantedOut(Out):
    """What is wanted of the station."""

    profile: int
    floor: int
    organisation: str
    serial: str


class DifferenceOut(Out):
    """Something that does not fit, and the next safe act."""

    kind: DifferenceKind
    sentence: str
    next_act: str


class FullPostureOut(PostureOut):
    """What was observed of a station, beside what it says of itself and what is wanted; where these differ.

    `server_key` is the kind of our certificate on its line (EC, RSA), null where TLS does not tell.
    """

    server_key: str | None
    certificate_authority: str | None
    certificate_ends: datetime | None
    proved_at: datetime | None
    clock: ClockOut | None
    reading: ReadingOut
    configured: list[VariableOut]
    variables: int
    wanted: WantedOut
    differences: list[DifferenceOut]

    @classmethod
    def joined(cls, seen: Posture, full: StationPosture) -> Self:
        """Both in one."""
        certificate = full.certificate
        return cls(
            **PostureOut.of(seen).model_dump(),
            server_key=full.server_key,
            certificate_authority=certificate.authority if certificate else None,
            certificate_ends=certificate.not_after if certificate else None,
            proved_at=full.station.connected_at,
            clock=_clock(full),
            reading=ReadingOut.made(full.reading),
            configured=[VariableOut.made(told) for told in full.configured],
            variables=full.variables,
            wanted=WantedOut.of(full.wanted),
            differences=[DifferenceOut.of(difference) for difference in full.differences],
        )


class SinceOut(DifferenceOut):
    """A difference, and since when it is there."""

    since: datetime


class DifferingOut(Out):
    """A station with what does not fit."""

    station: str
    differences: list[SinceOut]

    @classmethod
    def made(cls, differing: DifferingStation) -> Self:
        """The wire's shape of a station with differences."""
        told = [
            SinceOut(kind=one.kind, sentence=one.sentence, next_act=one.next_act, since=since)
            for one, since in differing.differences
        ]
        return cls(station=differing.station, differences=told)


class FleetPostureOut(Page[DifferingOut]):
    """The fleet in numbers, and a page of the stations that differ. `by_kind` counts stations by difference."""

    stations: int
    read: int
    differing: int
    by_kind: Mapping[DifferenceKind, int]


@router.get("/stations/{station_id}/posture")
def show_posture(
    doors: Doors, station_id: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> FullPostureOut:
    """What was observed of the station, beside what it says of itself and what is wanted."""
    return FullPostureOut.joined(doors.fleet.posture(station_id), doors.fleet.postures.of(station_id))


@router.post("/stations/{station_id}/posture/refresh", status_code=202)
def refresh_posture(
    doors: Doors,
    station_id: str,
    body: RefreshIn,
    caller: Principal = Depends(Needs(Permission.STATIONS_COMMAND)),
) -> ReadingOut:
    """Have the station's settings read now, or as soon as it is back; the posture tells how far it is."""
    return ReadingOut.made(doors.fleet.postures.ask(station_id, body.everything, caller.name))


@router.get("/stations/{station_id}/variables")
def list_variables(
    doors: Doors,
    station_id: str,
    search: Search = "",
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[VariableOut]:
    """The configuration keys or variables that the station told, without their secrets."""
    found = doors.fleet.postures.variables(station_id, search=search, after=number_cursor(after), limit=limit + 1)
    return page(found, limit, VariableOut.made, lambda told: told.id)


@router.get("/reports/posture", tags=["reports"])
def report_posture(
    doors: Doors,
    kind: DifferenceKind | None = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> FleetPostureOut:
    """How many stations differ in what, and which; `kind` narrows it to those with one difference."""
    fleet = doors.fleet.postures.fleet()
    found = doors.fleet.postures.differing(kind=kind, after=after, limit=limit + 1)
    listed = page(found, limit, DifferingOut.made, lambda one: one.station)
    return FleetPostureOut(
        items=listed.items, next=listed.next,
        stations=fleet.stations, read=fleet.read, differing=fleet.differing, by_kind=fleet.by_kind,
    )  # fmt: skip


def _clock(full: StationPosture) -> ClockOut | None:
    clock = full.reading.clock
    if clock is None:
        return None
    return ClockOut(
        offset=round(clock.offset.total_seconds(), 1),
        words=in_words(clock.offset),
        measured_at=clock.measured_at,
        beyond=abs(clock.offset) > full.wanted.clock_tolerance,
    )

"""/api/v1/stations/{id}/readiness and /reports/readiness: what stations can do before anything is changed at them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from csms_bridge.campaigns.words import Selection
from csms_bridge.readiness.book import Listed, Wanted, cursor_of
from csms_bridge.readiness.codes import WORDS, Code, Effect, Order, Verdict
from csms_bridge.readiness.door import StationReadiness
from csms_bridge.readiness.path import Path
from csms_bridge.readiness.probe import ProbeState, Question
from csms_bridge.readiness.reason import Reason
from csms_bridge.station import SecurityProfile
from web.api.asked import After, Doors, Limit
from web.api.shapes import Out, Page
from web.auth import Needs
from web.csv_lines import MEDIA_TYPE, csv_lines
from web.permissions import Permission, Principal

router = APIRouter(tags=["readiness"])

To = Annotated[int, Query(ge=2, le=3, description="the profile that a walk would lead to")]
Text = Annotated[str, Query(max_length=100)]
COLUMNS = (
    "station", "verdict", "score", "blocked", "reasons", "why", "ocpp_version", "profile", "vendor", "model",
    "firmware", "site", "online", "last_seen", "assessed_at",
)  # fmt: skip


class ReadinessReasonOut(Out):
    """One thing that matters for the walk; `weight` is what it takes off a score of 100, and what blocks takes all.

    `source` is the clause, the row of the quirk book, or where else it comes from; `next_act` mends it or finds out.
    """

    code: Code
    effect: Effect
    weight: int
    blocking: bool
    sentence: str
    source: str
    next_act: str

    @classmethod
    def made(cls, reason: Reason) -> Self:
        """The wire's shape of a reason."""
        told = {name: getattr(reason, name) for name in cls.model_fields if name != "blocking"}
        return cls(**told, blocking=reason.blocks)


class PathStepOut(Out):
    """One step of the walk. `when` is empty for one that is always taken; `by_quirk`: usual stations have none like it.

    `leg` is the profile that this part of the walk leads to.
    """

    leg: int
    name: str
    done_when: str
    when: str
    may_skip: bool
    by_quirk: bool


class PathChangeOut(Out):
    """Something odd by the quirk book that changes the path, and the row that says so."""

    key: str
    value: Any
    meaning: str
    row: str


class PathOut(Out):
    """The path that the walk would take: its plan. `left_out` are steps that stations without a quirk take."""

    start: int
    goal: int
    steps: list[PathStepOut]
    left_out: list[str]
    changes: list[PathChangeOut]

    @classmethod
    def made(cls, path: Path) -> Self:
        """The wire's shape of a path."""
        return cls(
            start=path.start,
            goal=path.goal,
            steps=[PathStepOut.of(step) for step in path.steps],
            left_out=list(path.left_out),
            changes=[PathChangeOut.of(change) for change in path.changes],
        )


class QuestionOut(Out):
    """How far one of the two questions is: never, waiting, asked, done, part or failed; `at` since when."""

    state: ProbeState
    words: str
    at: datetime | None

    @classmethod
    def made(cls, question: Question) -> Self:
        """The wire's shape of a question."""
        return cls(state=question.state, words=question.words, at=question.at)


class ProbeOut(Out):
    """How far the reading is that finds out more; `under_way` while an answer may still come."""

    under_way: bool
    settings: QuestionOut
    roots: QuestionOut


class ReadinessOut(Out):
    """How ready a station is for a walk to profile `to`, by what is known at `at`. The score is 0 where it is blocked.

    `verdict`: there, under-way, blocked, risky, unsure or ready; `path` is null where there is no such walk.
    """

    station: str
    to: int
    start: int
    verdict: Verdict
    score: int
    reasons: list[ReadinessReasonOut]
    path: PathOut | None
    next: list[str]
    probe: ProbeOut
    at: datetime

    @classmethod
    def made(cls, found: StationReadiness) -> Self:
        """The wire's shape of an assessment."""
        one, probe = found.assessment, found.probe
        return cls(
            station=one.station,
            to=one.goal,
            start=one.start,
            verdict=one.verdict,
            score=one.score,
            reasons=[ReadinessReasonOut.made(reason) for reason in one.reasons],
            path=PathOut.made(one.path) if one.path is not None else None,
            next=list(one.next_acts),
            probe=ProbeOut(
                under_way=probe.is_open,
                settings=QuestionOut.made(probe.settings),
                roots=QuestionOut.made(probe.roots),
            ),
            at=found.at,
        )


class ReadyStationOut(Out):
    """A station as it was assessed last; `verdict` and `score` are null while it was not. `why` tells its reasons."""

    station: str
    verdict: Verdict | None
    score: int | None
    blocked: bool | None
    reasons: list[Code]
    why: list[str]
    ocpp_version: str | None
    profile: int | None
    vendor: str
    model: str
    firmware: str
    site: str
    online: bool
    last_seen: datetime | None
    assessed_at: datetime | None

    @classmethod
    def made(cls, one: Listed) -> Self:
        """The wire's shape of a station in the report."""
        told = {name: getattr(one, name) for name in cls.model_fields if name not in ("blocked", "reasons", "why")}
        blocked = None if one.verdict is None else one.verdict is Verdict.BLOCKED
        return cls(**told, blocked=blocked, reasons=list(one.reasons), why=[WORDS[code] for code in one.reasons])


class ReasonCountOut(Out):
    """A reason, and how many stations have it."""

    code: Code
    words: str
    stations: int


class ReadinessReportOut(Page[ReadyStationOut]):
    """A selection in numbers, and a page of its stations with the verdict and the reason that were asked for.

    `not_assessed` ones were not looked at yet.
    """

    to: int
    stations: int
    not_assessed: int
    by_verdict: dict[Verdict, int]
    by_reason: list[ReasonCountOut]


def wanted(
    to: To = 3,
    vendor: Text = "",
    model: Text = "",
    firmware: Text = "",
    site: Text = "",
    tag: Text = "",
    profile: Annotated[int | None, Query(ge=0, le=3, description="observed last")] = None,
    verdict: Verdict | None = None,
    reason: Annotated[Code | None, Query(description="stations that have this reason")] = None,
    blocked: bool | None = None,
) -> Wanted:
    """Which stations a caller asks for."""
    narrow = bool(vendor or model or firmware or site or tag or profile is not None)
    selection = Selection(
        vendor=vendor, model=model, firmware=firmware, site=site, tag=tag, profile=profile, everything=not narrow
    )
    return Wanted(SecurityProfile(to), selection, verdict, reason, blocked)


Asked = Annotated[Wanted, Depends(wanted)]


@router.get("/stations/{station_id}/readiness")
def show_readiness(
    doors: Doors, station_id: str, to: To = 3, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> ReadinessOut:
    """How ready the station is for a walk, by what is known of it. Nothing is sent."""
    return ReadinessOut.made(doors.fleet.readiness.of(station_id, SecurityProfile(to)))


@router.post("/stations/{station_id}/readiness", status_code=202)
def read_readiness(
    doors: Doors, station_id: str, to: To = 3, caller: Principal = Depends(Needs(Permission.STATIONS_COMMAND))
) -> ReadinessOut:
    """Have the station's settings and roots read first, now or when it is back; `probe` tells how far that is."""
    return ReadinessOut.made(doors.fleet.readiness.ask(station_id, caller.name, SecurityProfile(to)))


@router.get("/reports/readiness", tags=["reports"])
def report_readiness(
    doors: Doors,
    asked: Asked,
    order: Order = Order.STATION,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> ReadinessReportOut:
    """How ready the fleet is, as it was assessed last: counted by verdict and reason, and listed."""
    readiness = doors.fleet.readiness
    fleet, found = readiness.counts(asked), readiness.page(asked, order=order, after=after, limit=limit + 1)
    return ReadinessReportOut(
        items=[ReadyStationOut.made(one) for one in found[:limit]],
        next=cursor_of(order, found[limit - 1]) if len(found) > limit else None,
        to=asked.goal,
        stations=fleet.stations,
        not_assessed=fleet.not_assessed,
        by_verdict=dict(fleet.by_verdict),
        by_reason=[
            ReasonCountOut(code=code, words=WORDS[code], stations=number) for code, number in fleet.by_reason.items()
        ],
    )


@router.get("/reports/readiness.csv", tags=["reports"], response_class=StreamingResponse)
def readiness_csv(
    doors: Doors,
    asked: Asked,
    order: Order = Order.STATION,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> StreamingResponse:
    """The same for every station that was asked for, as CSV (RFC 4180)."""
    return readiness_table(doors, asked, order)


def readiness_table(doors: Doors, asked: Wanted, order: Order) -> StreamingResponse:
    """A fleet's table, line by line."""
    headers = {"Content-Disposition": f'attachment; filename="readiness-{asked.goal:d}.csv"'}
    return StreamingResponse(csv_lines(COLUMNS, _rows(doors, asked, order)), media_type=MEDIA_TYPE, headers=headers)


def _rows(doors: Doors, asked: Wanted, order: Order) -> Iterator[list[object]]:
    for one in doors.fleet.readiness.every(asked, order):
        told = ReadyStationOut.made(one).model_dump(mode="json")
        yield [_cell(told[name]) for name in COLUMNS]


def _cell(value: object) -> object:
    """Lists are parted by semicolons, yes and no are spelt as JSON does."""
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else value

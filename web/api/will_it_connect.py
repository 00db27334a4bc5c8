"""/api/v1/reports/will-it-connect: who would lose us by a planned change, as a report and as a table of the fleet."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator

from csms_bridge.trust.connecting import ChangeKind, Outcome, Verdict
from csms_bridge.trust.forecast import Judged, Question
from web.api.asked import After, Doors, Limit
from web.api.shapes import Out
from web.auth import Needs
from web.csv_lines import MEDIA_TYPE, csv_lines
from web.permissions import Permission, Principal

router = APIRouter(prefix="/reports", tags=["reports"])

COLUMNS = ("station", "outcome", "why", "vendor", "model", "site", "profile", "online", "last_seen")


class ReasonOut(Out):
    """An outcome, its reason, and how many stations have it."""

    outcome: str
    why: str
    stations: int

    @classmethod
    def made(cls, found: Verdict, stations: int) -> "ReasonOut":
        """The wire's shape of a verdict and its number."""
        return cls(outcome=found.outcome.value, why=found.why, stations=stations)


class JudgedOut(Out):
    """A station, what becomes of it, and why."""

    station: str
    outcome: str
    why: str
    vendor: str
    model: str
    site: str
    profile: int | None
    online: bool
    last_seen: datetime | None

    @classmethod
    def made(cls, one: Judged) -> "JudgedOut":
        """The wire's shape of a judged station."""
        told = {name: getattr(one, name) for name in cls.model_fields if name not in ("outcome", "why")}
        return cls(**told, outcome=one.verdict.outcome.value, why=one.verdict.why)


class WillItConnectOut(Out):
    """How many stations would lose us, would not, or cannot be told; for which reasons; and those asked for by name."""

    change: str
    at: datetime
    loses: int
    unsure: int
    safe: int
    reasons: list[ReasonOut]
    items: list[JudgedOut]
    next: str | None


def _or_none(value: object) -> object:
    """A form sends a field that was left empty as an empty text."""
    return value or None


def question(
    change: Annotated[ChangeKind, Query(description="what is planned")] = ChangeKind.NOTHING,
    date: Annotated[
        datetime | None, BeforeValidator(_or_none), Query(description="when; now, unless it is named")
    ] = None,
    root: Annotated[str, Query(max_length=100, description="for root-gone and server-chain")] = "",
    authority: Annotated[str, Query(max_length=100, description="for issuer-changed and client-ca-retired")] = "",
    profile: Annotated[int, Query(ge=0, le=3, description="for profile-floor")] = 0,
) -> Question:
    """What a caller plans; a date without a zone is UTC."""
    at = date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date
    return Question(change, at, root, authority, profile)


Asked = Annotated[Question, Depends(question)]


@router.get("/will-it-connect")
def will_it_connect(
    doors: Doors,
    asked: Asked,
    outcome: Outcome = Outcome.LOSES,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> WillItConnectOut:
    """Who would lose us by a planned change: counts, reasons, and the stations of one outcome by name."""
    connecting = doors.fleet.trust.connecting
    foreseen = connecting.foresee(asked)
    found = connecting.stations(asked, outcome, after, limit + 1)
    return WillItConnectOut(
        change=asked.kind.value,
        at=foreseen.at,
        **{one.value: number for one, number in foreseen.counts.items()},
        reasons=[ReasonOut.made(*one) for one in foreseen.reasons],
        items=[JudgedOut.made(one) for one in found[:limit]],
        next=found[limit - 1].station if len(found) > limit else None,
    )


@router.get("/will-it-connect.csv", response_class=StreamingResponse)
def will_it_connect_csv(
    doors: Doors, asked: Asked, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> StreamingResponse:
    """The same for every station, as CSV (RFC 4180)."""
    return as_csv(doors, asked)


def as_csv(doors: Doors, asked: Question) -> StreamingResponse:
    """The whole fleet, line by line; the page offers it too."""
    doors.fleet.trust.connecting.foresee(asked)  # what cannot be asked is refused before the first line
    headers = {"Content-Disposition": f'attachment; filename="will-it-connect-{asked.kind.value}.csv"'}
    return StreamingResponse(csv_lines(COLUMNS, _rows(doors, asked)), media_type=MEDIA_TYPE, headers=headers)


def _rows(doors: Doors, asked: Question) -> Iterator[list[object]]:
    for one in doors.fleet.trust.connecting.every(asked):
        told = JudgedOut.made(one).model_dump(mode="json")
        yield [told[name] for name in COLUMNS]

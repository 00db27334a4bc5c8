"""/api/v1/quirks: what is odd about which stations, the operator's own rows, and what stations taught."""

from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from csms_bridge.quirks.book import Explanation
from csms_bridge.quirks.door import OwnRow
from csms_bridge.quirks.learned import Lesson
from csms_bridge.quirks.reading import LONGEST, MOST, tables_in
from csms_bridge.quirks.rows import QuirkRow
from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.errors import RequestRefused
from web.permissions import Permission, Principal

router = APIRouter(prefix="/quirks", tags=["quirks"])


class QuirkRowOut(Out):
    """A row of the quirk book. `fault` is empty, or why this program cannot read a row that was put earlier."""

    name: str
    origin: str
    vendor: str = "*"
    model: str = "*"
    firmware: str = "*"
    like: str = ""
    only_by_name: bool = False
    source: str = ""
    confidence: str = ""
    quirks: dict[str, Any] = Field(default_factory=dict)
    changed_by: str = ""
    changed_at: datetime | None = None
    fault: str = ""

    @classmethod
    def of_row(cls, row: QuirkRow, **more: Any) -> Self:
        """A row with what is known of its making."""
        return cls(
            name=row.name, origin=row.origin.value, vendor=row.vendor, model=row.model, firmware=row.firmware.text,
            like=row.like, only_by_name=row.only_by_name, source=row.source, confidence=row.confidence.value,
            quirks=dict(row.quirks), **more,
        )  # fmt: skip

    @classmethod
    def of_own(cls, own: OwnRow) -> Self:
        """A row of the operator's."""
        made: dict[str, Any] = {"changed_by": own.changed_by, "changed_at": own.changed_at}
        if own.row is None:
            return cls(name=own.name, origin="operator", fault=own.fault, **made)
        return cls.of_row(own.row, **made)


class ExplanationOut(Out):
    """Which rows are about a station, the narrowest first; what is odd about it, and which row says so."""

    rows: list[QuirkRowOut]
    odd: dict[str, Any]
    decided_by: dict[str, str]

    @classmethod
    def told(cls, found: Explanation) -> Self:
        """From the book."""
        rows = [QuirkRowOut.of_row(row) for row in found.rows]
        return cls(rows=rows, odd=found.quirks.odd(), decided_by=dict(found.decided_by))


class LessonOut(Out):
    """What stations of one kind showed. `settled`: empty while it is a proposal, else `accepted` or `dismissed`."""

    id: int
    vendor: str
    model: str
    firmware: str
    key: str
    value: Any
    times: int
    stations: list[str]
    first_at: datetime
    last_at: datetime
    settled: str


class QuirksIn(In):
    """Rows to put, as a TOML file or as JSON: all or none. A row of the same name is replaced."""

    toml: str = Field(default="", max_length=LONGEST)
    rows: list[dict[str, Any]] = Field(default=[], max_length=MOST)
    reason: str = Field(default="", max_length=500)


class WhyIn(In):
    """Why, for the audit trail."""

    reason: str = Field(default="", max_length=500)


@router.get("")
def list_quirks(doors: Doors, _caller: Principal = Depends(Needs(Permission.QUIRKS_READ))) -> Page[QuirkRowOut]:
    """The whole book: the operator's rows, then the shipped ones."""
    quirks = doors.fleet.quirks
    own = [QuirkRowOut.of_own(row) for row in quirks.own_rows()]
    return Page(items=[*own, *(QuirkRowOut.of_row(row) for row in quirks.shipped())], next=None)


@router.post("")
def put_quirks(
    doors: Doors, body: QuirksIn, caller: Principal = Depends(Needs(Permission.QUIRKS_CHANGE))
) -> Page[QuirkRowOut]:
    """Put rows of one's own on top of the book. Walks under way keep what they began with."""
    if bool(body.toml) == bool(body.rows):
        raise RequestRefused("rows", "give the rows either as toml or as rows")
    tables = tables_in(body.toml) if body.toml else body.rows
    put = doors.fleet.quirks.put(tables, caller.name, body.reason)
    return Page(items=[QuirkRowOut.of_own(own) for own in put], next=None)


@router.get("/explain")
def explain(
    doors: Doors,
    station: str = "",
    vendor: str = "",
    model: str = "",
    firmware: str = "",
    _caller: Principal = Depends(Needs(Permission.QUIRKS_READ)),
) -> ExplanationOut:
    """Which rows are about a station, or about what says so of itself, and what comes of them."""
    if station:
        return ExplanationOut.told(doors.fleet.quirks.explain_station(station))
    if not vendor and not model:
        raise RequestRefused("station", "name a station, or a vendor or model")
    return ExplanationOut.told(doors.fleet.quirks.explain(vendor, model, firmware))


@router.get("/lessons")
def list_lessons(
    doors: Doors,
    every: bool = False,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.QUIRKS_READ)),
) -> Page[LessonOut]:
    """What stations taught and nobody has settled yet, the newest first; with `every` what was settled as well."""
    found = doors.fleet.lessons.page(every=every, after=number_cursor(after), limit=limit + 1)
    return page(found, limit, LessonOut.of, lambda one: one.id)


@router.post("/lessons/{lesson}/accept")
def accept_lesson(
    doors: Doors, lesson: int, body: WhyIn, caller: Principal = Depends(Needs(Permission.QUIRKS_CHANGE))
) -> QuirkRowOut:
    """Make a lesson a row of one's own."""
    return QuirkRowOut.of_own(doors.fleet.lessons.accept(lesson, caller.name, body.reason))


@router.post("/lessons/{lesson}/dismiss")
def dismiss_lesson(
    doors: Doors, lesson: int, body: WhyIn, caller: Principal = Depends(Needs(Permission.QUIRKS_CHANGE))
) -> LessonOut:
    """Propose a lesson no more."""
    dismissed: Lesson = doors.fleet.lessons.dismiss(lesson, caller.name, body.reason)
    return LessonOut.of(dismissed)


@router.delete("/{name}", status_code=204)
def remove_quirk(
    doors: Doors, name: str, reason: str = "", caller: Principal = Depends(Needs(Permission.QUIRKS_CHANGE))
) -> Response:
    """Take a row of one's own out of the book."""
    doors.fleet.quirks.remove(name, caller.name, reason)
    return Response(status_code=204)

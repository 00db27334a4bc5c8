"""/quirks: the quirk book, the operator's rows in it, and what stations taught."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.quirks.quirks import DEFAULTS, MEANINGS
from csms_bridge.quirks.reading import LONGEST, tables_in
from web.api.asked import Doors, number_cursor
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/quirks", include_in_schema=False)
_PAGE = 50
Changing = Annotated[Visitor, Depends(Submitted(Permission.QUIRKS_CHANGE))]
Reason = Annotated[str, Form(max_length=500)]


@router.get("")
def show(
    doors: Doors,
    station: str = "",
    vendor: str = "",
    model: str = "",
    firmware: str = "",
    before: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.QUIRKS_READ)),
) -> HTMLResponse:
    """The book; with a station, or a vendor and model, what it says of these."""
    quirks, explained = doors.fleet.quirks, None
    if station:
        explained = quirks.explain_station(station)
    elif vendor or model:
        explained = quirks.explain(vendor, model, firmware)
    lessons = doors.fleet.lessons.page(after=number_cursor(before), limit=_PAGE + 1)
    return render(
        "quirks.html",
        visitor,
        own=quirks.own_rows(),
        shipped=quirks.shipped(),
        lessons=lessons[:_PAGE],
        more=len(lessons) > _PAGE,
        explained=explained,
        asked={"station": station, "vendor": vendor, "model": model, "firmware": firmware},
        meanings=MEANINGS,
        defaults=DEFAULTS,
    )


@router.post("")
def put(
    doors: Doors,
    visitor: Changing,
    toml: Annotated[str, Form(min_length=1, max_length=LONGEST)],
    reason: Reason = "",
) -> Response:
    """Put rows of one's own on top of the book."""
    doors.fleet.quirks.put(tables_in(toml), visitor.name, reason)
    return _back()


@router.post("/remove")
def remove(
    doors: Doors, visitor: Changing, name: Annotated[str, Form(min_length=1, max_length=60)], reason: Reason = ""
) -> Response:
    """Take a row of one's own out of the book."""
    doors.fleet.quirks.remove(name, visitor.name, reason)
    return _back()


@router.post("/lessons/{lesson}/accept")
def accept(doors: Doors, visitor: Changing, lesson: int, reason: Reason = "") -> Response:
    """Make a lesson a row of one's own."""
    doors.fleet.lessons.accept(lesson, visitor.name, reason)
    return _back()


@router.post("/lessons/{lesson}/dismiss")
def dismiss(doors: Doors, visitor: Changing, lesson: int, reason: Reason = "") -> Response:
    """Propose a lesson no more."""
    doors.fleet.lessons.dismiss(lesson, visitor.name, reason)
    return _back()


def _back() -> RedirectResponse:
    return RedirectResponse("/quirks", status_code=303)

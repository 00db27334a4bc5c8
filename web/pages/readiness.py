"""/readiness: how ready the fleet is to be walked; and one station with its reasons and its path."""

from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.campaigns.words import Selection
from csms_bridge.readiness.book import Wanted, cursor_of
from csms_bridge.readiness.codes import WORDS, Code, Order, Verdict
from csms_bridge.station import SecurityProfile
from web.api.asked import Doors
from web.api.readiness import readiness_table
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(include_in_schema=False)
_PAGE = 50
Text = Annotated[str, Query(max_length=100)]
Kind = TypeVar("Kind", bound=StrEnum)

MEANINGS = {
    Verdict.READY: "all that matters is known, and nothing speaks against it",
    Verdict.UNSURE: "nothing speaks against it; something that might is not known",
    Verdict.RISKY: "it can be begun; something speaks against it",
    Verdict.BLOCKED: "it cannot be begun, or is known to end on hold",
    Verdict.UNDER_WAY: "a walk is under way",
    Verdict.THERE: "it is there already",
}


def asked_for(
    to: str = "3", vendor: Text = "", model: Text = "", site: Text = "", tag: Text = "", profile: str = "",
    verdict: str = "", reason: str = "", order: str = "",
) -> tuple[Wanted, Order, dict[str, str]]:  # fmt: skip
    """What a form asks for, and the same as it goes into links; what makes no sense is left out."""
    filled = {
        "to": to if to in ("2", "3") else "3", "vendor": vendor, "model": model, "site": site, "tag": tag,
        "profile": profile if profile in ("0", "1", "2", "3") else "", "verdict": _one_of(Verdict, verdict) or "",
        "reason": _one_of(Code, reason) or "", "order": _one_of(Order, order) or "",
    }  # fmt: skip
    on = int(filled["profile"]) if filled["profile"] else None
    vendor, model, site, tag = (text.strip() for text in (vendor, model, site, tag))
    everything = not (vendor or model or site or tag) and on is None
    selection = Selection(vendor=vendor, model=model, site=site, tag=tag, profile=on, everything=everything)
    wanted = Wanted(SecurityProfile(int(filled["to"])), selection, _one_of(Verdict, verdict), _one_of(Code, reason))
    return wanted, _one_of(Order, order) or Order.STATION, {name: text for name, text in filled.items() if text}


Asked = Annotated[tuple[Wanted, Order, dict[str, str]], Depends(asked_for)]


@router.get("/readiness")
def fleet(
    doors: Doors, asked: Asked, after: str | None = None, visitor: Visitor = Depends(Seen(Permission.STATIONS_READ))
) -> HTMLResponse:
    """The fleet in numbers by verdict and by reason, and station by station."""
    wanted, order, filled = asked
    readiness = doors.fleet.readiness
    everybody = Wanted(wanted.goal, wanted.selection)
    found = readiness.page(wanted, order=order, after=after, limit=_PAGE + 1)
    following = {**filled, "after": cursor_of(order, found[_PAGE - 1])} if len(found) > _PAGE else None
    return render(
        "readiness.html", visitor, fleet=readiness.counts(everybody), found=found[:_PAGE], words=WORDS,
        meanings=MEANINGS, filled=filled, wanted=wanted, links=_links(filled), query=urlencode(filled),
        next=urlencode(following) if following else None, after=after,
    )  # fmt: skip


@router.get("/readiness/fleet.csv")
def table(doors: Doors, asked: Asked, _visitor: Visitor = Depends(Seen(Permission.STATIONS_READ))) -> Response:
    """The stations that were asked for, as CSV."""
    return readiness_table(doors, asked[0], asked[1])


@router.get("/stations/{station_id}/readiness")
def station(
    doors: Doors, station_id: str, to: str = "3", visitor: Visitor = Depends(Seen(Permission.STATIONS_READ))
) -> HTMLResponse:
    """One station: the reasons with their sources, and the path step by step."""
    goal = SecurityProfile(2 if to == "2" else 3)
    return render(
        "station_readiness.html", visitor, readiness=doors.fleet.readiness.of(station_id, goal), meanings=MEANINGS
    )


@router.post("/stations/{station_id}/readiness")
def read(
    doors: Doors,
    station_id: str,
    to: Annotated[int, Form(ge=2, le=3)] = 3,
    back: Annotated[str, Form(max_length=10)] = "",
    visitor: Visitor = Depends(Submitted(Permission.STATIONS_COMMAND)),
) -> Response:
    """Have it read first."""
    doors.fleet.readiness.ask(station_id, visitor.name, SecurityProfile(to))
    path = f"/stations/{quote(station_id, safe='')}"
    return RedirectResponse(f"{path}/readiness?to={to}" if back == "page" else f"{path}#readiness", status_code=303)


def _one_of(kind: type[Kind], text: str) -> Kind | None:
    return kind(text) if text in set(kind) else None


def _links(filled: dict[str, str]) -> dict[str, str]:
    """The query that narrows the list to one verdict or one reason, and keeps the rest."""
    rest = {name: text for name, text in filled.items() if name not in ("verdict", "reason")}
    narrowed = {verdict.value: urlencode({**rest, "verdict": verdict.value}) for verdict in Verdict}
    return {"": urlencode(rest)} | narrowed | {code.value: urlencode({**rest, "reason": code.value}) for code in Code}

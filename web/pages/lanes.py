"""/stations/{id}/recover, …/recovery and …/bootstrap, /recoveries: stations that are let back in."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.errors import BridgeError
from csms_bridge.recovery.words import Ask, Loss, Proof, RecoveryState
from web.api.asked import Doors
from web.certificate_queries import span_of
from web.errors import RequestRefused, WebError
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(include_in_schema=False)
Recovering = Annotated[Visitor, Depends(Submitted(Permission.STATIONS_RECOVER))]
Approving = Annotated[Visitor, Depends(Submitted(Permission.STATIONS_APPROVE))]
Changing = Annotated[Visitor, Depends(Submitted(Permission.STATIONS_CHANGE))]
Reason = Annotated[str, Form(min_length=1, max_length=500)]
Name = Annotated[str, Form(max_length=100)]
_PAGE = 50


@router.get("/stations/{station_id}/recover")
def ask_recovery(
    doors: Doors,
    station_id: str,
    loss: Loss | None = None,
    maker: str = "",
    new_serial: str = "",
    then_walk: str = "",
    valid: str = "24h",
    reason: str = "",
    visitor: Visitor = Depends(Seen(Permission.STATIONS_RECOVER)),
) -> HTMLResponse:
    """What was lost? Then what it would mean to let the station back in; nothing is done yet."""
    station = doors.fleet.station(station_id)
    says: tuple[str, ...] = ()
    wrong = ""
    if loss is not None:
        try:
            says = doors.fleet.recoveries.preview(_ask(station_id, loss, maker, new_serial, then_walk, valid, reason))
        except (BridgeError, WebError) as refusal:
            wrong = refusal.sentence
    filled = {"maker": maker, "new_serial": new_serial, "then_walk": then_walk, "valid": valid, "reason": reason}
    return render(
        "recover.html",
        visitor,
        422 if wrong else 200,
        station=station,
        loss=loss,
        losses=list(Loss),
        says=says,
        wrong=wrong,
        filled=filled,
        makers=doors.fleet.makers(),
        approvals=doors.settings.bridge.recovery_approvals,
    )


@router.post("/stations/{station_id}/recovery")
def open_recovery(
    doors: Doors,
    station_id: str,
    visitor: Recovering,
    reason: Reason,
    loss: Annotated[Loss, Form()] = Loss.EXPIRED,
    maker: Name = "",
    new_serial: Annotated[str, Form(max_length=64)] = "",
    then_walk: Annotated[str, Form(max_length=1)] = "",
    valid: Annotated[str, Form(max_length=20)] = "24h",
    typed: Name = "",
) -> Response:
    """Let it back in, or ask others to approve that. What revokes certificates asks for the name to be typed again."""
    if loss is not Loss.EXPIRED and typed.strip() != station_id:
        raise RequestRefused("typed", f"the name that was typed is not {station_id!r}", "Nothing was changed.")
    ask = _ask(station_id, loss, maker, new_serial, then_walk, valid, reason)
    asked = doors.fleet.recoveries.ask(ask, visitor.name, visitor.principal.person)
    if asked.password is None:
        return _back(station_id)
    return render("recovery_password.html", visitor, recovery=asked.recovery, password=asked.password.text())


@router.post("/stations/{station_id}/recovery/end")
def end_recovery(doors: Doors, station_id: str, visitor: Recovering, reason: Reason) -> Response:
    """Close its way back."""
    doors.fleet.recoveries.end(station_id, reason, visitor.name)
    return _back(station_id)


@router.get("/recoveries")
def list_recoveries(
    doors: Doors,
    state: RecoveryState | None = None,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.STATIONS_READ)),
) -> HTMLResponse:
    """Ways back, the newest first; those that wait for approval with what they mean."""
    found = doors.fleet.recoveries.book.page(state=state, after=after, limit=_PAGE + 1)
    following = found[_PAGE - 1].id if len(found) > _PAGE else None
    return render(
        "recoveries.html", visitor, recoveries=found[:_PAGE], state=state, states=list(RecoveryState), next=following,
        after=after,
    )  # fmt: skip


@router.post("/recoveries/{recovery_id}/approve")
def approve(
    doors: Doors, recovery_id: str, visitor: Approving, note: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Agree."""
    found = doors.fleet.recoveries.approve(recovery_id, visitor.name, visitor.principal.person, note)
    return _back(found.station)


@router.post("/recoveries/{recovery_id}/refuse")
def refuse(doors: Doors, recovery_id: str, visitor: Approving, reason: Reason) -> Response:
    """Say no."""
    return _back(doors.fleet.recoveries.refuse(recovery_id, reason, visitor.name).station)


@router.post("/stations/{station_id}/bootstrap")
def allow_bootstrap(doors: Doors, station_id: str, visitor: Changing, reason: Reason, vendor: Name = "") -> Response:
    """Let a station begin with its maker's certificate alone; no maker ends that."""
    doors.fleet.allow_bootstrap(station_id, vendor, visitor.name, reason)
    return _back(station_id)


def _ask(
    station: str, loss: Loss, maker: str, new_serial: str, then_walk: str, valid: str, reason: str
) -> Ask:  # fmt: skip
    """An expired certificate is shown by itself; else the maker's counts when a maker is chosen, or a password."""
    proof = Proof.MAKER if maker and loss is not Loss.EXPIRED else None
    serial = new_serial.strip() if loss is Loss.SWAPPED else ""
    walk = int(then_walk) if then_walk in ("2", "3") else None
    named = maker if proof else ""
    return Ask(station, loss, span_of("valid", valid), reason, proof, named, serial, walk)


def _back(station_id: str) -> RedirectResponse:
    return RedirectResponse(f"/stations/{quote(station_id, safe='')}#lanes", status_code=303)

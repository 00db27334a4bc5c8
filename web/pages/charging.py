"""/charging: transactions that stations told of, messages that wait for a CSMS, and the tokens that may charge."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from csms_bridge.id_tokens import IdToken
from web.api.asked import Doors, number_cursor
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/charging", include_in_schema=False)
_PAGE = 50
Changing = Annotated[Visitor, Depends(Submitted(Permission.ID_TOKENS_CHANGE))]


@router.get("")
def show(
    doors: Doors,
    station: str = "",
    before: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.CHARGING_READ)),
) -> HTMLResponse:
    """Transactions, newest first, and what was not handed over."""
    charging = doors.fleet.charging
    found = charging.transactions(station=station or None, before=number_cursor(before), limit=_PAGE + 1)
    waiting = charging.waiting()
    return render(
        "charging.html", visitor, transactions=found[:_PAGE], more=len(found) > _PAGE, station=station, waiting=waiting
    )


@router.get("/id-tokens")
def show_tokens(
    doors: Doors, after: str | None = None, visitor: Visitor = Depends(Seen(Permission.ID_TOKENS_READ))
) -> HTMLResponse:
    """The listed tokens, and the policy over them."""
    found = doors.fleet.id_tokens.page(after=after, limit=_PAGE + 1)
    policy = doors.fleet.id_tokens.policy
    return render("id_tokens.html", visitor, tokens=found[:_PAGE], more=len(found) > _PAGE, policy=policy)


@router.post("/id-tokens")
def put_token(
    doors: Doors,
    visitor: Changing,
    token: Annotated[str, Form(min_length=1, max_length=255)],
    note: Annotated[str, Form(max_length=200)] = "",
    blocked: Annotated[bool, Form()] = False,
) -> Response:
    """List a token, or change one that is listed."""
    doors.fleet.id_tokens.put([IdToken(token.strip(), blocked, note=note.strip())], visitor.name)
    return RedirectResponse("/charging/id-tokens", status_code=303)


@router.post("/id-tokens/remove")
def remove_token(
    doors: Doors,
    visitor: Changing,
    token: Annotated[str, Form(min_length=1, max_length=255)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Take a token off the list."""
    doors.fleet.id_tokens.remove(token, visitor.name, reason)
    return RedirectResponse("/charging/id-tokens", status_code=303)

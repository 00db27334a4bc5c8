"""/account: one's own passkeys."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pki.secret_text import Secret
from web.api.asked import Doors
from web.errors import NotSignedIn
from web.pages.rendering import render
from web.pages.throttle import SignInThrottle
from web.pages.visitor import Seen, Submitted, Visitor
from web.passkeys import LONGEST_ANSWER
from web.permissions import Permission

router = APIRouter(prefix="/account", include_in_schema=False)
_OWN = Permission.PASSKEYS_OWN


@router.get("")
def show(doors: Doors, visitor: Visitor = Depends(Seen(_OWN))) -> HTMLResponse:
    """The passkeys, and a form for one more."""
    passkeys = doors.passkeys
    return render("account.html", visitor, passkeys=passkeys.of(visitor.user), origin=passkeys.origin)


@router.post("/passkeys/options")
def begin_adding(
    doors: Doors,
    request: Request,
    password: Annotated[str, Form(max_length=1024)] = "",
    visitor: Visitor = Depends(Submitted(_OWN)),
) -> dict[str, Any]:
    """What the browser needs to make one. The password is asked for: a passkey outlasts a session left open."""
    address = request.client.host if request.client else ""
    throttle: SignInThrottle = request.app.state.sign_in_throttle
    throttle.check(address, visitor.user, doors.clock())
    try:
        doors.accounts.check_password(visitor.user, Secret.of(password), address)
    except NotSignedIn:
        throttle.note_failure(address, visitor.user, doors.clock())
        raise
    return doors.passkeys.begin_adding(visitor.user)


@router.post("/passkeys")
def add(
    doors: Doors,
    name: Annotated[str, Form(max_length=64)] = "",
    answer: Annotated[str, Form(max_length=LONGEST_ANSWER)] = "",
    visitor: Visitor = Depends(Submitted(_OWN)),
) -> Response:
    """Keep what the browser made."""
    doors.passkeys.add(visitor.user, name, answer)
    return RedirectResponse("/account", status_code=303)


@router.post("/passkeys/remove")
def remove(
    doors: Doors, passkey: Annotated[str, Form(max_length=1400)], visitor: Visitor = Depends(Submitted(_OWN))
) -> Response:
    """Forget one of one's own."""
    doors.passkeys.remove(passkey, visitor.name, "", visitor.user)
    return RedirectResponse("/account", status_code=303)

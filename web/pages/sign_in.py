"""/login and /logout."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from pki.secret_text import Secret
from web.api.asked import Doors
from web.auth import SESSION_COOKIE, open_to_anyone, session_token
from web.errors import NotSignedIn, TooManyTries
from web.pages.rendering import render
from web.pages.throttle import SignInThrottle
from web.pages.visitor import guard
from web.service import Service

router = APIRouter(dependencies=[Depends(open_to_anyone)], include_in_schema=False)
# Binds the sign-in form to this browser, so that no other site can sign somebody in as somebody else.
_DOOR_COOKIE = "voltward_door"


@router.get("/login")
def ask(
    doors: Doors,
    request: Request,
    next: str = "/",  # noqa: A002 -- as it stands in the address
) -> Response:
    """The sign-in form."""
    return _form(request, doors, safe_path(next))


@router.post("/login")
def sign_in(
    doors: Doors,
    request: Request,
    user: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=1024)] = "",
    form_token: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Check name and password, and open a session."""
    guard(request).check(Secret.of(request.cookies.get(_DOOR_COOKIE, "")), form_token)
    address = request.client.host if request.client else ""
    throttle: SignInThrottle = request.app.state.sign_in_throttle
    name = user.strip().lower()
    try:
        throttle.check(address, name, doors.clock())
        token = doors.accounts.sign_in(name, Secret.of(password), address)
    except TooManyTries as refusal:
        return _form(request, doors, safe_path(next), refusal.sentence, status=429)
    except NotSignedIn as refusal:
        throttle.note_failure(address, name, doors.clock())
        return _form(request, doors, safe_path(next), refusal.sentence, status=401)
    throttle.note_success(address, name)
    response = RedirectResponse(safe_path(next), status_code=303)
    _set_cookie(response, request, SESSION_COOKIE, token.text(), "lax")
    response.delete_cookie(_DOOR_COOKIE)
    return response


@router.post("/logout")
def sign_out(doors: Doors, request: Request, form_token: Annotated[str, Form()] = "") -> Response:
    """End the session."""
    token = session_token(request)
    response = RedirectResponse("/login", status_code=303)
    if token is not None:
        guard(request).check(token, form_token)
        doors.accounts.sign_out(token)
        response.delete_cookie(SESSION_COOKIE)
    return response


def safe_path(path: str) -> str:
    """A path on this site, else the overview: a link must not lead somewhere else after signing in."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"


def _form(request: Request, doors: Service, following: str, wrong: str = "", status: int = 200) -> Response:
    door = request.cookies.get(_DOOR_COOKIE) or secrets.token_urlsafe(16)
    token = guard(request).token(Secret.of(door))
    response = render("login.html", status=status, form_token=token, next=following, wrong=wrong)
    _set_cookie(response, request, _DOOR_COOKIE, door, "strict")
    return response


def _set_cookie(response: Response, request: Request, name: str, value: str, same_site: str) -> None:
    doors: Service = request.app.state.service
    response.set_cookie(
        name,
        value,
        httponly=True,
        samesite="strict" if same_site == "strict" else "lax",
        # What was signed in over TLS must not travel in clear to the plain port: cookies do not know ports.
        secure=doors.settings.web.secure_cookies or request.url.scheme == "https",
        path="/",
    )

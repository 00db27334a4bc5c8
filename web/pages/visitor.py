"""Who looks at a page: the session behind the cookie, its permission, and its forms' CSRF token."""

from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Request

from pki.secret_text import Secret
from web.auth import FormGuard, session_token
from web.errors import NotSignedIn
from web.permissions import Permission, Principal


class SignInFirst(Exception):
    """Nobody is signed in: go to the sign-in page and come back to `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    @property
    def address(self) -> str:
        """The sign-in page, knowing where to come back to."""
        return "/login" if self.path == "/" else "/login?" + urlencode({"next": self.path})


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person. `form_token` goes into every form, the number of open alarms into the navigation."""

    principal: Principal
    session: Secret = field(repr=False)
    form_token: str = field(repr=False)
    alarms_open: int = 0

    @property
    def name(self) -> str:
        """As the audit trail will have it."""
        return self.principal.name

    @property
    def user(self) -> str:
        """The name to sign in with."""
        return self.principal.name.removeprefix("user:")

    def may(self, permission: str) -> bool:
        """For the templates: whether to offer an act."""
        return self.principal.may(Permission(permission))


class Seen:
    """A page's permission: `visitor: Visitor = Depends(Seen(Permission.X))`. Raises SignInFirst, NotAllowed."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, request: Request) -> Visitor:
        """The visitor, who must hold the permission."""
        visitor = visitor_of(request)
        visitor.principal.require(self.permission)
        return visitor


class Submitted:
    """A form's permission and CSRF check. Raises SignInFirst, NotAllowed, FormForged."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, request: Request, form_token: Annotated[str, Form()] = "") -> Visitor:
        """The visitor who sent the form from one of our own pages."""
        visitor = visitor_of(request)
        guard(request).check(visitor.session, form_token)
        visitor.principal.require(self.permission)
        return visitor


def visitor_of(request: Request) -> Visitor:
    """Who holds the request's session. Raises SignInFirst."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    token = session_token(request)
    if token is None:
        raise SignInFirst(path if request.method == "GET" else "/")
    try:
        principal = request.app.state.service.accounts.of_session(token)
    except NotSignedIn:
        raise SignInFirst(path if request.method == "GET" else "/") from None
    alarms = request.app.state.service.authority.alarms
    count = sum(alarms.open_counts().values()) if principal.may(Permission.ALARMS_READ) else 0
    return Visitor(principal, token, guard(request).token(token), count)


def guard(request: Request) -> FormGuard:
    """The app's CSRF guard."""
    form_guard: FormGuard = request.app.state.form_guard
    return form_guard

"""Who is asking: a bearer token, a console session, or the operator in front of the data folder.

A session cookie is good for reading through the API (the pages' live stream), never for changing: a browser
sends cookies along with requests that another site made it send. The pages' own forms carry a CSRF token.
"""

import hmac
from hashlib import sha256

from fastapi import Request
from starlette.types import Scope

from pki.secret_text import Secret
from web.accounts import Accounts
from web.errors import FormForged, NotSignedIn
from web.oidc_door import OidcDoor
from web.permissions import Permission, Principal

SESSION_COOKIE = "voltward_session"
# Set on the ASGI scope by the command line when it calls the app in its own process; no network peer can set it.
IN_PROCESS = "voltward.principal"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def principal_of(request: Request, accounts: Accounts) -> Principal:
    """Who sent this API request. Raises NotSignedIn."""
    trusted = request.scope.get(IN_PROCESS)
    if isinstance(trusted, Principal):
        return trusted
    token = bearer_token(request)
    if token is not None:
        oidc: OidcDoor = request.app.state.service.oidc
        return oidc.principal(token) if oidc.takes(token) else accounts.of_token(token)
    session = session_token(request)
    if session is not None and request.method in _SAFE_METHODS:
        return accounts.of_session(session)
    raise NotSignedIn("this needs a token")


def bearer_token(request: Request) -> Secret | None:
    """The token of `Authorization: Bearer …` (RFC 6750 §2.1), if there is one."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return Secret.of(text.strip()) if scheme.lower() == "bearer" and text.strip() else None


def session_token(request: Request) -> Secret | None:
    """The token of the session cookie, if there is one."""
    text = request.cookies.get(SESSION_COOKIE)
    return Secret.of(text) if text else None


def as_principal(principal: Principal, scope: Scope) -> Scope:
    """An ASGI scope on which `principal` is already known."""
    return {**scope, IN_PROCESS: principal}


class Needs:
    """Names a route's permission: `caller: Principal = Depends(Needs(Permission.X))`.

    The caller must hold it. Raises NotSignedIn, NotAllowed.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, request: Request) -> Principal:
        """The principal behind the request."""
        principal = principal_of(request, request.app.state.service.accounts)
        principal.require(self.permission)
        return principal


def open_to_anyone() -> None:
    """Says of a route, where others name a permission, that it needs none."""


class FormGuard:
    """CSRF tokens: bound by HMAC to the session (or, before sign-in, to a cookie of the sign-in page)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, session: Secret) -> str:
        """The text for the form's hidden field."""
        return hmac.new(self._key, sha256(session.reveal).digest(), "sha256").hexdigest()

    def check(self, session: Secret, presented: str) -> None:
        """Raises FormForged."""
        if not hmac.compare_digest(self.token(session).encode(), presented.encode()):
            raise FormForged("the form is not from this session")

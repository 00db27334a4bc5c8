"""/api/v1/id-tokens: cards and contracts that may charge while there is no CSMS that decides."""

from datetime import datetime

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, Field

from csms_bridge.id_tokens import LONGEST, IdToken
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/id-tokens", tags=["charging"])


class IdTokenIn(In):
    """An idTag or idToken; case makes no difference."""

    token: str = Field(min_length=1, max_length=LONGEST)
    blocked: bool = False
    expires_at: AwareDatetime | None = None
    note: str = Field(default="", max_length=200)


class IdTokensIn(In):
    """Tokens to add, or to change where they are listed already: all or none."""

    tokens: tuple[IdTokenIn, ...] = Field(min_length=1, max_length=10_000)


class IdTokenOut(Out):
    """A token on the list."""

    token: str
    blocked: bool
    expires_at: datetime | None
    note: str
    changed_by: str
    changed_at: datetime


@router.get("")
def list_id_tokens(
    doors: Doors,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.ID_TOKENS_READ)),
) -> Page[IdTokenOut]:
    """The listed tokens in the order of the alphabet. They count with `VOLTWARD_AUTHORIZE=listed`."""
    found = doors.fleet.id_tokens.page(after=after, limit=limit + 1)
    return page(found, limit, IdTokenOut.of, lambda one: one.token)


@router.post("")
def put_id_tokens(
    doors: Doors, body: IdTokensIn, caller: Principal = Depends(Needs(Permission.ID_TOKENS_CHANGE))
) -> Page[IdTokenOut]:
    """Add tokens, or change those that are listed."""
    tokens = [IdToken(one.token, one.blocked, one.expires_at, one.note) for one in body.tokens]
    put = doors.fleet.id_tokens.put(tokens, caller.name)
    return Page(items=[IdTokenOut.of(one) for one in put], next=None)


@router.delete("/{token:path}", status_code=204)
def remove_id_token(
    doors: Doors, token: str, reason: str = "", caller: Principal = Depends(Needs(Permission.ID_TOKENS_CHANGE))
) -> Response:
    """Take a token off the list."""
    doors.fleet.id_tokens.remove(token, caller.name, reason)
    return Response(status_code=204)

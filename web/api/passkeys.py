"""/api/v1/passkeys: the people's passkeys. They are added in the console, where the browser makes them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from web.api.asked import Doors
from web.api.shapes import Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/passkeys", tags=["accounts"])


class PasskeyOut(Out):
    """A passkey, without its key; `id` is the credential's id, base64url."""

    id: str
    user: str
    name: str
    added_at: datetime
    last_used_at: datetime | None


@router.get("")
def list_passkeys(
    doors: Doors,
    user: Annotated[str | None, Query(max_length=64)] = None,
    _caller: Principal = Depends(Needs(Permission.USERS_READ)),
) -> Page[PasskeyOut]:
    """Everybody's, or one user's."""
    return Page(items=[PasskeyOut.of(one) for one in doors.passkeys.of(user)], next=None)


@router.delete("/{passkey_id}", status_code=204)
def remove_passkey(
    doors: Doors,
    passkey_id: str,
    reason: Annotated[str, Query(max_length=500)] = "",
    caller: Principal = Depends(Needs(Permission.USERS_CHANGE)),
) -> None:
    """Forget one, of whomever: it was lost. What was approved with it stays approved."""
    doors.passkeys.remove(passkey_id, caller.name, reason)

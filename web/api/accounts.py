"""/api/v1/users and /tokens: who may come in."""

from fastapi import APIRouter, Depends
from pydantic import Field

from pki.secret_text import Secret
from web.api.asked import Doors
from web.api.shapes import In, NewTokenOut, NewUserOut, Page, ReasonIn, TokenOut, UserOut
from web.auth import Needs
from web.permissions import Permission, Principal, Role

router = APIRouter(tags=["accounts"])


class NewUserIn(In):
    """A user to add. Without a password one is made and shown once."""

    name: str
    role: Role
    password: str | None = Field(default=None, repr=False)


class NewPasswordIn(In):
    """A password to set. Without one it is made and shown once."""

    password: str | None = Field(default=None, repr=False)


class NewTokenIn(In):
    """A token to make."""

    name: str
    role: Role


@router.get("/users")
def list_users(doors: Doors, _caller: Principal = Depends(Needs(Permission.USERS_READ))) -> Page[UserOut]:
    """All users."""
    return Page(items=[UserOut.of(user) for user in doors.accounts.users()], next=None)


@router.post("/users", status_code=201)
def add_user(doors: Doors, body: NewUserIn, caller: Principal = Depends(Needs(Permission.USERS_CHANGE))) -> NewUserOut:
    """Add a user. A password that was made here is in this answer and nowhere else."""
    given = Secret.of(body.password) if body.password is not None else None
    user, password = doors.accounts.add_user(body.name, body.role, caller.name, given)
    return NewUserOut.made(user, password if given is None else None)


@router.post("/users/{name}/password")
def set_password(
    doors: Doors, name: str, body: NewPasswordIn, caller: Principal = Depends(Needs(Permission.USERS_CHANGE))
) -> NewUserOut:
    """Replace a user's password and end the sessions. One that was made here is in this answer and nowhere else."""
    given = Secret.of(body.password) if body.password is not None else None
    user, password = doors.accounts.set_password(name, caller.name, given)
    return NewUserOut.made(user, password if given is None else None)


@router.post("/users/{name}/disable")
def disable_user(
    doors: Doors, name: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.USERS_CHANGE))
) -> UserOut:
    """Bar a user for good and end the sessions."""
    return UserOut.of(doors.accounts.disable_user(name, caller.name, body.reason))


@router.get("/tokens")
def list_tokens(doors: Doors, _caller: Principal = Depends(Needs(Permission.TOKENS_READ))) -> Page[TokenOut]:
    """All tokens, newest first, without their texts."""
    return Page(items=[TokenOut.of(token) for token in doors.accounts.tokens()], next=None)


@router.post("/tokens", status_code=201)
def make_token(
    doors: Doors, body: NewTokenIn, caller: Principal = Depends(Needs(Permission.TOKENS_CHANGE))
) -> NewTokenOut:
    """Make a token; its text is in this answer and nowhere else."""
    token, text = doors.accounts.make_token(body.name, body.role, caller.name, caller.person)
    return NewTokenOut(**TokenOut.of(token).model_dump(), token=text.text())


@router.post("/tokens/{token_id}/revoke")
def revoke_token(
    doors: Doors,
    token_id: str,
    body: ReasonIn,
    caller: Principal = Depends(Needs(Permission.TOKENS_CHANGE)),
) -> TokenOut:
    """Make a token worthless, at once and for good."""
    return TokenOut.of(doors.accounts.revoke_token(token_id, caller.name, body.reason))

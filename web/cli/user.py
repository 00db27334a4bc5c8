"""voltward user: people who may sign in to the console."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from web.cli.client import Data, segment, service
from web.cli.output import Json, say, show_fields, show_list, wants_json
from web.permissions import Role

app = typer.Typer(help="Add, list and disable console users, set their passwords.", no_args_is_help=True)

_COLUMNS = ("name", "role", "created_at", "last_sign_in", "disabled_at")
Name = Annotated[str, typer.Argument(metavar="NAME")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@app.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option("--role", help="What the person may do.")],
    password_stdin: PasswordStdin = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Add a user. Without --password-stdin a password is made and shown once."""
    chosen = _read_password() if password_stdin else None
    with service(data) as client:
        added = client.post("users", {"name": name, "role": role.value, "password": chosen})
    _show(added)


@app.command("password")
def set_password(name: Name, password_stdin: PasswordStdin = False, data: Data = None, _json: Json = False) -> None:
    """Replace a user's password and end the sessions. Without --password-stdin one is made and shown once."""
    chosen = _read_password() if password_stdin else None
    with service(data) as client:
        changed = client.post(f"users/{segment(name)}/password", {"password": chosen})
    _show(changed)


@app.command("list")
def list_users(data: Data = None, _json: Json = False) -> None:
    """List users."""
    with service(data) as client:
        show_list(client.get("users"), _COLUMNS)


@app.command()
def disable(
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Bar a user for good and end the sessions."""
    with service(data) as client:
        show_fields(client.post(f"users/{segment(name)}/disable", {"reason": reason}))


@app.command()
def passkeys(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None, data: Data = None, _json: Json = False
) -> None:
    """List passkeys, everybody's or one user's. People add theirs in the console."""
    with service(data) as client:
        show_list(client.get("passkeys", user=name), ("id", "user", "name", "added_at", "last_used_at"))


@app.command("remove-passkey")
def remove_passkey(
    passkey_id: Annotated[str, typer.Argument(metavar="ID")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Forget a passkey. What was approved with it stays approved."""
    with service(data) as client:
        client.delete(f"passkeys/{segment(passkey_id)}", reason=reason)
    say(f"removed {passkey_id}")


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _show(user: Mapping[str, Any]) -> None:
    """The password stands in the answer only when it was made there; a chosen one is not repeated."""
    if user["password"] is None:
        show_fields(user if wants_json() else {"name": user["name"], "role": user["role"]})
        return
    say("the password is shown this once")
    show_fields(user, ("name", "role", "password"))

"""voltward user: people who may sign in to the console."""

import sys
from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.output import Json, say, show_fields, show_list
from web.permissions import Role

app = typer.Typer(help="Add, list and disable console users.", no_args_is_help=True)

_COLUMNS = ("name", "role", "created_at", "last_sign_in", "disabled_at")
Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option("--role", help="What the person may do.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Add a user. Without --password-stdin a password is made and shown once."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    with service(data) as client:
        added = client.post("users", {"name": name, "role": role.value, "password": password})
    say("the password is shown this once")
    show_fields(added, ("name", "role", "password"))


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

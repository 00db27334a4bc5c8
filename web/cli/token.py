"""voltward token: API tokens."""

from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.output import Json, say, show_fields, show_list, show_text, wants_json
from web.permissions import Role

app = typer.Typer(help="Make and revoke API tokens.", no_args_is_help=True)

_COLUMNS = ("id", "name", "role", "created_by", "created_at", "last_used_at", "revoked_at")


@app.command()
def create(
    role: Annotated[Role, typer.Option("--role", help="What it may do.")],
    name: Annotated[str, typer.Option("--name", help="Who holds it; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Make a token. Its text is shown once."""
    with service(data) as client:
        made = client.post("tokens", {"role": role.value, "name": name})
    if wants_json():
        show_fields(made)
        return
    say(f"token {made['id']} for {made['name']} ({made['role']}); it is shown this once:")
    show_text(made["token"])


@app.command("list")
def list_tokens(data: Data = None, _json: Json = False) -> None:
    """List tokens, without their texts."""
    with service(data) as client:
        show_list(client.get("tokens"), _COLUMNS)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `voltward token list` shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = (
        "revoked on the command line"
    ),
    data: Data = None,
    _json: Json = False,
) -> None:
    """Make a token worthless, at once and for good."""
    with service(data) as client:
        show_fields(client.post(f"tokens/{segment(token_id)}/revoke", {"reason": reason}))

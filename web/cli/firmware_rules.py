"""voltward firmware rule: who must approve which firmware."""

from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.output import Json, say, show_fields, show_list

app = typer.Typer(help="Who must approve which firmware before it is signed.", no_args_is_help=True)
_COLUMNS = ("id", "vendor", "model", "approvals", "people", "passkey", "added_by", "added_at")


@app.command()
def add(
    vendor: Annotated[str, typer.Option("--vendor", help="With * and ? as wildcards.")],
    approvals: Annotated[int, typer.Option("--approvals", min=0, max=100, help="How many people must agree.")],
    model: Annotated[str, typer.Option("--model", help="With * and ? as wildcards.")] = "*",
    people: Annotated[
        list[str] | None, typer.Option("--person", help="Whose approval counts, like user:anna; may be repeated.")
    ] = None,
    passkey: Annotated[bool, typer.Option("--passkey", help="Each must approve with a passkey.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Ask for approvals from now on."""
    body = {"vendor": vendor, "model": model, "approvals": approvals, "people": people or [], "passkey": passkey}
    with service(data) as client:
        show_fields(client.post("firmware-rules", body))


@app.command("list")
def list_rules(data: Data = None, _json: Json = False) -> None:
    """List the rules."""
    with service(data) as client:
        show_list(client.get("firmware-rules"), _COLUMNS)


@app.command()
def remove(
    rule_id: Annotated[str, typer.Argument(metavar="ID")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Ask no more, of orders to come."""
    with service(data) as client:
        client.delete(f"firmware-rules/{segment(rule_id)}", reason=reason)
    say(f"removed {rule_id}")

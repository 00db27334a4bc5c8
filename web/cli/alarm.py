"""voltward alarm: what a person should look at."""

from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import CommandFailed
from web.cli.output import Json, show_fields, show_list

app = typer.Typer(help="See and clear alarms.", no_args_is_help=True)

_COLUMNS = ("id", "severity", "kind", "times", "raised_at", "cleared_at", "sentence")


@app.command("list")
def list_alarms(
    every: Annotated[bool, typer.Option("--all", help="The cleared ones too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List open alarms, the newest first."""
    with service(data) as client:
        show_list(client.get("alarms", open=not every, limit=limit, after=after), _COLUMNS)


@app.command()
def clear(
    alarm_id: Annotated[str, typer.Argument(metavar="ID", help="As `voltward alarm list` shows it.")],
    note: Annotated[str, typer.Option("--note", help="What was found or done, for the audit trail.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Say that an alarm was looked at."""
    with service(data) as client:
        show_fields(client.post(f"alarms/{segment(alarm_id)}/clear", {"note": note}))


@app.command("test")
def send_test(data: Data = None, _json: Json = False) -> None:
    """Send a test message to the webhook."""
    with service(data) as client:
        delivery = client.post("alarms/test")
    show_fields(delivery)
    if not delivery["delivered"]:
        raise CommandFailed(f"the webhook did not take it: {delivery['why']}", "Alarms are tried again by themselves.")

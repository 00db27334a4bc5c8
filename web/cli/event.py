"""voltward event: what stations reported about their security."""

from typing import Annotated

import typer

from csms_bridge.event_severity import EventSeverity
from web.cli.client import Data, service
from web.cli.output import Json, show_list

app = typer.Typer(help="See the security events that stations reported.", no_args_is_help=True)

_COLUMNS = ("id", "received_at", "station", "severity", "type", "times", "at", "clock", "tech_info")


@app.command("list")
def list_events(
    station: Annotated[str | None, typer.Option("--station", metavar="ID", help="Of this station.")] = None,
    severity: Annotated[EventSeverity | None, typer.Option("--severity", help="Of this severity.")] = None,
    kind: Annotated[str | None, typer.Option("--type", metavar="NAME", help="As any OCPP version spells it.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Told at that time or later: 2026-03-02T12:00:00Z.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List security events, the newest first."""
    level = severity.value if severity else None
    with service(data) as client:
        found = client.get("events", station=station, severity=level, type=kind, since=since, limit=limit, after=after)
    show_list(found, _COLUMNS)

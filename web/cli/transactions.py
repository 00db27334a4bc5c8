"""voltward transactions: what stations told of charging, for a CSMS that bills."""

import json
import sys
from itertools import islice
from typing import Annotated, Any

import typer

from web.cli.client import Data, ServiceClient, service
from web.cli.output import Json, say, show_list

app = typer.Typer(help="What stations told of charging, kept for a CSMS that bills.", no_args_is_help=True)

_COLUMNS = ("id", "station", "name", "connector", "token", "began_at", "ended_at")
_AT_ONCE = 1000
Station = Annotated[str | None, typer.Option("--station", metavar="ID", help="Of this station only.")]


@app.command("list")
def list_transactions(
    station: Station = None,
    only_open: Annotated[bool, typer.Option("--open", help="Those that go on.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List transactions, the newest first."""
    with service(data) as client:
        show_list(client.get("transactions", station=station, open=only_open), _COLUMNS)


@app.command()
def export(
    station: Station = None,
    since: Annotated[str | None, typer.Option("--since", help="Received then or later: 2026-03-01T00:00:00Z.")] = None,
    hand_over: Annotated[
        bool, typer.Option("--hand-over", help="Only what was not handed over yet; note that it is now.")
    ] = False,
    data: Data = None,
) -> None:
    """Write the messages about charging as JSON lines: as they came, oldest first, each once."""
    total = 0
    with service(data) as client:
        found = client.every("transactions/messages", station=station, since=since, kept_here=hand_over or None)
        while batch := list(islice(found, _AT_ONCE)):
            _write(batch)
            total += len(batch)
            if hand_over:
                _note(client, batch)
    say(f"{total} messages" + (", handed over" if hand_over else ""))


def _write(batch: list[dict[str, Any]]) -> None:
    for message in batch:
        sys.stdout.write(json.dumps(message, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()  # whoever reads has them before they count as handed over


def _note(client: ServiceClient, batch: list[dict[str, Any]]) -> None:
    client.post("transactions/handed-over", {"messages": [message["id"] for message in batch]})

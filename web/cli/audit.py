"""voltward audit: who did what, and whether the record is whole."""

import json
from pathlib import Path
from typing import Annotated

import typer

from web.cli.client import Data, service
from web.cli.failures import FAILED
from web.cli.files import write_text
from web.cli.output import Json, plain, say, show_json, show_list, show_text, wants_json

app = typer.Typer(help="Read, verify and export the audit trail.", no_args_is_help=True)

_COLUMNS = ("id", "at", "by", "act", "thing", "reason")


@app.command()
def verify(data: Data = None, _json: Json = False) -> None:
    """Look for edits, removals and reordering. Fails (exit code 1) when there are any."""
    with service(data) as client:
        verdict = client.get("audit/verify")
    if wants_json():
        show_json(verdict)
    elif verdict["whole"]:
        say("the audit trail is whole")
    for finding in [] if wants_json() else verdict["findings"]:
        show_text(f"{finding['damage']}: {plain(finding['writer'])}: {plain(finding['sentence'])}")
    if not verdict["whole"]:
        raise typer.Exit(FAILED)


@app.command("list")
def list_records(
    kind: Annotated[str | None, typer.Option("--kind", help="station, walk, certificate, user …")] = None,
    thing: Annotated[str | None, typer.Option("--thing", help="Its id.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List records, newest first."""
    with service(data) as client:
        show_list(client.get("audit", kind=kind, thing=thing, limit=limit, after=after), _COLUMNS)


@app.command()
def export(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Print the whole trail, oldest first, one JSON object a line."""
    with service(data) as client:
        lines = (json.dumps(record, ensure_ascii=False) for record in client.every("audit", order="oldest"))
        if out is None:
            for line in lines:
                show_text(line)
        else:
            write_text(out, "".join(line + "\n" for line in lines))
            say(f"wrote {out}")

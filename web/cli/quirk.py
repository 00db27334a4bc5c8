"""voltward quirk: what is odd about which stations."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import WrongUse
from web.cli.output import Json, plain, say, show_json, show_list, show_table, wants_json

app = typer.Typer(help="The quirk book: what is odd about which stations.", no_args_is_help=True)

_ROW = ("name", "origin", "vendor", "model", "firmware", "like", "confidence", "quirks", "fault")
_LESSON = ("id", "vendor", "model", "firmware", "key", "value", "times", "last_at", "settled")
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")]
LessonId = Annotated[int, typer.Argument(metavar="ID", help="As `voltward quirk lessons` shows it.", min=1)]


@app.command("list")
def list_quirks(data: Data = None, _json: Json = False) -> None:
    """Show the book: your rows, then the shipped ones."""
    with service(data) as client:
        show_list(client.get("quirks"), _ROW)


@app.command()
def show(
    station: Annotated[str, typer.Argument(metavar="STATION", help="Its identity.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show what is odd about a station, and which row says so."""
    with service(data) as client:
        _show(client.get("quirks/explain", station=station))


@app.command()
def explain(
    vendor: Annotated[str, typer.Option("--vendor", help="As the station says it when it boots.")] = "",
    model: Annotated[str, typer.Option("--model", help="As the station says it when it boots.")] = "",
    firmware: Annotated[str, typer.Option("--firmware", help="As the station says it when it boots.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show what is odd about stations that say this of themselves."""
    with service(data) as client:
        _show(client.get("quirks/explain", vendor=vendor, model=model, firmware=firmware))


@app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)],
    reason: Reason = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Put the rows of a TOML file (or JSON) on top of the book; all or none. See docs/quirks.md."""
    body = {**_read(file), "reason": reason}
    with service(data) as client:
        show_list(client.post("quirks", body), _ROW)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A row of yours.")], reason: Reason = "", data: Data = None
) -> None:
    """Take a row of yours out of the book."""
    with service(data) as client:
        client.delete(f"quirks/{segment(name)}", reason=reason or None)
    say(f"{name} is in the book no more; walks under way keep what they began with")


@app.command()
def lessons(
    every: Annotated[bool, typer.Option("--all", help="Those that were accepted or dismissed too.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show what stations taught, proposed as rows."""
    with service(data) as client:
        show_list(client.get("quirks/lessons", every=every, limit=limit, after=after), _LESSON)


@app.command()
def accept(lesson: LessonId, reason: Reason = "", data: Data = None, _json: Json = False) -> None:
    """Make a lesson a row of yours."""
    with service(data) as client:
        row = client.post(f"quirks/lessons/{lesson}/accept", {"reason": reason})
    show_list({"items": [row]}, _ROW)


@app.command()
def dismiss(lesson: LessonId, reason: Reason = "", data: Data = None, _json: Json = False) -> None:
    """Have a lesson proposed no more."""
    with service(data) as client:
        settled = client.post(f"quirks/lessons/{lesson}/dismiss", {"reason": reason})
    show_list({"items": [settled]}, _LESSON)


def _show(found: dict[str, Any]) -> None:
    if wants_json():
        show_json(found)
        return
    if not found["odd"]:
        say("nothing is known to be odd about it")
        return
    rows = [(key, plain(value), found["decided_by"].get(key, "")) for key, value in found["odd"].items()]
    show_table(("key", "value", "row"), rows)


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        rows = json.loads(text) if file.suffix == ".json" else None
    except (UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise WrongUse(f"{file} cannot be read: {fault}") from None
    if rows is None:
        return {"toml": text}
    rows = rows.get("row", rows) if isinstance(rows, dict) else rows
    return {"rows": rows if isinstance(rows, list) else [rows]}

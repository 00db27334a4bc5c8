"""voltward site: when sites may be worked on, and how much of them at a time."""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import WrongUse
from web.cli.output import Json, say, show_fields, show_json, show_list, wants_json

app = typer.Typer(help="Time zones, maintenance windows and shares of sites.", no_args_is_help=True)
_COLUMNS = ("name", "time_zone", "windows", "max_share", "stations", "open_now", "opens_at")
_CSV = ("name", "time_zone", "windows", "max_share")
Name = Annotated[str, typer.Argument(metavar="SITE", help="The name that stations give as their site.")]


@app.command("set")
def put(
    name: Name,
    time_zone: Annotated[str, typer.Option("--time-zone", help="IANA name, such as Europe/Berlin.")] = "UTC",
    windows: Annotated[str, typer.Option("--windows", help="mon-fri 22:00-05:00; sat,sun 00:00-24:00")] = "",
    max_share: Annotated[int, typer.Option("--max-share", help="Per cent of its stations at a time.")] = 100,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Write a site down, or change what is known of it."""
    asked = {"name": name, "time_zone": time_zone, "windows": windows, "max_share": max_share}
    with service(data) as client:
        (site,) = client.put("sites", {"sites": [asked]})["items"]
    show_fields(site)


@app.command("import")
def import_csv(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, readable=True)],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Write many sites down: all rows or none. Columns: name, and if wanted time_zone, windows, max_share."""
    rows = [_row(row, line) for line, row in enumerate(read_table(file, _CSV, ("name",)), 2)]
    with service(data) as client:
        items = client.put("sites", {"sites": rows})["items"]
    if wants_json():
        show_json({"items": items})
    else:
        say(f"{len(items)} sites written down")


@app.command()
def export(data: Data = None) -> None:
    """All sites as CSV on standard output, as `site import` reads them."""
    with service(data) as client:
        write_table(_CSV, client.every("sites"))


@app.command("list")
def list_sites(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List the sites that are written down."""
    with service(data) as client:
        found = client.get("sites", limit=limit, after=after)
    show_list(found, _COLUMNS)


@app.command()
def show(name: Name, data: Data = None, _json: Json = False) -> None:
    """Show a site."""
    with service(data) as client:
        show_fields(client.get(f"sites/{segment(name)}"))


@app.command()
def remove(
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Forget what is known of a site; its stations keep its name."""
    with service(data) as client:
        client.post(f"sites/{segment(name)}/remove", {"reason": reason})
    if wants_json():
        show_json({"name": name, "removed": True})
    else:
        say(f"{name} is removed")


def read_table(file: Path, columns: tuple[str, ...], needed: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file whose first line names its columns. Raises WrongUse."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, strict=True)
            names = list(reader.fieldnames or ())
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as fault:
        raise WrongUse(f"{file} is not CSV in UTF-8: {fault}") from None
    wrong = [name for name in names if name not in columns] or [name for name in needed if name not in names]
    if wrong:
        raise WrongUse(f"column {wrong[0]!r} is missing or not known", f"The columns are: {', '.join(columns)}.")
    if any(None in row or None in row.values() for row in rows):
        raise WrongUse(f"{file}: a line has another number of fields than the first")
    return [{name: _read(value) for name, value in row.items()} for row in rows]


def write_table(columns: tuple[str, ...], things: Iterable[dict[str, Any]]) -> None:
    """Things as CSV on standard output; a list is parted by semicolons."""
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for thing in things:
        writer.writerow([_cell(thing[name]) for name in columns])


_FORMULA = ("=", "+", "@", "-", "\t")


def _read(cell: str) -> str:
    """The inverse of `_cell`."""
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA else text


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = ";".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if text[:1] in _FORMULA else text


def _row(row: dict[str, str], line: int) -> dict[str, Any]:
    site: dict[str, Any] = {name: value for name, value in row.items() if value}
    if "max_share" in site:
        if not site["max_share"].isdecimal():
            raise WrongUse(f"line {line}: max_share: must be a number, not {site['max_share']!r}")
        site["max_share"] = int(site["max_share"])
    return site

"""voltward station code, codes, withdraw-code: one-time codes for stations that enrol over EST."""

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import WrongUse
from web.cli.files import read_text
from web.cli.output import Json, say, show_list

_COLUMNS = ("id", "station", "state", "expires_at", "used_for", "made_by")
_NEW_COLUMNS = ("station", "code", "expires_at", "id")


def make(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="The stations' identities.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", exists=True, dir_okay=False, help="One identity per line, or CSV."),
    ] = None,
    site: Annotated[str | None, typer.Option("--site", help="All stations of this site.")] = None,
    valid: Annotated[str, typer.Option("--valid", metavar="SPAN", help="How long it is good: 48h, 7d, 4w.")] = "7d",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Make a one-time enrolment code for each station; one made earlier and not used is withdrawn."""
    with service(data) as client:
        made = client.post("enrolment-codes", {**_chosen(ids or [], file, site), "valid_for": valid})
    say("These codes are shown once:")
    show_list(made, _NEW_COLUMNS)


def list_codes(
    station: Annotated[str | None, typer.Option("--station", metavar="ID", help="Of this station.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Those that can still be used.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List enrolment codes, without their text."""
    with service(data) as client:
        found = client.get("enrolment-codes", station=station, only_open=only_open, limit=limit, after=after)
    show_list(found, _COLUMNS)


def withdraw(
    code_id: Annotated[str, typer.Argument(metavar="CODE_ID", help="As `voltward station codes` shows it.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Make an enrolment code good for nothing."""
    with service(data) as client:
        code = client.delete(f"enrolment-codes/{segment(code_id)}")
    show_list({"items": [code]}, _COLUMNS)


def _chosen(ids: list[str], file: Path | None, site: str | None) -> dict[str, Any]:
    if (bool(ids), file is not None, site is not None).count(True) != 1:
        raise WrongUse("name stations, or --file, or --site: one of the three")
    if site is not None:
        return {"site": site}
    return {"stations": ids if file is None else _identities(file)}


def _identities(file: Path) -> list[str]:
    """The lines of a file, or the column `id` of a CSV file as `station import` reads it."""
    lines = [line for line in read_text(file).removeprefix("\ufeff").splitlines() if line.strip()]
    if not lines:
        raise WrongUse(f"{file} names no station")
    if "id" not in lines[0].replace(" ", "").split(","):
        return [line.strip() for line in lines]
    try:
        rows = csv.DictReader(lines, strict=True, skipinitialspace=True)
        return [(row["id"] or "").strip() for row in rows]
    except csv.Error as fault:
        raise WrongUse(f"{file} is not CSV: {fault}") from None

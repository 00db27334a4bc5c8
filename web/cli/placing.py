"""voltward station place and export: where stations stand, one by one or as a table."""

from pathlib import Path
from typing import Annotated, Any

import typer

from web.cli.client import Data, service
from web.cli.failures import WrongUse
from web.cli.output import Json, show_list
from web.cli.site import read_table, write_table

_EXPORTED = (
    "id", "serial", "ocpp_version", "profile", "site", "tags", "vendor", "model", "firmware", "online", "hold",
    "last_seen",
)  # fmt: skip


def place(
    stations: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="The stations.")] = None,
    site: Annotated[str | None, typer.Option("--site", help="Where they stand; empty: at no site.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Their labels from now on; repeatable.")] = None,
    untag: Annotated[bool, typer.Option("--no-tags", help="Take all labels away.")] = False,
    file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE.csv", exists=True, dir_okay=False, help="id, site, tags")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Say where stations stand and which labels they have, by name or by a CSV file (labels parted by `;`)."""
    if (file is None) == (not stations):
        raise WrongUse("name stations, or a file with --from: one of the two")
    tags = [] if untag else tag
    rows = _rows(file) if file is not None else [{"station": one, "site": site, "tags": tags} for one in stations or ()]
    with service(data) as client:
        placed = client.put("places", {"stations": rows, "reason": reason})
    show_list({**placed, "next": None}, ("id", "site", "tags"))


def export(data: Data = None) -> None:
    """All stations as CSV on standard output; `station place --from` reads id, site and tags of such a table."""
    with service(data) as client:
        write_table(_EXPORTED, client.every("stations"))


def _rows(file: Path) -> list[dict[str, Any]]:
    """Columns that are not there leave what there is; an empty cell empties it."""
    found = read_table(file, _EXPORTED, ("id",))
    return [
        {
            "station": row["id"],
            "site": row.get("site"),
            "tags": [tag.strip() for tag in row["tags"].split(";") if tag.strip()] if "tags" in row else None,
        }
        for row in found
    ]

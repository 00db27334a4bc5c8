"""voltward ca crls: how an authority's revocation lists stand."""

from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.output import Json, show_list

_COLUMNS = ("shard", "number", "this_update", "next_update", "entries", "size", "is_due", "is_late")


def crls(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `voltward ca list` names it.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show an authority's revocation lists; the one without a shard is the full list."""
    with service(data) as client:
        show_list(client.get(f"authorities/{segment(name)}/crls"), _COLUMNS)

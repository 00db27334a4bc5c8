"""voltward init: a new data folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from web.cli.files import private_files
from web.cli.output import Json, say, show_json, wants_json

if TYPE_CHECKING:
    from web.data_folder import NewFolder


def init(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Where to make it; must not exist yet.")],
    organisation: Annotated[
        str, typer.Option("--organisation", metavar="NAME", help="The operator's name: O in every certificate.")
    ],
    hostname: Annotated[
        list[str] | None,
        typer.Option("--hostname", metavar="FQDN", help="A name under which stations reach this service; repeatable."),
    ] = None,
    _json: Json = False,
) -> None:
    """Make a new data folder: database, certificate hierarchy, first admin (the password is shown once)."""
    from web.data_folder import make_folder, refuse_taken  # loaded when needed: they bring the whole service along

    refuse_taken(data)
    say("making keys and certificates; this takes a few seconds")
    with private_files():
        made = make_folder(data, organisation, hostname or [])
    if wants_json():
        show_json(_as_json(made))
        return
    say(f"made {made.folder}")
    say("The first admin's password is shown this once:")
    typer.echo(f"user      {made.admin}\npassword  {made.password.text()}")
    say(f"next: voltward serve --data {data}")


def _as_json(made: "NewFolder") -> dict[str, object]:
    return {
        "admin": {"user": made.admin, "password": made.password.text()},
        "data": str(made.folder),
        "roots": dict(made.roots),
    }

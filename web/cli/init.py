"""voltward init: a new data folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from web.cli.failures import WrongUse
from web.cli.files import private_files, read_text
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
    hierarchy: Annotated[
        Path | None,
        typer.Option("--hierarchy", metavar="FILE", help="A ceremony file in place of the default hierarchy."),
    ] = None,
    bare: Annotated[
        bool, typer.Option("--bare", help="Make no authorities: they come later, from a ceremony or from elsewhere.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="For root keys on a machine without a network: no hierarchy, no admin.")
    ] = False,
    public_url: Annotated[
        str | None,
        typer.Option("--public-url", metavar="URL", help="Where certificates and revocation lists will be found."),
    ] = None,
    _json: Json = False,
) -> None:
    """Make a new data folder: database, certificate hierarchy, first admin (the password is shown once)."""
    # loaded when needed: they bring the whole service along
    from pki.default_hierarchy import DEFAULT_HIERARCHY
    from web.data_folder import Wishes, make_folder, refuse_taken

    refuse_taken(data)
    if hierarchy is not None and (bare or offline):
        raise WrongUse("--hierarchy does not go with --bare or --offline", "Hold a ceremony in the folder later.")
    if offline and public_url is None:
        raise WrongUse(
            "an offline folder needs --public-url",
            "The address stands in the certificates: it is the one of the service that will publish them.",
        )
    asked = DEFAULT_HIERARCHY if hierarchy is None else read_text(hierarchy)
    wishes = Wishes(None if bare or offline else asked, offline, public_url)
    say("making keys and certificates; this takes a few seconds")
    with private_files():
        made = make_folder(data, organisation, hostname or [], wishes=wishes)
    if wants_json():
        show_json(_as_json(made))
        return
    say(f"made {made.folder}")
    if made.password is None:
        say(f"next: voltward ca ceremony FILE --data {data}")
        return
    say("The first admin's password is shown this once:")
    typer.echo(f"user      {made.admin}\npassword  {made.password.text()}")
    if bare:
        say(f"next: voltward ca ceremony FILE --data {data}, or voltward ca request NAME --post POST --data {data}")
    else:
        say(f"next: voltward serve --data {data}")


def _as_json(made: "NewFolder") -> dict[str, object]:
    return {
        "admin": {"user": made.admin, "password": made.password.text()} if made.password is not None else None,
        "data": str(made.folder),
        "roots": dict(made.roots),
    }

"""voltward station unknown: identities that nobody registered and that knocked."""

from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import WrongUse
from web.cli.output import Json, say, show_fields, show_json, show_list, wants_json

app = typer.Typer(help="Unknown stations that knocked: look at them, adopt or forget them.", no_args_is_help=True)

_COLUMNS = ("id", "state", "address", "tries", "last_seen", "shown", "vendor", "model", "serial", "contested")
Id = Annotated[str, typer.Argument(metavar="ID", help="The identity that it claims.")]


@app.command("list")
def list_unknown(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="The id that the page before ended with.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List them. Nothing that they say is proved."""
    with service(data) as client:
        found = client.get("stations/unknown", limit=limit, after=after)
    show_list(found, _COLUMNS)


@app.command()
def adopt(
    id: Id,  # noqa: A002 -- the argument's name in help texts
    serial: Annotated[str | None, typer.Option("--serial", metavar="SN", help="Else the one that it told.")] = None,
    profile: Annotated[int, typer.Option("--profile", min=0, max=3, help="The profile it is on now.")] = 1,
    keep: Annotated[
        bool, typer.Option("--keep-password", help="What it showed stays good; else one is made and shown once.")
    ] = False,
    site: Annotated[str, typer.Option("--site", help="Where it stands.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Register one of them."""
    asked = {"serial": serial, "profile": profile, "keep_password": keep, "site": site}
    with service(data) as client:
        added = client.post(f"stations/unknown/{segment(id)}/adopt", asked)
    if not wants_json() and added["password"]:
        say("This password is shown once; set it in the station:")
    show_fields(added, ("id", "serial", "password"))


@app.command()
def forget(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="The identity that it claims.")] = None,  # noqa: A002
    address: Annotated[str | None, typer.Option("--address", help="All that came last from this address.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole list.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = (
        "forgotten on the command line"
    ),
    data: Data = None,
    _json: Json = False,
) -> None:
    """Take one, or many, off the list; they come back when they knock again."""
    if (id is not None, address is not None, everything).count(True) != 1:
        raise WrongUse("name one, or --address, or --all: one of the three")
    with service(data) as client:
        if id is not None:
            client.post(f"stations/unknown/{segment(id)}/forget", {"reason": reason})
            forgotten = 1
        else:
            asked = {"address": address, "reason": reason}
            forgotten = client.post("stations/unknown/forget", asked)["forgotten"]
    if wants_json():
        show_json({"forgotten": forgotten})
    else:
        say(f"{forgotten} forgotten")

"""voltward station recover and bootstrap: who is let in as Pending only, to get a certificate."""

from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import WrongUse
from web.cli.output import Json, show_fields

_SHOWN = ("id", "serial", "profile", "floor", "online", "lane", "bootstrap", "recovery_until", "recovery_reason")

Id = Annotated[str, typer.Argument(metavar="ID", help="The station's identity, as in its URL.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")]


def recover(
    id: Id,  # noqa: A002 -- the argument's name in help texts
    reason: Reason,
    valid: Annotated[
        str | None, typer.Option("--for", metavar="SPAN", help="How long: 24h, 7d. [default: 24h]")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="Close the lane instead.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Let a station in with its expired certificate, as Pending, so that it gets a new one."""
    if end and valid is not None:
        raise WrongUse("--for and --end exclude each other")
    path = f"stations/{segment(id)}/recovery"
    with service(data) as client:
        if end:
            station = client.post(f"{path}/end", {"reason": reason})
        else:
            station = client.post(path, {"valid_for": valid or "24h", "reason": reason})
    show_fields(station, _SHOWN)


def bootstrap(
    id: Id,  # noqa: A002
    reason: Reason,
    vendor: Annotated[
        str | None, typer.Option("--vendor", metavar="NAME", help="The maker, as its anchor names it.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Its maker's certificate counts no more.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Let a station begin with its maker's certificate alone, as Pending, until it has used one of ours."""
    if (vendor is not None) is off:
        raise WrongUse("name the maker with --vendor, or say --off: one of the two")
    with service(data) as client:
        asked = {"vendor": vendor or "", "reason": reason}
        station = client.post(f"stations/{segment(id)}/bootstrap", asked)
    show_fields(station, _SHOWN)

"""voltward renewal: certificates that renew by themselves, and stations that ask too often."""

from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.output import Json, show_fields

app = typer.Typer(help="Look at renewals, and let stations ask again.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The station.")]


@app.command()
def requests(id: Id, data: Data = None, _json: Json = False) -> None:  # noqa: A002 -- the argument's name in help texts
    """Tell whether a station's certificate requests are taken in, slowed or paused."""
    with service(data) as client:
        show_fields(client.get(f"stations/{segment(id)}/certificate-requests"))


@app.command()
def release(
    id: Id,  # noqa: A002 -- the argument's name in help texts
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Take the requests of a slowed or paused station in again, at once."""
    with service(data) as client:
        show_fields(client.post(f"stations/{segment(id)}/certificate-requests/release", {"reason": reason}))

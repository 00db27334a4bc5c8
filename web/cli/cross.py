"""voltward ca roots, cross and cross-certificates: the trust map, and who certifies whom across."""

from typing import Annotated

import typer

from web.cli.client import Data, service
from web.cli.output import Json, show_fields, show_list

_ROOTS = ("name", "hierarchy", "algorithm", "status", "not_after", "authorities", "certified_by", "chosen_by")
_CROSS = ("serial", "authority", "issuer", "state", "not_after")


def roots(data: Data = None, _json: Json = False) -> None:
    """List the roots: what stands below them, who certifies them, how many stations chose them."""
    with service(data) as client:
        show_list(client.get("roots"), _ROOTS)


def cross(
    authority: Annotated[str, typer.Argument(metavar="AUTHORITY", help="Whose key is certified.")],
    by: Annotated[str, typer.Option("--by", metavar="ISSUER", help="By whom.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Have one authority certify another's key, so that chains can end in another root."""
    with service(data) as client:
        show_fields(client.post("cross-certificates", {"authority": authority, "issuer": by}))


def cross_certificates(data: Data = None, _json: Json = False) -> None:
    """List cross-certificates; `voltward cert revoke` revokes one."""
    with service(data) as client:
        show_list(client.get("cross-certificates"), _CROSS)


def add_to(app: typer.Typer) -> None:
    """The commands in the group of the authorities."""
    app.command("roots")(roots)
    app.command("cross")(cross)
    app.command("cross-certificates")(cross_certificates)

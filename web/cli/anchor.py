"""voltward anchor: others' authorities: makers' roots for first contacts, and roots that contracts may end in."""

from pathlib import Path
from ssl import DER_cert_to_PEM_cert
from typing import Annotated

import typer

from pki.anchor_use import AnchorUse
from web.cli.client import Data, segment, service
from web.cli.files import read_bytes
from web.cli.output import Json, say, show_fields, show_list

app = typer.Typer(
    help="Trust others' roots: of makers for first contacts, of Plug & Charge for contracts.", no_args_is_help=True
)

_COLUMNS = ("name", "use", "vendor", "subject", "not_after", "sha256")
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `voltward anchor list` shows it.")]


@app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, help="The root certificate (PEM or DER).")],
    vendor: Annotated[
        str, typer.Option("--vendor", help="Whose it is; a maker as its stations say in BootNotification.")
    ],
    name: Annotated[str, typer.Option("--name", help="What we call it: lower-case letters, digits, hyphens.")],
    use: Annotated[AnchorUse, typer.Option("--use", help="What it is trusted for.")] = AnchorUse.FIRST_CONTACT,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Trust a maker's root. Its certificates get a station through TLS; its password still has to let it in.

    With --use contracts: let the contract certificates of Plug & Charge end in it. With --use firmware: believe the
    firmware signatures that its maker made.
    """
    content = read_bytes(file)
    pem = content.decode("latin-1") if b"-----BEGIN" in content else DER_cert_to_PEM_cert(content)
    with service(data) as client:
        show_fields(client.post("anchors", {"name": name, "vendor": vendor, "use": use.value, "certificate": pem}))


@app.command("list")
def list_anchors(data: Data = None, _json: Json = False) -> None:
    """List what is trusted of others."""
    with service(data) as client:
        show_list(client.get("anchors"), _COLUMNS)


@app.command()
def show(name: Name, data: Data = None, _json: Json = False) -> None:
    """Show one of them."""
    with service(data) as client:
        show_fields(client.get(f"anchors/{segment(name)}"))


@app.command()
def remove(
    name: Name,
    note: Annotated[str, typer.Option("--note", help="Why; it stands in the audit trail.")] = "",
    data: Data = None,
) -> None:
    """Trust it no more."""
    with service(data) as client:
        client.delete(f"anchors/{segment(name)}", note=note)
    say(f"{name} is trusted no more")

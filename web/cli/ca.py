"""voltward ca: the authorities and their certificates."""

from pathlib import Path
from typing import Annotated

import typer

from web.cli import ca_keys, ceremony, crls, cross, elsewhere, rollover
from web.cli.client import Data, segment, service
from web.cli.files import write_text
from web.cli.output import Json, say, show_fields, show_json, show_list, show_text, wants_json

app = typer.Typer(help="The authorities: look at them, make them, export their certificates.", no_args_is_help=True)
app.command("ceremony")(ceremony.ceremony)
app.command("crls")(crls.crls)
app.command("keys")(ca_keys.keys)
app.command("signer-log")(ca_keys.signer_log)
app.add_typer(ceremony.records, name="record")
app.add_typer(rollover.app, name="rollover")
elsewhere.add_to(app)
cross.add_to(app)

_COLUMNS = ("name", "kind", "hierarchy", "post", "status", "custody", "algorithm", "parent", "not_after")
_FIELDS = (
    "name", "kind", "hierarchy", "purpose", "post", "status", "custody", "subject", "algorithm", "parent", "serial",
    "not_before", "not_after", "sha256",
)  # fmt: skip


@app.command("list")
def list_authorities(data: Data = None, _json: Json = False) -> None:
    """List roots, issuing authorities and signers, and what waits for a certificate from elsewhere."""
    with service(data) as client:
        page = client.get("authorities")
        if not wants_json():
            waiting = client.get("authority-requests")["items"]
            page["items"] += [
                one | {"kind": _kind_of(one["post"]), "status": "pending", "custody": "here"} for one in waiting
            ]
        show_list(page, _COLUMNS)


def _kind_of(post: str) -> str:
    return "signer" if post == "firmware" else "issuing"


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `voltward ca list` names it.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show an authority."""
    with service(data) as client:
        show_fields(client.get(f"authorities/{segment(name)}"), _FIELDS)


@app.command()
def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `voltward ca list` names it.")],
    chain: Annotated[bool, typer.Option("--chain", help="Up to the root, the root included.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Print an authority's certificate (PEM)."""
    with service(data) as client:
        found = client.get(f"authorities/{segment(name)}")
    pem = found["chain_pem"] if chain else found["certificate_pem"]
    if out is not None:
        write_text(out, pem)
        say(f"wrote {out}")
    if wants_json():
        show_json(found)
    elif out is None:
        show_text(pem)

"""voltward key: public keys that are never certified again."""

from pathlib import Path
from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.files import key_in
from web.cli.output import Json, say, show_fields, show_list

app = typer.Typer(help="Block keys from ever being certified.", no_args_is_help=True)

_COLUMNS = ("spki_sha256", "blocked_at", "blocked_by", "note")
KeyFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, help="A certificate, request or public key (PEM).")
]


@app.command()
def block(
    file: KeyFile,
    note: Annotated[str, typer.Option("--note", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Never certify this key again. Its certificates are revoked by `voltward cert revoke --key`."""
    with service(data) as client:
        show_fields(client.post("blocked-keys", {"spki_sha256": key_in(file), "note": note}))


@app.command()
def unblock(
    fingerprint: Annotated[str, typer.Argument(metavar="SPKI_SHA256", help="As `voltward key list` shows it.")],
    note: Annotated[str, typer.Option("--note", help="Why; it stands in the audit trail.")] = "",
    data: Data = None,
) -> None:
    """Let a key be certified again."""
    with service(data) as client:
        client.delete(f"blocked-keys/{segment(fingerprint)}", note=note)
    say(f"{fingerprint} may be certified again")


@app.command("list")
def list_keys(data: Data = None, _json: Json = False) -> None:
    """List blocked keys."""
    with service(data) as client:
        show_list(client.get("blocked-keys"), _COLUMNS)

"""voltward passphrase: what protects the keys of a data folder."""

from pathlib import Path
from typing import Annotated

import typer

from web.cli.output import say
from web.cli.passphrases import read_passphrase

app = typer.Typer(help="Change the passphrase of a data folder's keys.", no_args_is_help=True)

_VARIABLE = "VOLTWARD_NEW_PASSPHRASE"


@app.command()
def change(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The data folder.")],
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option("--new-passphrase-file", metavar="FILE", help=f"Holds the new passphrase; else {_VARIABLE}."),
    ] = None,
) -> None:
    """Seal the keys under another passphrase; the old one opens them no more. The service may run meanwhile."""
    from pki.secret_text import Secret
    from web.passphrase import change_passphrase  # loaded when needed: it brings the whole service along

    new = read_passphrase(_VARIABLE, new_passphrase_file, what="the keys from now on", repeat=True)
    change_passphrase(data, Secret.of(new))
    say("the passphrase is changed; set VOLTWARD_PASSPHRASE or its file before the service starts again")

"""voltward serve: the service itself."""

from pathlib import Path
from typing import Annotated

import typer

from web.cli.files import private_files
from web.errors import SignerAlone
from web.roles import Role


def serve(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The data folder.")],
    roles: Annotated[
        list[Role] | None,
        typer.Option("--roles", help="What this process does: all, bridge, web, worker, signer; repeatable."),
    ] = None,
) -> None:
    """Serve console, API and stations until SIGTERM or Ctrl-C. A signer does nothing else."""
    chosen = frozenset(roles or [Role.ALL])
    if Role.SIGNER in chosen:
        _serve_signer(data, chosen)
        return
    from web.serve import serve_folder  # loaded when needed: it brings the whole service along

    with private_files():
        serve_folder(data, chosen)


def _serve_signer(data: Path, roles: frozenset[Role]) -> None:
    from web.signer import serve_signer  # without the console and the stations' endpoint

    if roles != {Role.SIGNER}:
        raise SignerAlone("the signer is a process of its own")
    with private_files():
        serve_signer(data)

"""voltward serve: the service itself."""

from pathlib import Path
from typing import Annotated

import typer

from web.cli.files import private_files
from web.roles import Role


def serve(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The data folder.")],
    roles: Annotated[
        list[Role] | None,
        typer.Option("--roles", help="What this process does: all, bridge, web, worker; repeatable."),
    ] = None,
) -> None:
    """Serve console, API and stations until SIGTERM or Ctrl-C."""
    from web.serve import serve_folder  # loaded when needed: it brings the whole service along

    with private_files():
        serve_folder(data, frozenset(roles or [Role.ALL]))

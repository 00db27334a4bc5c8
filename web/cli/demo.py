"""voltward demo: init, serve, and simulated stations that are walked while one watches."""

from pathlib import Path
from typing import Annotated

import typer

from web.cli.failures import FAILED
from web.cli.files import private_files


def demo(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The demo's data folder.")] = Path(
        "voltward-demo"
    ),
    stations: Annotated[int, typer.Option("--stations", min=1, max=500, help="How many stations.")] = 6,
    until_done: Annotated[bool, typer.Option("--until-done", help="End when every walk is over.")] = False,
) -> None:
    """Watch simulated stations walk to profile 3: console, both OCPP ports, real TLS, real keys."""
    from web.demo.play import play  # loaded when needed: it brings the whole service along

    with private_files():
        over = play(data, stations, until_done=until_done)
    if until_done and not over:
        raise typer.Exit(FAILED)

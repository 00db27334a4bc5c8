"""voltward report: the fleet as a table."""

import typer

from web.cli import readiness

app = typer.Typer(help="Reports on the whole fleet, as tables and CSV.", no_args_is_help=True)
app.command("readiness")(readiness.report)

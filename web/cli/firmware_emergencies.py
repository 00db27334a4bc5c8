"""voltward firmware emergency, versions, stations: ways back, and who runs what."""

from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.output import Json, plain, show_fields, show_json, show_list, show_table, wants_json

app = typer.Typer(help="Ways back to older firmware, which two people must agree to.", no_args_is_help=True)
_COLUMNS = ("id", "vendor", "model", "version", "state", "missing", "asked_by", "until", "reason")
_VERSIONS = ("vendor", "model", "version", "stations", "online", "firmware")
_RUNNERS = ("station", "told", "since", "online", "update")
Number = Annotated[int, typer.Argument(metavar="EMERGENCY", help="The emergency's number.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The firmware's id.")]


@app.command()
def ask(
    firmware_id: Id,
    reason: Reason,
    hours: Annotated[int, typer.Option("--hours", min=1, max=168, help="How long it is open.")] = 24,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Ask for a way back to a release."""
    with service(data) as client:
        asked = {"reason": reason, "hours": hours}
        show_fields(client.post(f"firmware/{segment(firmware_id)}/emergencies", asked))


@app.command()
def approve(emergency: Number, data: Data = None, _json: Json = False) -> None:
    """Agree to a way back; whoever asked never does."""
    with service(data) as client:
        show_fields(client.post(f"firmware-emergencies/{emergency}/approve"))


@app.command()
def withdraw(emergency: Number, reason: Reason, data: Data = None, _json: Json = False) -> None:
    """Close a way back before its time."""
    with service(data) as client:
        show_fields(client.post(f"firmware-emergencies/{emergency}/withdraw", {"reason": reason}))


@app.command("list")
def list_emergencies(
    firmware: Annotated[str | None, typer.Option("--firmware", metavar="ID", help="To this firmware.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List ways back, the newest first."""
    with service(data) as client:
        show_list(client.get("firmware-emergencies", firmware=firmware, limit=limit, after=after), _COLUMNS)


def versions(data: Data = None, _json: Json = False) -> None:
    """Tell which versions the fleet runs, and which of them are releases of ours."""
    with service(data) as client:
        found = client.get("reports/firmware")
    if wants_json():
        show_json(found)
    else:
        show_table(_VERSIONS, [[plain(one[name]) for name in _VERSIONS] for one in found])


def stations(
    firmware_id: Id,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List the stations that run a release."""
    with service(data) as client:
        show_list(client.get(f"firmware/{segment(firmware_id)}/stations", limit=limit, after=after), _RUNNERS)

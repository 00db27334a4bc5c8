"""voltward migration: stations that change to another OCPP version, and the fleet on several."""

from pathlib import Path
from typing import Annotated

import typer

from csms_bridge.migration.states import Blocker, MigrationState
from web.cli.client import Data, segment, service
from web.cli.files import appearing
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, wants_json

app = typer.Typer(help="Stations that change to another OCPP version.", no_args_is_help=True)

_COLUMNS = ("id", "station", "from_version", "to_version", "state", "reason", "campaign", "until", "ended_at")
Id = Annotated[int, typer.Argument(metavar="ID", help="As `voltward migration list` shows it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000)]
After = Annotated[str | None, typer.Option("--after", help="What the page before ended with.")]
Target = Annotated[str, typer.Option("--to", metavar="VERSION", help="2.0.1 or 2.1.")]


@app.command()
def expect(
    stations: Annotated[list[str], typer.Argument(metavar="STATION...", help="Identities, as in their URLs.")],
    to: Target = "2.0.1",
    within: Annotated[int, typer.Option("--within", min=1, help="Minutes that each has to come back well.")] = 60,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Announce that stations will come back with another version after their firmware was changed."""
    asked = {"stations": stations, "to": to, "within": within * 60, "reason": reason}
    with service(data) as client:
        show_list(client.post("migrations", asked), (*_COLUMNS, "prepared"))


@app.command("list")
def list_migrations(
    station: Annotated[str, typer.Option("--station", help="Only of this station.")] = "",
    campaign: Annotated[str, typer.Option("--campaign", help="Only of this campaign.")] = "",
    state: Annotated[MigrationState | None, typer.Option("--state", help="Only in this state.")] = None,
    limit: Limit = 100,
    after: After = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List changes of version, newest first."""
    asked = {"station": station, "campaign": campaign, "state": state.value if state else None}
    with service(data) as client:
        show_list(client.get("migrations", **asked, limit=limit, after=after), _COLUMNS)


@app.command()
def show(migration: Id, data: Data = None, _json: Json = False) -> None:
    """Show one change of version."""
    with service(data) as client:
        show_fields(client.get(f"migrations/{segment(str(migration))}"))


@app.command()
def cancel(
    migration: Id,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Expect the other version no more."""
    with service(data) as client:
        show_fields(client.post(f"migrations/{segment(str(migration))}/cancel", {"reason": reason}))


@app.command()
def fleet(
    to: Target = "2.0.1",
    blocker: Annotated[Blocker | None, typer.Option("--blocker", help="Name the stations that this keeps.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every station there.")] = None,
    limit: Limit = 100,
    after: After = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show who is on which version, what keeps the others, and how long both will be there."""
    with service(data) as client:
        if csv is not None:
            with client.stream("GET", "reports/mixed-fleet.csv", target=to) as pieces, appearing(csv) as file:
                file.writelines(pieces)
            say(f"wrote {csv}")
        if blocker is not None:
            asked = {"target": to, "blocker": blocker.value, "limit": limit, "after": after}
            kept = client.get("reports/mixed-fleet/stations", **asked)
            show_list(kept, ("station", "version", "vendor", "model", "firmware", "site", "online", "last_seen"))
            return
        found = client.get("reports/mixed-fleet", target=to)
    if wants_json():
        show_json(found)
        return
    rows = [[plain(one[name]) for name in ("version", "stations", "online")] for one in found["versions"]]
    show_table(("version", "stations", "online"), rows)
    say("")
    kept_by = [[plain(one[name]) for name in ("blocker", "stations", "words")] for one in found["blocked"]]
    show_table(("kept by", "stations", "what that is"), kept_by)
    say("")
    show_fields(found["coexistence"])

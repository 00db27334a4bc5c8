"""voltward trust: which station trusts which root, and who would lose us by a change."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from csms_bridge.trust.connecting import ChangeKind, Outcome
from csms_bridge.trust.states import TrustState
from web.cli.client import Data, segment, service
from web.cli.files import appearing
from web.cli.output import Json, plain, say, show_json, show_list, show_table, wants_json

app = typer.Typer(help="Which station trusts which root, and who would lose us by a change.", no_args_is_help=True)

_JUDGED = ("station", "outcome", "why", "vendor", "model", "site", "online", "last_seen")
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000)]
After = Annotated[str | None, typer.Option("--after", help="What the page before ended with.")]


@app.command("map")
def show_map(data: Data = None, _json: Json = False) -> None:
    """Show each root, and how many stations confirmed, report, are believed to hold, lack or refused it."""
    with service(data) as client:
        found = client.get("roots/trust")
    if wants_json():
        show_json(found)
        return
    states = [state.value for state in TrustState]
    rows = [
        [plain(one["name"]), plain(one["whose"]), *(plain(one["counts"][state]) for state in states)]
        for one in found["items"]
    ]
    show_table(("root", "whose", *states), rows)


@app.command()
def stations(
    root: Annotated[str, typer.Argument(metavar="ROOT", help="As `voltward trust map` names it.")],
    state: Annotated[TrustState, typer.Option("--state", help="In which state with the root.")],
    limit: Limit = 100,
    after: After = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List the stations that are in a state with a root."""
    with service(data) as client:
        found = client.get(f"roots/{segment(root)}/trust", state=state.value, limit=limit, after=after)
    show_list(found, ("station", "state", "why", "vendor", "model", "site", "profile", "online", "last_seen"))


@app.command()
def station(
    id: Annotated[str, typer.Argument(metavar="ID", help="The station's identity, as in its URL.")],  # noqa: A002
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show what may be said of a station and each root."""
    with service(data) as client:
        show_list(client.get(f"stations/{segment(id)}/trust"), ("root", "state", "why"))


@app.command()
def check(
    change: Annotated[ChangeKind, typer.Argument(metavar="CHANGE", help="What is planned.")] = ChangeKind.NOTHING,
    date: Annotated[datetime | None, typer.Option("--date", help="When (UTC); now, unless it is named.")] = None,
    root: Annotated[str, typer.Option("--root", help="Which root, for root-gone and server-chain.")] = "",
    authority: Annotated[
        str, typer.Option("--authority", help="Which one, for issuer-changed and client-ca-retired.")
    ] = "",
    profile: Annotated[int, typer.Option("--profile", min=0, max=3, help="Which one, for profile-floor.")] = 0,
    outcome: Annotated[Outcome, typer.Option("--outcome", help="Name the stations that come out so.")] = Outcome.LOSES,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every station there.")] = None,
    limit: Limit = 100,
    after: After = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Will it still connect? Say who would lose us by a planned change, who would not, and who cannot be told."""
    asked: dict[str, Any] = {
        "change": change.value, "root": root, "authority": authority, "profile": profile,
        "date": date.isoformat() if date else None,
    }  # fmt: skip
    with service(data) as client:
        if csv is not None:
            with client.stream("GET", "reports/will-it-connect.csv", **asked) as pieces, appearing(csv) as file:
                file.writelines(pieces)
            say(f"wrote {csv}")
        found = client.get("reports/will-it-connect", **asked, outcome=outcome.value, limit=limit, after=after)
    if wants_json():
        show_json(found)
        return
    say(f"{found['loses']} would lose us, {found['unsure']} cannot be told, {found['safe']} are safe")
    rows = [[plain(one[name]) for name in ("stations", "outcome", "why")] for one in found["reasons"]]
    show_table(("stations", "outcome", "why"), rows)
    if found["items"]:
        show_list(found, _JUDGED)

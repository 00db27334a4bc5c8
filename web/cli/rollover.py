"""voltward ca rollover: an authority hands its post to a successor, step by step."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from web.cli import root_plan
from web.cli.client import Data, segment, service
from web.cli.failures import WrongUse
from web.cli.output import Json, say, show_fields, show_json, show_list, show_text, wants_json

app = typer.Typer(help="Roll an authority over: prepare, distribute, issue from new, retire old.", no_args_is_help=True)

_COLUMNS = ("id", "old", "new", "step", "next", "moved_at")
Id = Annotated[str, typer.Argument(metavar="ID", help="As `voltward ca rollover list` shows it.")]
Note = Annotated[str, typer.Option("--note", help="Why or how; it stands in the audit trail and in the record.")]


@app.command()
def start(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A root or an issuing authority.")],
    successor: Annotated[
        str | None, typer.Option("--successor", metavar="NAME", help="One that a ceremony has prepared.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only print the ceremony that would be held (TOML).")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Take the first step: make the successor. Of a root, also what stands below it, and cross-certificates."""
    with service(data) as client:
        if plan:
            found = client.get(f"rollovers/plan/{segment(name)}")
            show_json(found) if wants_json() else show_text(found["ceremony"])
            return
        _tell(client.post("rollovers", {"authority": name, "successor": successor}))


@app.command()
def show(rollover_id: Id, data: Data = None, _json: Json = False) -> None:
    """Show how far it is, and what stands against the next step."""
    with service(data) as client:
        _tell(client.get(f"rollovers/{segment(rollover_id)}"))


@app.command("list")
def list_rollovers(data: Data = None, _json: Json = False) -> None:
    """List roll-overs, newest first."""
    with service(data) as client:
        show_list(client.get("rollovers"), _COLUMNS)


@app.command()
def advance(
    rollover_id: Id,
    step: Annotated[
        str | None, typer.Option("--step", help="The step to take; taken before, it is not taken again.")
    ] = None,
    note: Note = "",
    force: Annotated[bool, typer.Option("--force", help="Overrule what may be overruled; needs --note.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Take the next step; of a planned one, unless a station that was not excluded would drop by it."""
    with service(data) as client:
        path = f"rollovers/{segment(rollover_id)}"
        told: Callable[[Mapping[str, Any]], None] = _tell
        found = client.get(path)
        if found["planned"]:
            path, told = f"roots/plans/{segment(rollover_id)}", root_plan.tell
            found = client.get(path)
        chosen = step or found["next"]
        if chosen is None:
            raise WrongUse(f"the roll-over {rollover_id} is over; no step comes next")
        told(client.post(f"{path}/advance", {"step": chosen, "note": note, "force": force}))


@app.command()
def abandon(rollover_id: Id, note: Note, data: Data = None, _json: Json = False) -> None:
    """Give it up, before the successor issues: what was made for it is revoked."""
    with service(data) as client:
        if client.get(f"rollovers/{segment(rollover_id)}")["planned"]:
            root_plan.tell(client.post(f"roots/plans/{segment(rollover_id)}/abandon", {"reason": note}))
            return
        _tell(client.post(f"rollovers/{segment(rollover_id)}/abandon", {"note": note}))


root_plan.add_to(app)


def _tell(rollover: Mapping[str, Any]) -> None:
    if wants_json():
        show_json(rollover)
        return
    shown = ("id", "old", "new", "step", "next", "does", "started_by", "started_at", "moved_at")
    show_fields(rollover, shown)
    for one in rollover["obstacles"]:
        say(f"in the way: {one['sentence']}{' (--force overrules it)' if one['may_be_forced'] else ''}")

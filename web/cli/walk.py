"""voltward walk: take stations to a higher security profile."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from web.cli.client import Data, ServiceClient, segment, service
from web.cli.failures import FAILED, WrongUse
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, wants_json

app = typer.Typer(help="Walk stations to another security profile and follow them.", no_args_is_help=True)

_COLUMNS = ("id", "station", "from_profile", "to_profile", "state", "reason", "updated_at")
_ENDED = {"done", "held", "cancelled"}
_POLL = 0.5  # seconds
WalkId = Annotated[str, typer.Argument(metavar="WALK", help="The walk's id, or the id of its station.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")]


@app.command()
def start(
    stations: Annotated[list[str], typer.Argument(metavar="ID", help="The stations to walk.")],
    to: Annotated[int, typer.Option("--to", min=2, max=3, help="The security profile to reach.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; fails when a walk is held.")] = False,
    permit_lower: Annotated[
        bool, typer.Option("--permit-lower", help="Let it go down from 3 to 2, as OCPP 2.x allows.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why it may go down; it stands in the audit trail.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Start walking stations to profile 2 or 3."""
    with service(data) as client:
        started, refused = _start(client, stations, {"to": to, "permit_lower": permit_lower, "reason": reason})
        if wait:
            started = follow(client, started)
    for refusal in refused:
        say(f"{refusal['station']}: not started: {refusal['detail']}")
    _show_started(started, refused, alone=len(stations) == 1)
    if refused or (wait and any(walk["state"] != "done" for walk in started)):
        raise typer.Exit(FAILED)


@app.command()
def show(walk: WalkId, data: Data = None, _json: Json = False) -> None:
    """Show a walk, every step with its time."""
    with service(data) as client:
        found = _find(client, walk)
    if wants_json():
        show_json(found)
        return
    show_fields(found, [name for name in found if name not in ("steps", "next")])
    steps = [[plain(step[name]) for name in ("name", "state", "at", "note")] for step in found["steps"]]
    show_table(("step", "state", "at", "note"), steps)
    if found["next"]:
        show_table(("next safe act", "why"), [[plain(one["act"]), plain(one["why"])] for one in found["next"]])


@app.command("list")
def list_walks(
    station: Annotated[str | None, typer.Option("--station", help="Of this station.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="running, done, held or cancelled.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List walks, newest first."""
    with service(data) as client:
        found = client.get("walks", station=station, state=state, limit=limit, after=after)
    show_list(found, _COLUMNS)


@app.command()
def hold(walk: WalkId, reason: Reason, data: Data = None, _json: Json = False) -> None:
    """Stop a walk where it is; the station stays reachable."""
    _act(walk, "hold", {"reason": reason}, data)


@app.command()
def resume(walk: WalkId, data: Data = None, _json: Json = False) -> None:
    """Go on with a walk that is on hold."""
    _act(walk, "resume", {}, data)


@app.command()
def retry(walk: WalkId, data: Data = None, _json: Json = False) -> None:
    """Go on with a walk that is on hold by its step at hand alone."""
    _act(walk, "retry", {}, data)


@app.command()
def skip(
    walk: WalkId,
    reason: Reason,
    step: Annotated[str, typer.Option("--step", help="The next step of this name; else the one at hand.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Leave a step out where that is safe; a walk on hold goes on behind it."""
    _act(walk, "skip", {"reason": reason, "step": step}, data)


@app.command()
def cancel(
    walk: WalkId,
    reason: Reason,
    as_it_is: Annotated[bool, typer.Option("--as-it-is", help="Undo nothing, and prove nothing.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Give a walk up for good; what was begun is undone first."""
    _act(walk, "cancel", {"reason": reason, "as_it_is": as_it_is}, data)


def follow(client: ServiceClient, walks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Show the walks' progress on standard error until each has ended or is held."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[step]}"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bars:
        tasks = {walk["id"]: bars.add_task(plain(walk["station"]), total=len(walk["steps"]), step="") for walk in walks}
        current = {walk["id"]: walk for walk in walks}
        while True:
            for walk_id, task in tasks.items():
                if current[walk_id]["state"] not in _ENDED:
                    current[walk_id] = client.get(f"walks/{walk_id}")
                done, step = _progress(current[walk_id])
                bars.update(task, completed=done, step=step)
            if all(walk["state"] in _ENDED for walk in current.values()):
                return list(current.values())
            time.sleep(_POLL)


def _progress(walk: dict[str, Any]) -> tuple[int, str]:
    """How many steps are behind, and the one at hand (or how it ended)."""
    behind = sum(step["state"] in {"done", "skipped"} for step in walk["steps"])
    if walk["state"] != "running":
        return behind, plain(f"{walk['state']}: {walk['reason']}" if walk["reason"] else walk["state"])
    at_hand = (step["name"] for step in walk["steps"] if step["state"] not in {"done", "skipped"})
    return behind, plain(next(at_hand, ""))


def _start(
    client: ServiceClient, stations: Sequence[str], body: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    if len(stations) == 1:
        return [client.post("walks", {"station": stations[0], **body})], []
    answer = client.post("walks", {"stations": list(stations), **body})
    return answer["items"], answer["refused"]


def _show_started(started: list[dict[str, Any]], refused: list[dict[str, Any]], *, alone: bool) -> None:
    if not wants_json():
        show_list({"items": started, "next": None}, _COLUMNS)
    elif alone:
        show_json(started[0])
    else:
        show_json({"items": started, "refused": refused})


def _act(walk: str, verb: str, body: dict[str, Any], data: Any) -> None:
    with service(data) as client:
        found = _find(client, walk)
        changed = client.post(f"walks/{segment(found['id'])}/{verb}", body)
    show_fields(changed, ("id", "station", "state", "reason"))


def _find(client: ServiceClient, name: str) -> dict[str, Any]:
    """A walk by its id, or the latest one of a station."""
    latest = client.get("walks", station=name, limit=1)["items"]
    if latest:
        found: dict[str, Any] = latest[0]
        return found
    if not name:
        raise WrongUse("name a walk or a station")
    walk: dict[str, Any] = client.get(f"walks/{segment(name)}")
    return walk

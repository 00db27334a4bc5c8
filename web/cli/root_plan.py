"""voltward ca rollover plan, status, exclude …: the roll-over of a root over the whole fleet, with its veto."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from csms_bridge.trust.plan_steps import PlanStep
from web.cli.client import Data, segment, service
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, wants_json

_FIELDS = ("id", "old", "new", "step", "next", "does", "back", "state", "reason", "alone_since", "exclusions")
_STANDING = ("concerned", "confirmed", "proven", "losing", "unsure", "elsewhere", "excluded", "holding")
_JUDGED = ("station", "outcome", "why", "vendor", "model", "site", "online", "last_seen")
Id = Annotated[str, typer.Argument(metavar="ID", help="As `voltward ca rollover plans` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")]
Confirmed = Annotated[
    float, typer.Option("--confirmed", min=0, max=100, help="Per cent that must have confirmed the new root.")
]
Connected = Annotated[
    float, typer.Option("--connected", min=0, max=100, help="Per cent that must have connected under it alone.")
]


def add_to(app: typer.Typer) -> None:
    """Put these commands beside those of a roll-over."""
    for command in (plan, status, back, pause, resume, exclude, include, gates):
        app.command()(command)
    app.command("plans")(list_plans)


def plan(
    root: Annotated[str, typer.Argument(metavar="ROOT", help="A root of ours, as `voltward ca roots` names it.")],
    successor: Annotated[
        str | None, typer.Option("--successor", metavar="NAME", help="One that a ceremony has prepared.")
    ] = None,
    confirmed: Confirmed = 100,
    connected: Connected = 100,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Plan the roll-over of a root over the fleet. Its successor is made, and nothing is sent yet."""
    asked = {"root": root, "successor": successor, "confirmed": confirmed, "connected": connected}
    with service(data) as client:
        tell(client.post("roots/plans", asked))


def list_plans(data: Data = None, _json: Json = False) -> None:
    """List planned roll-overs, newest first."""
    with service(data) as client:
        show_list(client.get("roots/plans"), ("id", "old", "new", "step", "next", "state", "exclusions", "moved_at"))


def status(
    plan_id: Id,
    unsure: Annotated[bool, typer.Option("--unsure", help="Name those of which nobody can tell instead.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="What the page before ended with.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show how far a plan is, what is against its next step, and the stations that would drop or hold the old root."""
    path = f"roots/plans/{segment(plan_id)}"
    with service(data) as client:
        found = client.get(path)
        outcome = "unsure" if unsure else "holds" if found["next"] == PlanStep.CLEAR else "loses"
        stations = client.get(f"{path}/stations", outcome=outcome, limit=limit, after=after)
    if wants_json():
        show_json({**found, "stations": stations["items"], "next_station": stations["next"]})
        return
    tell(found)
    if stations["items"]:
        show_list(stations, _JUDGED)


def back(plan_id: Id, reason: Reason, data: Data = None, _json: Json = False) -> None:
    """Undo the last step, before the old root is removed."""
    _post(plan_id, "back", {"reason": reason}, data)


def pause(plan_id: Id, reason: Reason, data: Data = None, _json: Json = False) -> None:
    """Send nothing and take no step until it is resumed."""
    _post(plan_id, "pause", {"reason": reason}, data)


def resume(plan_id: Id, data: Data = None, _json: Json = False) -> None:
    """Let a paused plan go on."""
    _post(plan_id, "resume", {}, data)


def exclude(
    plan_id: Id,
    stations: Annotated[list[str], typer.Argument(metavar="STATION...", help="Identities, as in their URLs.")],
    reason: Reason,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Go on without these stations: it is known that they will drop, or somebody sees to them by hand."""
    _post(plan_id, "exclusions", {"stations": stations, "reason": reason}, data)


def include(
    plan_id: Id,
    station: Annotated[str, typer.Argument(metavar="STATION", help="The station's identity.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Count a station again that was excluded."""
    with service(data) as client:
        tell(client.delete(f"roots/plans/{segment(plan_id)}/exclusions/{segment(station)}"))


def gates(
    plan_id: Id, confirmed: Confirmed, connected: Connected, reason: Reason, data: Data = None, _json: Json = False
) -> None:
    """Other per cents from now on."""
    asked = {"confirmed": confirmed, "connected": connected, "reason": reason}
    with service(data) as client:
        tell(client.put(f"roots/plans/{segment(plan_id)}/gates", asked))


def tell(found: Mapping[str, Any]) -> None:
    """A plan for a person: where it is, how the fleet stands, what is against the next step."""
    if wants_json():
        show_json(found)
        return
    show_fields(found, _FIELDS)
    if found["standing"]:
        show_fields(found["standing"], _STANDING)
        rows = [[plain(one[name]) for name in ("stations", "outcome", "why")] for one in found["standing"]["reasons"]]
        if rows:
            show_table(("stations", "outcome", "why"), rows)
    for sentence in found["stay"]["findings"] if found["stay"] else ():
        say(f"in the way: {plain(sentence)}")


def _post(plan_id: str, what: str, body: Mapping[str, Any], data: Data) -> None:
    with service(data) as client:
        tell(client.post(f"roots/plans/{segment(plan_id)}/{what}", body))

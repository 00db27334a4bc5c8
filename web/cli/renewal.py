"""voltward renewal: certificates that renew by themselves, and stations that ask too often."""

from typing import Annotated, Any

import typer

from web.cli.client import Data, segment, service
from web.cli.output import Json, say, show_fields, show_json, show_list, show_table, wants_json

app = typer.Typer(help="See what renews by itself, stop it, and let stations ask again.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The station.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")]
_COLUMNS = ("station", "state", "online", "not_after", "tries", "renewal", "reason", "unused")
_PACE = ("on", "per_minute", "most_in_flight", "may_be_in_flight", "in_flight", "why", "paused_by", "paused_reason")


@app.command()
def show(data: Data = None, _json: Json = False) -> None:
    """Tell how many are due, under way, late, failed, paused or asleep, what comes due, and the pace."""
    with service(data) as client:
        found = client.get("renewals")
    if wants_json():
        show_json(found)
        return
    show_table(("state", "stations"), ([state, str(number)] for state, number in found["counts"].items()))
    for one in found["reasons"]:
        say(f"failed: {one['stations']}: {one['reason']}")
    show_fields(found["pace"], _PACE)
    show_table(("week", "come due"), ([one["name"], str(one["stations"])] for one in found["weeks"]))
    say(f"those that wait take {found['seconds'] // 60} min at the set pace, at least")


@app.command("list")
def list_stations(
    state: Annotated[
        str | None,
        typer.Option("--state", help="due, under-way, late, failed, paused, unused, asleep, ended or later."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="The station that the page before ended with.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List stations in a state, or all that are not merely to be renewed later; who ends first comes first."""
    with service(data) as client:
        found = client.get("renewals/stations", state=state, limit=limit, after=after)
    show_list(found, _COLUMNS)


@app.command()
def estimate(data: Data = None, _json: Json = False) -> None:
    """Tell how long it takes to replace every certificate now, and the command that does it."""
    with service(data) as client:
        found = client.get("renewals/emergency")
    if wants_json():
        show_json(found)
        return
    preview: dict[str, Any] = found["preview"]
    show_fields(preview, ("selected", "taken", "offline", "sites"))
    for why, number in preview["excluded"].items():
        say(f"left out: {number}: {why}")
    guess = preview["estimate"]
    say(f"takes {int(guess['seconds']) // 60} min at least, limited by {guess['limited_by']}. To do it:")
    say(found["command"])


@app.command()
def pause(reason: Reason, data: Data = None, _json: Json = False) -> None:
    """Ask nobody by itself until it is resumed; what is under way goes on."""
    _turn("pause", reason, data)


@app.command()
def resume(reason: Reason, data: Data = None, _json: Json = False) -> None:
    """Go on asking."""
    _turn("resume", reason, data)


def _turn(act: str, reason: str, data: Data) -> None:
    with service(data) as client:
        show_fields(client.post(f"renewals/{act}", {"reason": reason}), _PACE)


@app.command()
def requests(id: Id, data: Data = None, _json: Json = False) -> None:  # noqa: A002 -- the argument's name in help texts
    """Tell whether a station's certificate requests are taken in, slowed or paused, and how it repeats them."""
    with service(data) as client:
        found = client.get(f"stations/{segment(id)}/certificate-requests")
    _show_requests(found)


@app.command()
def release(id: Id, reason: Reason, data: Data = None, _json: Json = False) -> None:  # noqa: A002
    """Take the requests of a slowed or paused station in again, at once."""
    with service(data) as client:
        found = client.post(f"stations/{segment(id)}/certificate-requests/release", {"reason": reason})
    _show_requests(found)


def _show_requests(found: dict[str, Any]) -> None:
    if wants_json():
        show_json(found)
        return
    show_fields(found, ("station", "standing", "since", "left", "keys", "asked_at", "paused_until"))
    show_fields(found["habit"], ("wait", "repeats", "repeats_after", "gives_up_after"))
    for worry in found["habit"]["worries"]:
        say(f"mind: {worry}")

"""voltward station rotate-password: have stations get new Basic passwords."""

from collections import Counter
from typing import Annotated, Any

import typer

from web.cli.client import Data, service
from web.cli.failures import CommandFailed
from web.cli.output import Json, say, show_list
from web.cli.waiting import awaited

_COLUMNS = ("station", "state", "reason")
_UNDER_WAY = {"queued", "sent", "accepted", "unanswered", "restart-needed"}
_AT_ONCE = 1000


def rotate(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="The stations' identities.")] = None,
    site: Annotated[str | None, typer.Option("--site", help="All stations of this site.")] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Restart a station that needs it for the password, when it is idle.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the new passwords are in use.")] = False,
    within: Annotated[float, typer.Option("--within", min=1, help="Seconds to wait at most.")] = 300.0,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Give stations new Basic passwords; those that are away get theirs when they are back."""
    if bool(ids) == (site is not None):
        raise typer.BadParameter("name stations, or --site: one of the two")
    with service(data) as client:
        found: list[dict[str, Any]] = []
        for body in [{"site": site}] if site else _parts(ids or []):
            found += client.post("passwords/rotate", {**body, "restart": restart})["items"]

        def look(one: dict[str, Any]) -> dict[str, Any]:
            now = client.get("passwords/rotations", station=one["station"])["items"]
            return {name: now[0][name] for name in ("state", "reason")} if now else {}

        if wait:
            found = awaited(found, _UNDER_WAY, look, within, "changing passwords")
    show_list({"items": found, "next": None}, _COLUMNS)
    states = Counter(one["state"] for one in found)
    say(", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "no station is meant")
    if states["failed"] + states["unable"] == len(found) > 0:
        raise CommandFailed("no password was changed", "The reason of each is in the list.")


def _parts(ids: list[str]) -> list[dict[str, Any]]:
    return [{"stations": ids[start : start + _AT_ONCE]} for start in range(0, len(ids), _AT_ONCE)]

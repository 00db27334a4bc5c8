"""voltward firmware install, updates, give-up: images on stations."""

import sys
from time import monotonic, sleep
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from web.cli.client import Data, ServiceClient, segment, service
from web.cli.failures import CommandFailed, WrongUse
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, wants_json

_COLUMNS = ("station", "id", "version", "state", "cause", "told", "since", "reason")
_ENDED = ("done", "failed", "cancelled", "replaced")
_LOOK = 0.5  # seconds between two looks

Station = Annotated[list[str] | None, typer.Option("--station", help="This station; repeatable.")]
Location = Annotated[
    str, typer.Option("--location", metavar="URL", help="On a server of yours; else it is fetched here.")
]


def install(
    firmware_id: Annotated[str, typer.Argument(metavar="ID", help="The signed firmware; with --unsigned its version.")],
    station: Station = None,
    location: Location = "",
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Without a signature, where the policy allows it.")
    ] = False,
    retrieve_at: Annotated[str | None, typer.Option("--retrieve-at", metavar="TIME", help="Not before.")] = None,
    install_at: Annotated[str | None, typer.Option("--install-at", metavar="TIME", help="Not before.")] = None,
    retries: Annotated[int, typer.Option("--retries", min=0, max=100, help="Further tries of the download.")] = 3,
    retry_interval: Annotated[int, typer.Option("--retry-interval", min=0, help="Seconds between two tries.")] = 60,
    instead: Annotated[bool, typer.Option("--instead", help="One under way is given up for it.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also where the station runs that version.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; fails unless all are done.")] = False,
    within: Annotated[float, typer.Option("--within", min=1, help="Seconds to wait at most.")] = 7200.0,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Have stations install an image; for a whole fleet: voltward campaign create --kind firmware."""
    if not station:
        raise WrongUse("name a station: --station ID", "For many stations: voltward campaign create --kind firmware.")
    asked = {
        "firmware": "" if unsigned else firmware_id, "version": firmware_id if unsigned else "", "unsigned": unsigned,
        "location": location, "retrieve_at": retrieve_at, "install_at": install_at, "retries": retries,
        "retry_interval": retry_interval, "instead": instead, "again": again, "reason": reason,
    }  # fmt: skip
    with service(data) as client:
        updates = [client.post(f"stations/{segment(one)}/firmware", asked) for one in dict.fromkeys(station)]
        if wait:
            updates = _ended(client, updates, within)
    _show(updates)
    undone = [one for one in updates if one["state"] != "done"]
    if wait and undone:
        first = undone[0]
        raise CommandFailed(f"{len(undone)} of {len(updates)} are not done: {first['station']}: {_words(first)}")


def updates(
    station: Annotated[str | None, typer.Option("--station", help="Of this station.")] = None,
    firmware: Annotated[str | None, typer.Option("--firmware", metavar="ID", help="Of this signed firmware.")] = None,
    signing_serial: Annotated[
        str | None, typer.Option("--signing-serial", metavar="SERIAL", help="Signed with this certificate.")
    ] = None,
    state: Annotated[str | None, typer.Option("--state", help="queued … done, failed, cancelled or replaced.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List firmware updates of stations, the newest first."""
    with service(data) as client:
        if station is not None:
            found = client.get(f"stations/{segment(station)}/firmware", limit=limit, after=after)
        else:
            found = client.get(
                "firmware-updates", limit=limit, after=after, state=state, firmware=firmware,
                signing_serial=signing_serial,
            )  # fmt: skip
        show_list(found, _COLUMNS)


def give_up(
    station: Annotated[str, typer.Argument(metavar="STATION", help="The station's identity.")],
    update: Annotated[int, typer.Argument(metavar="UPDATE", help="The update's number.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Give an update up; one that is on its way is ended by a second request, if the station allows it."""
    with service(data) as client:
        show_fields(client.post(f"stations/{segment(station)}/firmware/{update}/cancel", {"reason": reason}))


def _ended(client: ServiceClient, updates: list[dict[str, Any]], within: float) -> list[dict[str, Any]]:
    """The updates once all have come to their end, or when it is enough; with a bar."""
    end, found = monotonic() + within, {one["station"]: one for one in updates}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("firmware", total=len(found))
        while monotonic() < end:
            open_ones = [one for one in found.values() if one["state"] not in _ENDED]
            bar.update(task, completed=len(found) - len(open_ones))
            if not open_ones:
                break
            sleep(_LOOK)
            for one in open_ones:
                found[one["station"]] = client.get(f"stations/{segment(one['station'])}/firmware/{one['id']}")
    return list(found.values())


def _show(updates: list[dict[str, Any]]) -> None:
    if wants_json():
        show_json(updates[0] if len(updates) == 1 else updates)
    elif len(updates) == 1:
        show_fields(updates[0])
    else:
        show_table(_COLUMNS, [[plain(one[name]) for name in _COLUMNS] for one in updates])
    for one in updates:
        if one["state"] == "queued":
            say(f"{one['station']}: {one['reason'] or 'it is asked when it is there and idle'}")


def _words(update: dict[str, Any]) -> str:
    return ", ".join(part for part in (update["state"], update["cause"], update["reason"]) if part)

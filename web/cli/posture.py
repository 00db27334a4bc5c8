"""voltward station posture, variables, differences: what stations say of themselves."""

import time
from typing import Annotated, Any

import typer

from web.cli.client import Data, ServiceClient, segment, service
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, wants_json

_OBSERVED = (
    "transport", "tls_version", "cipher", "server_key", "certificate_serial", "certificate_authority",
    "certificate_ends", "address", "proof", "proved_at", "boot_serial", "booted_at",
)  # fmt: skip
_WANTED = ("profile", "floor", "organisation", "serial")
_POLL = 0.5  # seconds
_PATIENCE = 60.0
Id = Annotated[str, typer.Argument(metavar="ID", help="The station's identity, as in its URL.")]


def show(
    id: Id,  # noqa: A002 -- the argument's name in help texts
    refresh: Annotated[bool, typer.Option("--refresh", help="Read its settings now, and wait for it.")] = False,
    everything: Annotated[bool, typer.Option("--everything", help="All that it has; with --refresh.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show what was observed of a station, what it says of itself, what is wanted, and where these differ."""
    with service(data) as client:
        if refresh or everything:
            client.post(f"stations/{segment(id)}/posture/refresh", {"everything": everything})
            found = _awaited(client, id)
        else:
            found = client.get(f"stations/{segment(id)}/posture")
    if wants_json():
        show_json(found)
        return
    _show(found)


def variables(
    id: Id,  # noqa: A002
    search: Annotated[str, typer.Option("--search", help="Words in component, name, instance or value.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="What the page before ended with.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List the configuration keys or variables that a station told."""
    with service(data) as client:
        found = client.get(f"stations/{segment(id)}/variables", search=search, limit=limit, after=after)
    show_list(found, ("name", "attribute", "value", "mutability", "words", "read_at"))


def differences(
    kind: Annotated[str | None, typer.Option("--kind", help="Only stations with this difference.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="What the page before ended with.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List the stations where something does not fit, and count them by what it is."""
    with service(data) as client:
        found = client.get("reports/posture", kind=kind, limit=limit, after=after)
    if wants_json():
        show_json(found)
        return
    say(f"{found['differing']} of {found['stations']} stations differ; the settings of {found['read']} were read")
    show_table(("difference", "stations"), [[name, plain(count)] for name, count in found["by_kind"].items()])
    rows = [[one["station"], each["kind"], each["sentence"]] for one in found["items"] for each in one["differences"]]
    show_table(("station", "difference", "sentence"), rows)
    if found["next"]:
        say(f"there are more: --after {found['next']}")


def _awaited(client: ServiceClient, station: str) -> dict[str, Any]:
    """The posture once the reading has ended; as it is when the station does not come."""
    end = time.monotonic() + _PATIENCE
    while True:
        found: dict[str, Any] = client.get(f"stations/{segment(station)}/posture")
        reading = found["reading"]
        if reading["asked_at"] is None and not reading["under_way"]:
            return found
        if time.monotonic() > end or not found["station"]["online"]:
            say("its settings are not read yet; they are as soon as the station is there to be asked")
            return found
        time.sleep(_POLL)


def _show(found: dict[str, Any]) -> None:
    say("observed")
    show_fields({**found["station"], **found}, ("id", "profile", "ocpp_version", "vendor", "model", "firmware"))
    show_fields(found, _OBSERVED)
    if found["clock"]:
        show_fields({"clock": found["clock"]["words"]})
    say("\nconfigured")
    show_table(("name", "value", "words"), [[plain(one[n]) for n in ("name", "value", "words")]
                                            for one in found["configured"]])  # fmt: skip
    show_fields(found["reading"], ("told_at", "outcome", "words", "report"))
    say("\nwanted")
    show_fields(found["wanted"], _WANTED)
    say("\ndifferences")
    for difference in found["differences"]:
        show_fields(difference, ("sentence", "next_act"))

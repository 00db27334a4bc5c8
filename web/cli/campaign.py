"""voltward campaign: the same change on many stations, in waves."""

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from web.cli.client import Data, ServiceClient, segment, service
from web.cli.failures import FAILED, WrongUse
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, wants_json

app = typer.Typer(help="Change many stations, wave by wave.", no_args_is_help=True)

_COLUMNS = ("id", "name", "kind", "state", "wave", "stations", "reason", "updated_at")
_FIELDS = ("id", "name", "kind", "to", "root", "release", "state", "reason", "wave", "stations", "excluded")
_TARGETS = ("station", "state", "wave", "tries", "work", "reason", "updated_at")
_PLANNED = ("station", "site", "online", "wave", "earliest")
_ENDED = {"done", "aborted", "paused"}
_BEHIND = ("done", "failed", "held", "late", "absent", "cancelled")
_POLL = 0.5  # seconds


class KindOf(StrEnum):
    """What is done with each station."""

    WALK = "walk"
    RENEWAL = "renewal"
    REKEY = "rekey"
    PASSWORD = "password"  # noqa: S105 -- the name of a kind
    INSTALL_ROOT = "install-root"
    REMOVE_ROOT = "remove-root"
    FIRMWARE = "firmware"


class Ocpp(StrEnum):
    """The versions of OCPP."""

    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"


class Mode(StrEnum):
    """What becomes of what is under way."""

    FINISH = "finish"
    CANCEL = "cancel"


CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end, with a bar; fails when it is paused or aborted.")]

# What is asked for is the same for a preview and a campaign, so it stands here once.
Kind = Annotated[KindOf, typer.Option("--kind", help="What is done.")]
To = Annotated[int | None, typer.Option("--to", min=2, max=3, help="The profile that a walk leads to.")]
Root = Annotated[str, typer.Option("--root", help="Our name for the root that is installed or removed.")]
Release = Annotated[str, typer.Option("--release", metavar="ID", help="The signed firmware that is installed.")]
Location = Annotated[str, typer.Option("--location", metavar="URL", help="Where it is; else it is published here.")]
Brings = Annotated[Ocpp | None, typer.Option("--to-ocpp", help="The version of OCPP that the firmware brings.")]
Restart = Annotated[bool, typer.Option("--restart", help="Restart stations that want it for a new password.")]
OnlyReady = Annotated[bool, typer.Option("--only-ready", help="Leave out whom a walk is known to lead nowhere with.")]
Vendor = Annotated[str, typer.Option("--vendor", help="Stations of this vendor.")]
Model = Annotated[str, typer.Option("--model", help="Of this model.")]
Site = Annotated[str, typer.Option("--site", help="At this site.")]
Tag = Annotated[str, typer.Option("--tag", help="With this tag.")]
Profile = Annotated[int | None, typer.Option("--profile", min=0, max=3, help="Observed on this profile.")]
Version = Annotated[Ocpp | None, typer.Option("--ocpp", help="That speak this version.")]
Firmware = Annotated[str, typer.Option("--firmware", help="With this firmware version.")]
Expires = Annotated[str, typer.Option("--expires-before", help="Whose certificate ends before: 2026-12-31, or 30d.")]
Stations = Annotated[list[str] | None, typer.Option("--station", help="This station; repeatable.")]
StationFile = Annotated[
    Path | None,
    typer.Option("--stations-from", exists=True, dir_okay=False, help="A file, an identity a line."),
]
Everything = Annotated[bool, typer.Option("--everything", help="The whole fleet.")]
Waves = Annotated[str, typer.Option("--waves", help="Sizes of the first waves: 5 or 2%, with commas.")]
Growth = Annotated[int, typer.Option("--growth", help="Each further wave is so many times the one before.")]
InFlight = Annotated[int, typer.Option("--in-flight", help="Stations at work at a time.")]
Errors = Annotated[int, typer.Option("--errors", help="Per cent of a wave that may go wrong; then it is paused.")]
Success = Annotated[int, typer.Option("--success", help="Per cent of a wave that must be done at its end.")]
WaveWithin = Annotated[str, typer.Option("--wave-within", help="How long a wave may last: 2h; else it is paused.")]
TargetWithin = Annotated[str, typer.Option("--target-within", help="How long one station may take.")]
AbsentFor = Annotated[str, typer.Option("--absent-for", help="How long a wave waits for one that is gone.")]
Until = Annotated[str, typer.Option("--until", help="How long those that are away are waited for.")]
OfflineFor = Annotated[str, typer.Option("--offline-for", help="Whoever is offline longer than this is left out.")]
SiteShare = Annotated[int, typer.Option("--site-share", help="Per cent of a site at a time.")]
Retry = Annotated[list[str] | None, typer.Option("--retry", help="held=2@1h: twice, an hour later; repeatable.")]
Now = Annotated[bool, typer.Option("--now", help="At any hour: maintenance windows do not count.")]


@app.command()
def preview(
    kind: Kind, to: To = None, root: Root = "", release: Release = "", location: Location = "",
    to_ocpp: Brings = None, restart: Restart = False, only_ready: OnlyReady = False,
    vendor: Vendor = "", model: Model = "",
    site: Site = "", tag: Tag = "", profile: Profile = None, ocpp: Version = None, firmware: Firmware = "",
    expires_before: Expires = "", station: Stations = None, stations_from: StationFile = None,
    everything: Everything = False, waves: Waves = "5", growth: Growth = 3, in_flight: InFlight = 50,
    errors: Errors = 10, success: Success = 80, wave_within: WaveWithin = "", target_within: TargetWithin = "1d",
    absent_for: AbsentFor = "1h", until: Until = "14d", offline_for: OfflineFor = "30d", site_share: SiteShare = 50,
    retry: Retry = None, now: Now = False, data: Data = None, _json: Json = False,
) -> None:  # fmt: skip
    """Tell what a campaign would do; nothing is kept."""
    asked = _asked(dict(locals()), "preview")
    with service(data) as client:
        found = client.post("campaigns/preview", asked)
    if wants_json():
        show_json(found)
    else:
        _show_preview(found)


@app.command()
def create(
    kind: Kind, name: Annotated[str, typer.Option("--name", help="What people call it.")] = "", to: To = None,
    root: Root = "", release: Release = "", location: Location = "", to_ocpp: Brings = None,
    restart: Restart = False, only_ready: OnlyReady = False, vendor: Vendor = "", model: Model = "",
    site: Site = "", tag: Tag = "", profile: Profile = None, ocpp: Version = None, firmware: Firmware = "",
    expires_before: Expires = "", station: Stations = None, stations_from: StationFile = None,
    everything: Everything = False, waves: Waves = "5", growth: Growth = 3, in_flight: InFlight = 50,
    errors: Errors = 10, success: Success = 80, wave_within: WaveWithin = "", target_within: TargetWithin = "1d",
    absent_for: AbsentFor = "1h", until: Until = "14d", offline_for: OfflineFor = "30d", site_share: SiteShare = 50,
    retry: Retry = None, now: Now = False,
    go: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False, wait: Wait = False,
    data: Data = None, _json: Json = False,
) -> None:  # fmt: skip
    """Write a campaign down, and show what it will do. It begins with `campaign start`, or here with --start."""
    asked = _asked(dict(locals()), name or kind.value)
    if wait and not go:
        raise WrongUse("--wait needs --start: nothing happens before the campaign is started")
    with service(data) as client:
        made = client.post("campaigns", asked)
        if go:
            made |= client.post(f"campaigns/{segment(made['id'])}/start")
        if wait:
            made |= _follow(client, made["id"])
    if wants_json():
        show_json(made)
    else:
        _show_preview(made["preview"])
        show_fields(made, ("id", "name", "state", "reason"))
    _fail_unless_well(made, wait)


@app.command()
def start(campaign: CampaignId, wait: Wait = False, data: Data = None, _json: Json = False) -> None:
    """Begin. Whom it takes is looked at once more."""
    with service(data) as client:
        found = client.post(f"campaigns/{segment(campaign)}/start")
        if wait:
            found = _follow(client, campaign)
    _show(found)
    _fail_unless_well(found, wait)


@app.command()
def pause(campaign: CampaignId, reason: Reason, data: Data = None, _json: Json = False) -> None:
    """Begin nothing more; what is under way goes on."""
    _act(campaign, "pause", {"reason": reason}, data)


@app.command()
def resume(
    campaign: CampaignId,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = "",
    wait: Wait = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Go on; the errors so far are let pass."""
    with service(data) as client:
        found = client.post(f"campaigns/{segment(campaign)}/resume", {"reason": reason})
        if wait:
            found = _follow(client, campaign)
    _show(found)
    _fail_unless_well(found, wait)


@app.command()
def abort(
    campaign: CampaignId,
    reason: Reason,
    mode: Annotated[Mode, typer.Option("--mode", help="What becomes of what is under way.")] = Mode.FINISH,
    data: Data = None,
    _json: Json = False,
) -> None:
    """End it for good; what is under way comes to its end, or is cancelled."""
    _act(campaign, "abort", {"reason": reason, "mode": mode.value}, data)


@app.command("list")
def list_campaigns(
    state: Annotated[str | None, typer.Option("--state", help="ready, running, paused, done …")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List campaigns, newest first."""
    with service(data) as client:
        found = client.get("campaigns", state=state, limit=limit, after=after)
    show_list(found, _COLUMNS)


@app.command()
def show(campaign: CampaignId, wait: Wait = False, data: Data = None, _json: Json = False) -> None:
    """Show a campaign, wave by wave."""
    with service(data) as client:
        found = _follow(client, campaign) if wait else client.get(f"campaigns/{segment(campaign)}")
    _show(found)
    _fail_unless_well(found, wait)


@app.command()
def targets(
    campaign: CampaignId,
    state: Annotated[str | None, typer.Option("--state", help="pending, running, away, done, failed, held …")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List a campaign's stations, and why each is where it is."""
    with service(data) as client:
        found = client.get(f"campaigns/{segment(campaign)}/targets", state=state, limit=limit, after=after)
    show_list(found, _TARGETS)


@app.command()
def plan(
    campaign: CampaignId,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Dry run: which station would be begun in which wave, and when at the earliest."""
    with service(data) as client:
        found = client.get(f"campaigns/{segment(campaign)}/plan", limit=limit, after=after)
    show_list(found, _PLANNED)


def _asked(given: dict[str, Any], name: str) -> dict[str, Any]:
    """The options of a command as the API wants them."""
    named = list(given["station"] or [])
    if given["stations_from"] is not None:
        named += [line.strip() for line in given["stations_from"].read_text().splitlines() if line.strip()]
    kept = ("vendor", "model", "site", "tag", "profile", "firmware", "expires_before", "everything")
    pace = (
        "growth", "in_flight", "errors", "success", "wave_within", "target_within", "absent_for", "until",
        "offline_for", "site_share",
    )  # fmt: skip
    selection = {key: given[key] for key in kept}
    ocpp = given["ocpp"].value if given["ocpp"] is not None else None
    return {
        "name": name,
        "kind": given["kind"].value,
        "to": given["to"],
        "root": given["root"],
        "restart": given["restart"],
        "only_ready": given["only_ready"],
        "release": given["release"],
        "location": given["location"],
        "to_ocpp": given["to_ocpp"].value if given["to_ocpp"] is not None else None,
        "selection": {**selection, "ocpp_version": ocpp, "stations": named},
        "pace": {
            "waves": [size.strip() for size in given["waves"].split(",")],
            "retries": list(given["retry"] or []),
            "at_any_hour": given["now"],
            **{key: given[key] for key in pace},
        },
    }


def _act(campaign: str, verb: str, body: dict[str, Any], data: Path | None) -> None:
    with service(data) as client:
        changed = client.post(f"campaigns/{segment(campaign)}/{verb}", body)
    _show(changed)


def _follow(client: ServiceClient, campaign: str) -> dict[str, Any]:
    """Show its progress on standard error until it has ended or is paused."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task(plain(campaign), total=None, told="")
        while True:
            found: dict[str, Any] = client.get(f"campaigns/{segment(campaign)}")
            behind = sum(found["states"][state] for state in _BEHIND)
            bars.update(task, completed=behind, total=found["stations"], told=_told(found))
            if found["state"] in _ENDED:
                return found
            time.sleep(_POLL)


def _told(found: dict[str, Any]) -> str:
    left = f", {_span(found['seconds_left'])} left" if found["seconds_left"] is not None else ""
    bad = sum(found["states"][state] for state in ("failed", "held", "late"))
    return (
        f"wave {found['wave']} of {len(found['waves'])}, {found['states']['running']} at work, {bad} went wrong{left}"
    )


def _show(found: dict[str, Any]) -> None:
    if wants_json():
        show_json(found)
        return
    show_fields(
        found, ("id", "name", "kind", "to", "root", "release", "state", "reason", "wave", "stations", "excluded")
    )
    if found["seconds_left"] is not None:
        show_fields({"left": _span(found["seconds_left"]), "an hour": found["rate"]})
    states = [state for state, number in found["states"].items() if number and state != "excluded"]
    rows = [
        [str(wave["wave"]), str(wave["size"]), *(str(wave["states"].get(state, 0)) for state in states)]
        for wave in found["waves"]
    ]
    if rows:
        show_table(("wave", "size", *states), rows)


def _show_preview(found: dict[str, Any]) -> None:
    show_fields(found, ("selected", "taken", "offline", "sites", "waves"))
    for why, number in found["excluded"].items():
        say(f"left out: {number}: {why}")
    for why, number in found["blocked_by"].items():
        say(f"of these {number} are blocked: {why}; --only-ready leaves them out")
    guess = found["estimate"]
    say(f"takes {_span(guess['seconds'])} at least, limited by {guess['limited_by']}")


def _span(seconds: float) -> str:
    minutes = int(seconds) // 60
    if minutes < 1:
        return f"{int(seconds)} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def _fail_unless_well(found: dict[str, Any], waited: bool) -> None:
    if waited and found["state"] != "done":
        say(f"it is {found['state']}: {plain(found['reason'])}")
        raise typer.Exit(FAILED)

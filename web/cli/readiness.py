"""voltward station readiness and voltward report readiness: what stations can do before they are walked."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from csms_bridge.readiness.codes import Code, Order, Verdict
from web.cli.client import Data, ServiceClient, segment, service
from web.cli.files import appearing
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, show_text, wants_json

_POLL = 0.5  # seconds
_PATIENCE = 120.0
_LISTED = ("station", "verdict", "score", "why", "profile", "vendor", "model", "site", "online", "last_seen")
To = Annotated[int, typer.Option("--to", min=2, max=3, help="The profile that a walk would lead to.")]


def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="The station's identity, as in its URL.")],  # noqa: A002
    read: Annotated[bool, typer.Option("--read", help="Have its settings and roots read first, and wait.")] = False,
    to: To = 3,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Say how ready a station is to be walked: a score, the reasons, the path, and what to do next."""
    with service(data) as client:
        found = _read(client, id, to) if read else client.get(f"stations/{segment(id)}/readiness", to=to)
    if wants_json():
        show_json(found)
    else:
        _show(found)


def report(
    to: To = 3,
    vendor: Annotated[str, typer.Option("--vendor", help="Stations of this vendor.")] = "",
    model: Annotated[str, typer.Option("--model", help="Of this model.")] = "",
    firmware: Annotated[str, typer.Option("--firmware", help="With this firmware version.")] = "",
    site: Annotated[str, typer.Option("--site", help="At this site.")] = "",
    tag: Annotated[str, typer.Option("--tag", help="With this tag.")] = "",
    profile: Annotated[int | None, typer.Option("--profile", min=0, max=3, help="Observed on this profile.")] = None,
    verdict: Annotated[Verdict | None, typer.Option("--verdict", help="Only with this verdict.")] = None,
    reason: Annotated[Code | None, typer.Option("--reason", help="Only with this reason.")] = None,
    blocked: Annotated[bool | None, typer.Option("--blocked/--not-blocked", help="Blocked or not.")] = None,
    order: Annotated[Order, typer.Option("--order", help="By name, or the lowest score first.")] = Order.STATION,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every station there.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="What the page before ended with.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Say how ready the fleet is to be walked, as it was assessed last."""
    asked: dict[str, Any] = {
        "to": to, "vendor": vendor, "model": model, "firmware": firmware, "site": site, "tag": tag,
        "profile": profile, "verdict": verdict, "reason": reason, "blocked": blocked, "order": order,
    }  # fmt: skip
    with service(data) as client:
        if csv is not None:
            with client.stream("GET", "reports/readiness.csv", **asked) as pieces, appearing(csv) as file:
                file.writelines(pieces)
            say(f"wrote {csv}")
        found = client.get("reports/readiness", **asked, limit=limit, after=after)
    if wants_json():
        show_json(found)
    else:
        _show_fleet(found)


def _read(client: ServiceClient, station: str, to: int) -> dict[str, Any]:
    """The assessment once both questions have an answer; as it is when the station does not come."""
    path, end = f"stations/{segment(station)}/readiness", time.monotonic() + _PATIENCE
    found: dict[str, Any] = client.post(f"{path}?to={to}")
    while found["probe"]["under_way"]:
        if time.monotonic() > end or not client.get(f"stations/{segment(station)}")["online"]:
            say("it is not read yet; it is as soon as the station is there to be asked")
            break
        time.sleep(_POLL)
        found = client.get(path, to=to)
    return found


def _show(found: dict[str, Any]) -> None:
    show_fields(found, ("station", "start", "to", "verdict", "score"))
    rows = [[plain(one[name]) for name in ("effect", "weight", "code", "sentence")] for one in found["reasons"]]
    if rows:
        say("\nreasons")
        show_table(("effect", "weight", "reason", "sentence"), rows)
    if found["path"]:
        _show_path(found["path"])
    if found["next"]:
        say("\nnext safe acts")
        for act in found["next"]:
            show_text(plain(act))


def _show_path(path: dict[str, Any]) -> None:
    say("\npath")
    rows = [[plain(one["leg"]), plain(one["name"]), plain(one["when"] or "always"), "quirk" if one["by_quirk"] else ""]
            for one in path["steps"]]  # fmt: skip
    show_table(("leg to", "step", "when", "why"), rows)
    for change in path["changes"]:
        key, value, row = (plain(change[name]) for name in ("key", "value", "row"))
        say(f"{key} = {value} by row {row}: {plain(change['meaning'])}")
    if path["left_out"]:
        say(f"left out: {plain(path['left_out'])}")


def _show_fleet(found: dict[str, Any]) -> None:
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in found["by_verdict"].items() if number)
    say(f"{found['stations']} stations towards profile {found['to']}: {verdicts or 'none assessed'}")
    if found["not_assessed"]:
        say(f"{found['not_assessed']} were not assessed yet")
    reasons = [[plain(one[name]) for name in ("stations", "code", "words")] for one in found["by_reason"]]
    show_table(("stations", "reason", "what that is"), reasons)
    say("")
    show_list(found, _LISTED)

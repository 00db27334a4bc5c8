"""voltward station recover and bootstrap, voltward recovery: stations that are let back in."""

from typing import Annotated

import typer

from csms_bridge.recovery.words import Loss, Proof, RecoveryState
from web.cli.client import Data, segment, service
from web.cli.failures import WrongUse
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, wants_json

app = typer.Typer(help="Ways back of stations: who asked, who approves.", no_args_is_help=True)

_SHOWN = ("id", "serial", "profile", "floor", "online", "lane", "bootstrap", "recovery_until", "recovery_reason")
_COLUMNS = ("id", "station", "loss", "proof", "state", "missing", "asked_by", "until", "reason")

Id = Annotated[str, typer.Argument(metavar="ID", help="The station's identity, as in its URL.")]
Recovery = Annotated[str, typer.Argument(metavar="ID", help="As `voltward recovery list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")]


def recover(
    id: Id,  # noqa: A002 -- the argument's name in help texts
    reason: Reason,
    loss: Annotated[Loss | None, typer.Option("--loss", help="What keeps it away. [default: expired]")] = None,
    proof: Annotated[
        Proof | None, typer.Option("--by", help="What it will show. [default: certificate if expired, else password]")
    ] = None,
    maker: Annotated[
        str, typer.Option("--maker", metavar="NAME", help="Whose certificate counts, as its anchor names it.")
    ] = "",
    new_serial: Annotated[
        str, typer.Option("--new-serial", metavar="SN", help="The new board's serial number, with --loss swapped.")
    ] = "",
    then_walk: Annotated[
        int | None, typer.Option("--then-walk", min=2, max=3, help="Walk it up to this profile once it is back.")
    ] = None,
    valid: Annotated[
        str | None, typer.Option("--for", metavar="SPAN", help="How long: 24h, 7d. [default: 24h]")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it would mean.")] = False,
    end: Annotated[bool, typer.Option("--end", help="Close its way back instead.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Let a station back in that lost what proved it: for a time, and for a new certificate alone."""
    if end and (preview or any(one is not None for one in (loss, proof, then_walk, valid)) or maker or new_serial):
        raise WrongUse("--end closes what is open: it goes with --reason alone")
    path = f"stations/{segment(id)}/recovery"
    asked = {
        "loss": (loss or Loss.EXPIRED).value,
        "proof": proof.value if proof else None,
        "maker": maker,
        "new_serial": new_serial,
        "then_walk": then_walk,
        "valid_for": valid or "24h",
        "reason": reason,
    }
    with service(data) as client:
        if end:
            show_fields(client.post(f"{path}/end", {"reason": reason}), _SHOWN)
        elif preview:
            found = client.post(f"{path}/preview", asked)
            show_json(found) if wants_json() else _tell(found["says"])
        else:
            _show_asked(client.post(path, asked))


def _show_asked(station: dict[str, object]) -> None:
    recovery = station["recovery"]
    if wants_json() or not isinstance(recovery, dict):
        show_json(station)
        return
    _tell(recovery["says"])
    if recovery["state"] == RecoveryState.WAITING:
        say(f"It waits for approval by {recovery['missing']} more: voltward recovery approve {recovery['id']}")
    if station["password"]:
        say("This password is shown once; set it in the station:")
    show_fields({**station, "recovery": recovery["id"]}, (*_SHOWN, "recovery", "password"))


def _tell(sentences: list[str]) -> None:
    for sentence in sentences:
        say(plain(sentence))


@app.command("list")
def list_recoveries(
    station: Annotated[str | None, typer.Option("--station", help="Only of this station.")] = None,
    state: Annotated[RecoveryState | None, typer.Option("--state", help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="What the page before ended with.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List ways back, the newest first."""
    asked = {"station": station, "state": state.value if state else None, "limit": limit, "after": after}
    with service(data) as client:
        show_list(client.get("recoveries", **asked), _COLUMNS)


@app.command()
def show(recovery: Recovery, data: Data = None, _json: Json = False) -> None:
    """Show one way back: what it lets in, who asked, who approved, what came of it."""
    with service(data) as client:
        show_fields(client.get(f"recoveries/{segment(recovery)}"))


@app.command()
def approve(
    recovery: Recovery,
    note: Annotated[str, typer.Option("--note", help="What you have to say about it.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Agree to a way back that somebody else asked for."""
    with service(data) as client:
        found = client.post(f"recoveries/{segment(recovery)}/approve", {"note": note})
    if not wants_json():
        _tell(found["says"])
    show_fields(found, _COLUMNS)


@app.command()
def refuse(recovery: Recovery, reason: Reason, data: Data = None, _json: Json = False) -> None:
    """Say no to a way back that waits for approval."""
    with service(data) as client:
        show_fields(client.post(f"recoveries/{segment(recovery)}/refuse", {"reason": reason}), _COLUMNS)


def bootstrap(
    id: Id,  # noqa: A002
    reason: Reason,
    vendor: Annotated[
        str | None, typer.Option("--vendor", metavar="NAME", help="The maker, as its anchor names it.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Its maker's certificate counts no more.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Let a station begin with its maker's certificate alone, as Pending, until it has used one of ours."""
    if (vendor is not None) is off:
        raise WrongUse("name the maker with --vendor, or say --off: one of the two")
    with service(data) as client:
        asked = {"vendor": vendor or "", "reason": reason}
        station = client.post(f"stations/{segment(id)}/bootstrap", asked)
    show_fields(station, _SHOWN)

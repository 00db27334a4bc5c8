"""voltward station roots, install-root, delete-root; voltward recorded-root: roots on stations, and roots of others."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from ssl import DER_cert_to_PEM_cert
from typing import Annotated, Any

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import FAILED, WrongUse
from web.cli.files import read_bytes
from web.cli.output import Json, say, show_fields, show_json, show_list, wants_json

recorded = typer.Typer(help="Say whose roots they are that stations list.", no_args_is_help=True)

_ENTRIES = ("id", "kind", "whose", "name", "serial_number", "deviations", "last_seen")
_EXPECTED = ("kind", "roots", "presence", "why", "sentence")
_ACT = ("id", "deed", "kinds", "name", "state", "sentence")
_RECORDED = ("name", "subject", "not_after", "note", "sha256")

Id = Annotated[str, typer.Argument(metavar="ID", help="The station's identity, as in its URL.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `voltward recorded-root list` shows it.")]


class Kind(StrEnum):
    """What a root is trusted for."""

    CSMS = "csms"
    MANUFACTURER = "manufacturer"
    V2G = "v2g"
    MO = "mo"
    OEM = "oem"


def roots(
    id: Id,  # noqa: A002 -- the argument's name in help texts
    refresh: Annotated[bool, typer.Option("--refresh", help="Have the station list them now.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Show which roots a station lists, which ought to be there, and which nobody knows."""
    path = f"stations/{segment(id)}/roots"
    with service(data) as client:
        asked = client.post(f"{path}/list", {})["items"] if refresh else []
        found = client.get(path)
    if wants_json():
        show_json(found)
        return
    for act in asked:
        say(f"asked for {', '.join(act['kinds']) or 'all kinds'}: {act['state']}, {act['sentence'] or 'no answer yet'}")
    show_list({"items": [_line(entry) for entry in found["entries"]]}, _ENTRIES)
    say("What ought to be there:")
    show_list({"items": found["expected"]}, _EXPECTED)
    if found["unknown"]:
        say(f"{found['unknown']} of them nobody here knows; say whose they are with: voltward recorded-root add")


def install(
    id: Id,  # noqa: A002
    kind: Annotated[Kind, typer.Option("--kind", help="What the station is to trust it for.")],
    root: Annotated[str, typer.Option("--root", metavar="NAME", help="One of our roots, or an anchor.")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", metavar="PEM", exists=True, help="A root certificate (PEM or DER).")
    ] = None,
    signed_by: Annotated[
        str, typer.Option("--signed-by", metavar="NAME", help="The form that this root of ours certified.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = "",
    data: Data = None,
    _json: Json = False,
) -> int:
    """Have a station trust a root. Exit code 1 when it does not, or has not answered."""
    if bool(root) == (file is not None):
        raise WrongUse("give --root or --file: one of the two")
    asked = {"kind": kind.value, "root": root, "signed_by": signed_by, "reason": reason}
    if file is not None:
        asked["certificate"] = _pem_in(file)
    with service(data) as client:
        return _tell(client.post(f"stations/{segment(id)}/roots", asked))


def delete(
    id: Id,  # noqa: A002
    entry: Annotated[int, typer.Argument(metavar="ENTRY", help="Its number, as `voltward station roots` shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    force: Annotated[bool, typer.Option("--force", help="Even the last manufacturer root; for admins.")] = False,
    data: Data = None,
    _json: Json = False,
) -> int:
    """Have a station delete a root that it listed. What would strand it is refused."""
    with service(data) as client:
        return _tell(client.post(f"stations/{segment(id)}/roots/{entry}/delete", {"reason": reason, "force": force}))


@recorded.command("add")
def record(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, help="The root certificate (PEM or DER).")],
    name: Annotated[str, typer.Option("--name", help="What we call it: lower-case letters, digits, hyphens.")],
    note: Annotated[str, typer.Option("--note", help="Where it comes from.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Record a root that may stand on stations. It is trusted for nothing; its alarms end."""
    with service(data) as client:
        show_fields(
            client.post("recorded-roots", {"name": name, "certificate": _pem_in(file), "note": note}), _RECORDED
        )


@recorded.command("list")
def list_recorded(data: Data = None, _json: Json = False) -> None:
    """List the recorded roots."""
    with service(data) as client:
        show_list(client.get("recorded-roots"), _RECORDED)


@recorded.command("remove")
def forget(
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
) -> None:
    """Forget it: where stations list it, it is unknown again."""
    with service(data) as client:
        client.delete(f"recorded-roots/{segment(name)}", reason=reason)
    say(f"{name} is recorded no more")


def _line(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **entry,
        "serial_number": entry["hash_data"]["serial_number"],
        "whose": entry["known_as"] or "NOBODY KNOWS IT",
        "name": f"{entry['name']} by {entry['certified_by']}" if entry["certified_by"] else entry["name"],
    }


def _tell(act: Mapping[str, Any]) -> int:
    show_fields(dict(act), _ACT)
    if act["state"] in ("queued", "sent"):
        say("its answer is still to come: voltward station roots shows it")
    return 0 if act["state"] in ("done", "queued") else FAILED


def _pem_in(file: Path) -> str:
    content = read_bytes(file)
    return content.decode("latin-1") if b"-----BEGIN" in content else DER_cert_to_PEM_cert(content)

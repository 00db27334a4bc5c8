"""voltward cert: certificates for stations and servers."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from web.cli.client import Data, ServiceClient, segment, service
from web.cli.failures import CommandFailed
from web.cli.files import key_in, read_text, write_text
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, show_text, wants_json
from web.cli.waiting import awaited

app = typer.Typer(help="Issue, look up, renew and revoke certificates.", no_args_is_help=True)

_COLUMNS = ("serial", "subject", "station", "profile", "not_after", "state")
_WITHOUT_PEM = (
    "serial", "subject", "station", "authority", "profile", "not_before", "not_after", "state", "revoked_at", "reason",
)  # fmt: skip
_SHAPE = ("profile", "authority", "linter", "linted_at")
Serial = Annotated[str, typer.Argument(metavar="SERIAL", help="The serial number in hex.")]


class Reason(StrEnum):
    """Why a certificate is revoked (RFC 5280 §5.3.1), spelt for the command line."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    CERTIFICATE_HOLD = "certificateHold"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"


@app.command()
def issue(
    csr: Annotated[Path, typer.Option("--csr", metavar="FILE", exists=True, dir_okay=False, help="PKCS#10, PEM.")],
    profile: Annotated[str, typer.Option("--profile", help="station or server.")],
    station: Annotated[str | None, typer.Option("--station", metavar="ID", help="For which station.")] = None,
    hostname: Annotated[list[str] | None, typer.Option("--hostname", help="For a server; repeatable.")] = None,
    authority: Annotated[
        str | None,
        typer.Option("--authority", metavar="NAME", help="Who issues; else the quirk book, or the key in the request."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the chain (PEM) there.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Issue a certificate for the key in a certificate request."""
    asked = {"csr": read_text(csr), "profile": profile, "station": station, "hostnames": hostname or []}
    asked["authority"] = authority
    with service(data) as client:
        certificate = client.post("certificates", asked)
    if out is not None:
        write_text(out, certificate["chain_pem"])
        say(f"wrote {out}")
    if wants_json():
        show_fields(certificate)
    elif out is None:
        show_text(certificate["chain_pem"])
    else:
        show_fields(certificate, _WITHOUT_PEM)


@app.command("list")
def list_certificates(
    serial: Annotated[str | None, typer.Option("--serial", metavar="HEX", help="Beginning so.")] = None,
    cn: Annotated[str | None, typer.Option("--cn", metavar="NAME", help="With this CN; may end in *.")] = None,
    station: Annotated[str | None, typer.Option("--station", metavar="ID", help="Of this station.")] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", exists=True, help="For the key of this certificate or CSR (PEM)."),
    ] = None,
    key_hash: Annotated[str | None, typer.Option("--key-hash", metavar="HEX", help="For the key, by SHA-256.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="good, held, revoked or expired.")] = None,
    authority: Annotated[str | None, typer.Option("--authority", help="Issued by this one.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="station, server, ….")] = None,
    expires_within: Annotated[str | None, typer.Option("--expires-within", metavar="SPAN", help="Like 30d.")] = None,
    ends_after: Annotated[str | None, typer.Option("--ends-after", metavar="TIME", help="Then or later.")] = None,
    ends_before: Annotated[str | None, typer.Option("--ends-before", metavar="TIME", help="Before then.")] = None,
    week: Annotated[str | None, typer.Option("--week", metavar="WEEK", help="Ends then: 2026-W50.")] = None,
    in_use: Annotated[bool, typer.Option("--in-use", help="Not those that a newer one has replaced.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List certificates: the newest first, or by their end when that is asked for."""
    asked = {
        "serial": serial, "common_name": cn, "station": station, "state": state, "authority": authority,
        "spki_sha256": key_in(key) if key else key_hash, "profile": profile, "expires_within": expires_within,
        "ends_after": ends_after, "ends_before": ends_before, "week": week, "in_use": in_use or None,
    }  # fmt: skip
    with service(data) as client:
        found = client.get("certificates", **asked, limit=limit, after=after)
    show_list(found, _COLUMNS)


@app.command()
def forecast(
    weeks: Annotated[int, typer.Option("--weeks", min=1, max=104, help="How many, from this one on.")] = 26,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Tell how many stations' certificates end in which week, and what else ends."""
    with service(data) as client:
        found = client.get("reports/expiry", weeks=weeks)
    if wants_json():
        show_json(found)
        return
    rows = [["ended in the last 30 days", _by(found["overdue"]), "", ""]] if found["overdue"] else []
    rows += [
        [one["name"], _by(one["by_authority"]), str(one["total"]), plain(one["first_end"])] for one in found["weeks"]
    ]
    show_table(("week", "by_authority", "stations", "first_end"), [*rows, ["later", _by(found["later"]), "", ""]])
    show_text("")
    endings = ([one["kind"], one["name"], one["not_after"], plain(one["renews_itself"])] for one in found["endings"])
    show_table(("kind", "name", "not_after", "renews_itself"), endings)


def _by(counts: dict[str, int]) -> str:
    return ", ".join(f"{plain(name)} {number}" for name, number in sorted(counts.items())) or "-"


@app.command()
def show(serial: Serial, data: Data = None, _json: Json = False) -> None:
    """Show a certificate."""
    with service(data) as client:
        found = client.get(f"certificates/{segment(serial)}")
    show_fields(found, (*_WITHOUT_PEM, "pem"))


@app.command()
def lint(
    serial: Annotated[str | None, typer.Argument(metavar="[SERIAL]", help="One certificate, in hex.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Lint a certificate in full (pkilint, RFC 5280), or tell which shapes of certificates passed."""
    with service(data) as client:
        found = client.get(f"lint/{segment(serial)}" if serial else "lint")
    if wants_json():
        show_json(found)
    elif serial:
        show_text("\n".join(map(plain, found["findings"])) or "nothing found")
    else:
        shapes = ([plain(one[name]) for name in _SHAPE] for one in found["shapes"])
        show_table(_SHAPE, shapes)
        say(f"read again after issuing: {found['relinted']}; waiting for it: {found['waiting']}")
        say(f"keys compared with all others: {found['keys_reviewed']}; waiting for it: {found['keys_waiting']}")
    if serial and found["findings"]:
        raise typer.Exit(1)


@app.command()
def revoke(
    reason: Annotated[Reason, typer.Option("--reason", help="Why (RFC 5280).")],
    serials: Annotated[list[str] | None, typer.Argument(metavar="[SERIAL]...", help="In hex.")] = None,
    station: Annotated[str | None, typer.Option("--station", metavar="ID", help="All that it could use.")] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", exists=True, help="All for the key of this certificate or CSR (PEM)."),
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", exists=True, help="Serial numbers, one a line.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="In your own words, for the audit trail.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be revoked.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Revoke certificates. Only certificateHold can be taken back."""
    why = {"reason": reason.value, "note": note}
    alone = bool(serials) and len(serials or ()) == 1 and not (station or key or listed or dry_run)
    with service(data) as client:
        if alone and serials:
            show_fields(client.post(f"certificates/{segment(serials[0])}/revoke", why), _WITHOUT_PEM)
            return
        chosen = _chosen(serials, station, key, listed)
        report = _revoke_many(client, chosen | why | {"dry_run": dry_run})
    verb = "would be revoked" if dry_run else "revoked"
    say(f"{len(report['revoked'])} {verb}, {len(report['already'])} already, {len(report['unknown'])} unknown")
    show_fields(report)


@app.command()
def renew(
    serial: Annotated[str | None, typer.Argument(metavar="[SERIAL]", help="In hex.")] = None,
    station: Annotated[str | None, typer.Option("--station", metavar="ID", help="What this station uses.")] = None,
    expires_within: Annotated[
        str | None, typer.Option("--expires-within", metavar="SPAN", help="What stations use and ends soon: 30d.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the new certificates are in use.")] = False,
    within: Annotated[float, typer.Option("--within", min=1, help="Seconds to wait at most.")] = 300.0,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Ask stations to renew now; renew certificates whose keys we hold at once."""
    if sum(bool(one) for one in (serial, station, expires_within)) != 1:
        raise typer.BadParameter("name a serial number, or --station, or --expires-within: one of the three")
    asked = {"station": station, "expires_within": expires_within, "serials": [serial] if serial else []}
    with service(data) as client:
        found = _renew_all(client, asked)
        if wait:
            found = awaited(found, _UNDER_WAY, lambda one: _look(client, one), within, "renewing")
    show_list({"items": found, "next": None}, _RENEWAL_COLUMNS)
    states = Counter(one["state"] for one in found)
    say(", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "nothing to renew")
    if states["failed"] + states["unable"] == len(found) > 0:
        raise CommandFailed("nothing was renewed", "The reason of each is in the list.")


_RENEWAL_COLUMNS = ("station", "common_name", "state", "reason", "new_serial")
_UNDER_WAY = {"queued", "sent", "accepted", "issued"}


def _look(client: ServiceClient, one: dict[str, Any]) -> dict[str, Any]:
    now = client.get("certificates/renewals", station=one["station"])["items"]
    return {name: now[0][name] for name in ("state", "reason", "new_serial")} if now else {}


def _renew_all(client: ServiceClient, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Part by part, since a large fleet is more than one request should do."""
    found: list[dict[str, Any]] = []
    after = None
    while True:
        part = client.post("certificates/renew", asked | {"after": after})
        found += part["items"]
        after = part["next"]
        if after is None:
            return found
        say(f"{len(found)} done, going on")


@app.command()
def release(serial: Serial, data: Data = None, _json: Json = False) -> None:
    """Take back a hold."""
    with service(data) as client:
        released = client.post(f"certificates/{segment(serial)}/release")
    show_fields(released, _WITHOUT_PEM)


_AT_ONCE = 1000


def _chosen(serials: list[str] | None, station: str | None, key: Path | None, listed: Path | None) -> dict[str, Any]:
    if sum(bool(one) for one in (serials, station, key, listed)) != 1:
        raise typer.BadParameter("name serial numbers, or --station, --key or --list: one of the four")
    if listed:
        found = (line.split("#")[0].strip() for line in read_text(listed).splitlines())
        serials = [line for line in found if line]
        if not serials:
            raise typer.BadParameter(f"{listed} names no serial number")
    if key:
        return {"spki_sha256": key_in(key)}
    return {"station": station} if station else {"serials": serials}


def _revoke_many(client: ServiceClient, body: dict[str, Any]) -> dict[str, Any]:
    """A long list goes in parts, with a bar."""
    serials = body.get("serials")
    if not serials:
        return dict(client.post("certificates/revoke", body))
    whole: dict[str, Any] = {"revoked": [], "already": [], "unknown": [], "dry_run": body["dry_run"]}
    for start in track(range(0, len(serials), _AT_ONCE), "revoking", console=Console(stderr=True)):
        part = client.post("certificates/revoke", body | {"serials": serials[start : start + _AT_ONCE]})
        for kind in ("revoked", "already", "unknown"):
            whole[kind] += part[kind]
    return whole

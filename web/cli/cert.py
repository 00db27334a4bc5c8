"""voltward cert: certificates for stations and servers."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.files import read_text, write_text
from web.cli.output import Json, say, show_fields, show_list, show_text, wants_json

app = typer.Typer(help="Issue, look up and revoke certificates.", no_args_is_help=True)

_COLUMNS = ("serial", "subject", "station", "profile", "not_after", "state")
_WITHOUT_PEM = (
    "serial", "subject", "station", "authority", "profile", "not_before", "not_after", "state", "revoked_at", "reason",
)  # fmt: skip
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
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the chain (PEM) there.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Issue a certificate for the key in a certificate request."""
    asked = {"csr": read_text(csr), "profile": profile, "station": station, "hostnames": hostname or []}
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
    station: Annotated[str | None, typer.Option("--station", metavar="ID", help="Of this station.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="good, held, revoked or expired.")] = None,
    authority: Annotated[str | None, typer.Option("--authority", help="Issued by this one.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List certificates."""
    with service(data) as client:
        found = client.get("certificates", station=station, state=state, authority=authority, limit=limit, after=after)
    show_list(found, _COLUMNS)


@app.command()
def show(serial: Serial, data: Data = None, _json: Json = False) -> None:
    """Show a certificate."""
    with service(data) as client:
        found = client.get(f"certificates/{segment(serial)}")
    show_fields(found, (*_WITHOUT_PEM, "pem"))


@app.command()
def revoke(
    serial: Serial,
    reason: Annotated[Reason, typer.Option("--reason", help="Why (RFC 5280).")],
    note: Annotated[str, typer.Option("--note", help="In your own words, for the audit trail.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Revoke a certificate. Only certificateHold can be taken back."""
    with service(data) as client:
        revoked = client.post(f"certificates/{segment(serial)}/revoke", {"reason": reason.value, "note": note})
    show_fields(revoked, _WITHOUT_PEM)


@app.command()
def release(serial: Serial, data: Data = None, _json: Json = False) -> None:
    """Take back a hold."""
    with service(data) as client:
        released = client.post(f"certificates/{segment(serial)}/release")
    show_fields(released, _WITHOUT_PEM)

"""voltward ca request, sign-request, accept, crl, import-crl: a parent whose key is elsewhere, seen from both sides."""

import sys
from base64 import encodebytes
from pathlib import Path
from typing import Annotated, Any

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import CommandFailed, WrongUse
from web.cli.files import read_bytes, write_text
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_text, wants_json

_LONGEST = 4 * 1024 * 1024
_REQUEST = ("name", "post", "algorithm", "subject", "spki_sha256")
_SIGNED = ("profile", "subject", "spki_sha256", "algorithm", "parent", "not_before", "not_after", "serial")
_AUTHORITY = ("name", "subject", "parent", "post", "status", "not_after")

Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there (PEM).")]


def request(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What it will be called here; a signer: firmware or firmware-rsa.")
    ],
    post: Annotated[str | None, typer.Option("--post", help="stations, csms or firmware.")] = None,
    algorithm: Annotated[str, typer.Option("--algorithm", help="ec-p256, ec-p384, rsa-3072 or rsa-4096.")] = "ec-p256",
    common_name: Annotated[str | None, typer.Option("--common-name", metavar="CN", help="Its CN.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Give the request up and delete its key.")] = False,
    out: Out = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Make a key for an issuing authority or a firmware signer, and the request (CSR) that travels to its parent."""
    with service(data) as client:
        if withdraw:
            client.delete(f"authority-requests/{segment(name)}")
            say(f"the request {name} is withdrawn and its key deleted")
            return
        if post is None:
            raise WrongUse("say which post it is to fill", "For example: --post stations")
        asked = {"name": name, "post": post, "algorithm": algorithm, "common_name": common_name}
        made = client.post("authority-requests", asked)
    say("Compare the key's fingerprint (spki sha256) when the request is signed.")
    _hand_out(made, "csr_pem", _REQUEST, out)


def sign_request(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The request (CSR).")],
    authority: Annotated[str, typer.Option("--authority", metavar="NAME", help="Who signs it.")] = "root",
    days: Annotated[int | None, typer.Option("--days", help="How long it shall live.", min=1)] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="SHA256", help="The key's fingerprint, as the other side reads it out."),
    ] = None,
    out: Out = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Sign the request of an issuing authority or a firmware signer, where the parent's key is."""
    body: dict[str, Any] = {"csr": _pem(file, "CERTIFICATE REQUEST"), "validity_days": days}
    path = f"authorities/{segment(authority)}/certify"
    with service(data) as client:
        if key is None:
            preview = client.post(f"{path}/preview", body)
            _ask(preview)
            key = str(preview["spki_sha256"])
        signed = client.post(path, body | {"spki_sha256": key.replace(":", "").lower()})
    signed["pem"] = signed["certificate_pem"] + signed["chain_pem"]
    _hand_out(signed, "pem", _SIGNED, out)


def accept(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The certificate that came back, alone or with its chain.")
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Which request it answers.")],
    chain: Annotated[
        Path | None, typer.Option("--chain", metavar="FILE", help="The certificates above it, up to the root (PEM).")
    ] = None,
    crl: Annotated[
        list[Path] | None, typer.Option("--crl", metavar="FILE", help="A revocation list of those above; repeatable.")
    ] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Take a certificate in: the request becomes an authority, or signs firmware, when everything proves itself."""
    body = {
        "certificate": _pem(file, "CERTIFICATE"),
        "chain": _pem(chain, "CERTIFICATE") if chain else "",
        "crls": [_pem(one, "X509 CRL") for one in crl or ()],
    }
    with service(data) as client:
        show_fields(client.post(f"authority-requests/{segment(name)}/certificate", body), _AUTHORITY)


def crl(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `voltward ca list` names it.")],
    shard: Annotated[int, typer.Option("--shard", min=0, help="Which of its lists.")] = 0,
    out: Out = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Print an authority's revocation list (PEM), signed afresh when it is due."""
    with service(data) as client:
        found = client.get(f"authorities/{segment(name)}/crl", shard=shard)
    _hand_out(found, "pem", ("authority", "shard", "number", "this_update", "next_update"), out)


def import_crl(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The list of an authority elsewhere (PEM or DER).")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Publish, and obey, the revocation list of an authority whose key is elsewhere."""
    with service(data) as client:
        taken = client.post("crls", {"crl": _pem(file, "X509 CRL")})
    show_fields(taken)
    for name in taken["revoked"]:
        say(f"{name} is revoked: it issues nothing any more")


def requests(data: Data = None, _json: Json = False) -> None:
    """List the requests that wait for their certificates."""
    with service(data) as client:
        show_list(client.get("authority-requests"), _REQUEST)


def add_to(app: typer.Typer) -> None:
    """Mount these commands."""
    for name, command in (
        ("request", request), ("requests", requests), ("sign-request", sign_request), ("accept", accept),
        ("crl", crl), ("import-crl", import_crl),
    ):  # fmt: skip
        app.command(name)(command)


def _hand_out(thing: dict[str, Any], pem: str, fields: tuple[str, ...], out: Path | None) -> None:
    """The PEM to a file or to standard output; with a file, what it is."""
    if out is not None:
        write_text(out, thing[pem])
        say(f"wrote {out}")
    if wants_json():
        show_json(thing)
    elif out is not None:
        show_fields(thing, fields)
    else:
        show_text(thing[pem])


def _pem(path: Path, label: str) -> str:
    """A file's content as PEM, whichever of the two encodings it has. Raises WrongUse."""
    content = read_bytes(path)
    if len(content) > _LONGEST:
        raise WrongUse(f"{path} has {len(content)} octets; that is no {label.lower()}")
    if content[:1] == b"\x30" and b"-----BEGIN" not in content:
        return f"-----BEGIN {label}-----\n{encodebytes(content).decode()}-----END {label}-----\n"
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise WrongUse(f"{path} is neither PEM nor DER") from None


def _ask(preview: dict[str, Any]) -> None:
    if not sys.stdin.isatty():
        raise WrongUse("nobody is there to be asked", "Give the key's fingerprint with --key.")
    for field in _SIGNED[:-1]:
        say(f"{field.replace('_', ' '):<12} {plain(preview[field])}")
    if not typer.confirm("Is this the fingerprint that the other side reads out, and shall it be signed?", err=True):
        raise CommandFailed("nothing was signed")

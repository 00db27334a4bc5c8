"""voltward firmware: sign images and verify signatures."""

import hashlib
import sys
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from pki.clock import utc_now
from pki.foreign_certificates import UNREADABLE
from pki.keys import SignatureScheme
from web.cli.client import Data, segment, service
from web.cli.failures import CommandFailed, WrongUse
from web.cli.files import read_bytes, read_text, write_bytes, write_text
from web.cli.output import Json, say, show_fields, show_json, show_list, wants_json

app = typer.Typer(help="Sign firmware images and verify their signatures.", no_args_is_help=True)

_CHUNK = 1024 * 1024
_COLUMNS = ("id", "vendor", "model", "version", "scheme", "state", "digest")
Image = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The image.")]
Scheme = Annotated[SignatureScheme, typer.Option("--scheme", help="How the maker's stations verify.")]


@app.command()
def sign(
    file: Image,
    vendor: Annotated[str, typer.Option("--vendor", help="As in the station's BootNotification.")],
    model: Annotated[str, typer.Option("--model", help="As in the station's BootNotification.")],
    version: Annotated[str, typer.Option("--version", help="Of the firmware.")],
    scheme: Scheme = SignatureScheme.ECDSA_SHA256,
    out_signature: Annotated[
        Path | None, typer.Option("--out-signature", metavar="F", help="Write the raw signature there.")
    ] = None,
    out_certificate: Annotated[
        Path | None, typer.Option("--out-certificate", metavar="F", help="Write the signing certificate there.")
    ] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Sign an image. It is hashed here; only its SHA-256 goes to the service."""
    asked = {"vendor": vendor, "model": model, "version": version, "scheme": scheme.value}
    digest = digest_of(file)
    with service(data) as client:
        signed = client.post("firmware", {**asked, "digest": digest.hex()})
    if out_signature is not None:
        write_bytes(out_signature, b64decode(signed["signature"]))
        say(f"wrote {out_signature}")
    if out_certificate is not None:
        write_text(out_certificate, signed["signing_certificate"])
        say(f"wrote {out_certificate}")
    show_fields(signed)


@app.command()
def verify(
    file: Image,
    signature: Annotated[
        Path, typer.Option("--signature", metavar="F", exists=True, dir_okay=False, help="Raw or base64.")
    ],
    certificate: Annotated[
        Path, typer.Option("--certificate", metavar="F", exists=True, dir_okay=False, help="The signer's, PEM.")
    ],
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="F", exists=True, dir_okay=False, help="The manufacturer root to trust."),
    ] = None,
    scheme: Scheme = SignatureScheme.ECDSA_SHA256,
    _json: Json = False,
) -> None:
    """Verify a signature, without any service. Fails (exit code 1) when it is not good."""
    from pki.firmware import verify_firmware  # loaded when needed: it brings the database along

    verdict = verify_firmware(
        digest_of(file),
        _signature(signature),
        read_text(certificate),
        scheme,
        _roots(root),
        utc_now(),
    )
    if wants_json():
        show_json({"genuine": verdict.genuine, "faults": list(verdict.faults)})
    elif verdict.genuine:
        say("the signature is good")
        if root is None:
            say("who issued the signing certificate was not checked: give --root to do that as well")
    if not verdict.genuine:
        raise CommandFailed("the firmware must not be used: " + "; ".join(verdict.faults))


@app.command("list")
def list_firmware(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List firmware."""
    with service(data) as client:
        show_list(client.get("firmware", limit=limit, after=after), _COLUMNS)


@app.command()
def show(firmware_id: Annotated[str, typer.Argument(metavar="ID")], data: Data = None, _json: Json = False) -> None:
    """Show one firmware with its signature and signing certificate."""
    with service(data) as client:
        show_fields(client.get(f"firmware/{segment(firmware_id)}"))


def digest_of(file: Path) -> bytes:
    """SHA-256 of a file that may be large, with a bar on standard error."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    digest = hashlib.sha256()
    try:
        with file.open("rb") as image, Progress(*columns, console=Console(stderr=True), disable=_quiet()) as bar:
            task = bar.add_task("hashing", total=file.stat().st_size)
            while chunk := image.read(_CHUNK):
                digest.update(chunk)
                bar.advance(task, len(chunk))
    except OSError as fault:
        raise WrongUse(f"cannot read {file}: {fault.strerror}") from None
    return digest.digest()


def _roots(path: Path | None) -> Sequence[x509.Certificate]:
    if path is None:
        return ()
    try:
        return x509.load_pem_x509_certificates(read_bytes(path))
    except UNREADABLE:
        raise WrongUse(f"{path} holds no certificate in PEM") from None


def _quiet() -> bool:
    return not sys.stderr.isatty()


def _signature(path: Path) -> bytes:
    """Raw bytes, or the base64 that the API gives: the text must be the canonical spelling of what it decodes to."""
    raw = read_bytes(path)
    text = b"".join(raw.split())
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        return raw
    return decoded if decoded and b64encode(decoded) == text else raw

"""voltward firmware: sign images and verify signatures."""

import hashlib
import json
import sys
from base64 import b64decode
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from pki.keys import SignatureScheme
from web.cli import firmware_log, firmware_verdicts
from web.cli.client import Data, ServiceClient, segment, service
from web.cli.failures import WrongUse
from web.cli.files import write_bytes, write_text
from web.cli.output import Json, say, show_fields, show_json, show_list

app = typer.Typer(help="Sign firmware images and verify their signatures.", no_args_is_help=True)
app.add_typer(firmware_log.app, name="log")

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
    out_bundle: Annotated[
        Path | None, typer.Option("--out-bundle", metavar="F", help="Write all that verifying offline takes there.")
    ] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Sign an image. It is hashed here; only its SHA-256 goes to the service."""
    asked = {"vendor": vendor, "model": model, "version": version, "scheme": scheme.value}
    digest = digest_of(file)
    with service(data) as client:
        signed = client.post("firmware", {**asked, "digest": digest.hex()})
        if out_bundle is not None:
            _write_bundle(client, signed["id"], out_bundle)
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
        Path | None, typer.Option("--signature", metavar="F", exists=True, dir_okay=False, help="Raw or base64.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="F", exists=True, dir_okay=False, help="The signer's, PEM.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="F", exists=True, dir_okay=False, help="The manufacturer root to trust."),
    ] = None,
    scheme: Scheme = SignatureScheme.ECDSA_SHA256,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="F", exists=True, dir_okay=False, help="Instead: a bundle.")
    ] = None,
    log_key: Annotated[
        Path | None, typer.Option("--log-key", metavar="F", exists=True, dir_okay=False, help="The log's key, PEM.")
    ] = None,
    tsa_root: Annotated[
        Path | None,
        typer.Option("--tsa-root", metavar="F", exists=True, dir_okay=False, help="Whom to believe time stamps of."),
    ] = None,
    _json: Json = False,
) -> None:
    """Verify a signature or a bundle, without any service. Fails (exit code 1) when it is not good."""
    if bundle is not None:
        if root is None or log_key is None or signature is not None or certificate is not None:
            raise WrongUse("--bundle needs --root and --log-key, and neither --signature nor --certificate")
        verdict = firmware_verdicts.of_bundle(digest_of(file), bundle, root, log_key, tsa_root)
    elif signature is None or certificate is None:
        raise WrongUse("either --bundle, or --signature and --certificate are needed")
    else:
        verdict = firmware_verdicts.of_signature(digest_of(file), signature, certificate, root, scheme)
    firmware_verdicts.show(verdict)


@app.command()
def bundle(
    firmware_id: Annotated[str, typer.Argument(metavar="ID")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Fetch the file with which anybody verifies the image offline."""
    with service(data) as client:
        if out is not None:
            _write_bundle(client, firmware_id, out)
        else:
            show_json(client.get(f"firmware/{segment(firmware_id)}/bundle"))


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


def _write_bundle(client: ServiceClient, firmware_id: str, out: Path) -> None:
    found = client.get(f"firmware/{segment(firmware_id)}/bundle")
    write_text(out, json.dumps(found, indent=2) + "\n")
    say(f"wrote {out}")


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


def _quiet() -> bool:
    return not sys.stderr.isatty()

"""voltward firmware: sign images and verify signatures."""

import hashlib
import json
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TransferSpeedColumn

from pki.keys import SignatureScheme
from web.cli import (
    firmware_emergencies,
    firmware_images,
    firmware_log,
    firmware_rules,
    firmware_updates,
    firmware_verdicts,
)
from web.cli.client import Data, ServiceClient, segment, service
from web.cli.failures import REFUSED, CommandFailed, WrongUse
from web.cli.files import read_bytes, read_text, write_bytes, write_text
from web.cli.oidc_tokens import oidc_token
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, wants_json

app = typer.Typer(help="Sign firmware images and verify their signatures.", no_args_is_help=True)
app.add_typer(firmware_log.app, name="log")
app.add_typer(firmware_rules.app, name="rule")
app.add_typer(firmware_emergencies.app, name="emergency")
app.command("versions")(firmware_emergencies.versions)
app.command("stations")(firmware_emergencies.stations)
app.command("upload")(firmware_images.upload)
app.command("image")(firmware_images.image)
app.command("remove-image")(firmware_images.remove_image)
app.command("install")(firmware_updates.install)
app.command("updates")(firmware_updates.updates)
app.command("give-up")(firmware_updates.give_up)

_CHUNK = 1024 * 1024
_WAITING = {"pending", "approved"}
_LOOK = 1.0  # seconds between two looks
_COLUMNS = ("id", "vendor", "model", "version", "scheme", "state", "digest")
Vendor = Annotated[str, typer.Option("--vendor", help="As in the station's BootNotification.")]
Model = Annotated[str, typer.Option("--model", help="As in the station's BootNotification.")]
Version = Annotated[str, typer.Option("--version", help="Of the firmware.")]
ReleaseCounter = Annotated[
    int | None,
    typer.Option("--release-counter", min=0, help="Grows with each release; none is signed below a minimum."),
]
MinimumCounter = Annotated[
    int | None, typer.Option("--minimum-counter", min=0, help="From now on, no release below this is signed.")
]
Hardware = Annotated[list[str] | None, typer.Option("--hardware", help="A board that it is for; may be repeated.")]
Sbom = Annotated[
    list[Path] | None,
    typer.Option("--sbom", metavar="F", exists=True, dir_okay=False, help="CycloneDX or SPDX in JSON, to be bound."),
]
Provenance = Annotated[
    list[Path] | None,
    typer.Option("--provenance", metavar="F", exists=True, dir_okay=False, help="An in-toto statement, to be bound."),
]
Image = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The image.")]
Scheme = Annotated[SignatureScheme, typer.Option("--scheme", help="How the maker's stations verify.")]


@app.command()
def sign(
    file: Image,
    vendor: Vendor,
    model: Model,
    version: Version,
    scheme: Scheme = SignatureScheme.ECDSA_SHA256,
    release_counter: ReleaseCounter = None,
    minimum_counter: MinimumCounter = None,
    hardware: Hardware = None,
    sbom: Sbom = None,
    provenance: Provenance = None,
    upload: Annotated[bool, typer.Option("--upload", help="Upload the image too, for stations to fetch.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for approval; fails when it is refused.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait at most.")] = 3600.0,
    out_signature: Annotated[
        Path | None, typer.Option("--out-signature", metavar="F", help="Write the raw signature there.")
    ] = None,
    out_certificate: Annotated[
        Path | None, typer.Option("--out-certificate", metavar="F", help="Write the signing certificate there.")
    ] = None,
    out_bundle: Annotated[
        Path | None, typer.Option("--out-bundle", metavar="F", help="Write all that verifying offline takes there.")
    ] = None,
    oidc_token_file: Annotated[
        Path | None, typer.Option("--oidc-token-file", metavar="F", help="Sign in with the OIDC token in this file.")
    ] = None,
    oidc_env: Annotated[
        str | None, typer.Option("--oidc-env", metavar="NAME", help="The same, in this environment variable.")
    ] = None,
    oidc_github: Annotated[
        str | None,
        typer.Option("--oidc-github", metavar="AUDIENCE", help="The same, asked of GitHub Actions as often as needed."),
    ] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Sign an image. It is hashed here; only its SHA-256 goes to the service, unless it is to be uploaded."""
    digest = digest_of(file)
    if digest == hashlib.sha256(b"").digest():
        raise WrongUse(f"{file} is empty", "Look at what the build made.")
    asked = {
        "vendor": vendor, "model": model, "version": version, "scheme": scheme.value, "digest": digest.hex(),
        "release_counter": release_counter, "minimum_counter": minimum_counter, "hardware": hardware or [],
        "attachments": [*attachments("sbom", sbom or []), *attachments("provenance", provenance or [])],
    }  # fmt: skip
    with service(data, bearer=oidc_token(oidc_token_file, oidc_env, oidc_github)) as client:
        signed = client.post("firmware", asked)
        if upload and signed["state"] not in ("refused", "revoked"):
            firmware_images.send(client, signed["id"], file)
        if wait:
            signed = decided(client, signed, timeout)
        if signed["state"] == "signed" and out_bundle is not None:
            _write_bundle(client, signed["id"], out_bundle)
    if signed["state"] == "signed":
        _write_parts(signed, out_signature, out_certificate)
    elif out_signature or out_certificate or out_bundle:
        say("nothing was written: it is not signed")
    show_fields(signed)
    _conclude(signed, wait=wait)


@app.command()
def bring(
    file: Image,
    vendor: Vendor,
    model: Model,
    version: Version,
    signature: Annotated[
        Path, typer.Option("--signature", metavar="F", exists=True, dir_okay=False, help="Raw or base64.")
    ],
    certificate: Annotated[
        Path, typer.Option("--certificate", metavar="F", exists=True, dir_okay=False, help="The signer's, PEM.")
    ],
    scheme: Scheme = SignatureScheme.ECDSA_SHA256,
    release_counter: ReleaseCounter = None,
    minimum_counter: MinimumCounter = None,
    hardware: Hardware = None,
    sbom: Sbom = None,
    provenance: Provenance = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Take in a signature that the manufacturer made. Its root must be an anchor for firmware."""
    asked = {
        "vendor": vendor, "model": model, "version": version, "scheme": scheme.value, "digest": digest_of(file).hex(),
        "release_counter": release_counter, "minimum_counter": minimum_counter, "hardware": hardware or [],
        "attachments": [*attachments("sbom", sbom or []), *attachments("provenance", provenance or [])],
        "signature": b64encode(firmware_verdicts.signature_in(signature)).decode(),
        "signing_certificate": read_text(certificate),
    }  # fmt: skip
    with service(data) as client:
        show_fields(client.post("firmware/brought", asked))


@app.command()
def approve(
    firmware_id: Annotated[str, typer.Argument(metavar="ID")],
    note: Annotated[str, typer.Option("--note", help="Something to remember.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Agree to an order. With the last approval that was wanting it is signed."""
    with service(data) as client:
        show_fields(client.post(f"firmware/{segment(firmware_id)}/approve", {"note": note}))


@app.command()
def refuse(
    firmware_id: Annotated[str, typer.Argument(metavar="ID")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Say no to an order for good."""
    with service(data) as client:
        show_fields(client.post(f"firmware/{segment(firmware_id)}/refuse", {"reason": reason}))


@app.command()
def report(firmware_id: Annotated[str, typer.Argument(metavar="ID")], data: Data = None, _json: Json = False) -> None:
    """Show who asked for a version, approved and signed it, when, and with which files."""
    with service(data) as client:
        found = client.get(f"firmware/{segment(firmware_id)}/report")
    if wants_json():
        show_json(found)
        return
    show_fields(found["firmware"])
    show_fields({"running": found["running"], "updates": found["updates"]})
    show_table(("at", "by", "act"), [[plain(act[name]) for name in ("at", "by", "act")] for act in found["acts"]])


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
    state: Annotated[str | None, typer.Option("--state", help="pending, approved, signed, refused or revoked.")] = None,
    signing_serial: Annotated[
        str | None, typer.Option("--signing-serial", metavar="SERIAL", help="Signed with this certificate.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List firmware."""
    with service(data) as client:
        found = client.get("firmware", limit=limit, after=after, state=state, signing_serial=signing_serial)
        show_list(found, _COLUMNS)


@app.command()
def show(firmware_id: Annotated[str, typer.Argument(metavar="ID")], data: Data = None, _json: Json = False) -> None:
    """Show one firmware with its signature and signing certificate."""
    with service(data) as client:
        show_fields(client.get(f"firmware/{segment(firmware_id)}"))


def attachments(kind: str, files: list[Path]) -> list[dict[str, str]]:
    """Files as an order carries them. Raises WrongUse."""
    return [{"kind": kind, "name": one.name, "content": b64encode(read_bytes(one)).decode()} for one in files]


def decided(client: ServiceClient, signed: dict[str, Any], within: float) -> dict[str, Any]:
    """The order once it is no longer waiting, or after `within` seconds; with a bar of approvals."""
    asked = sum(one["approvals"] for one in signed["requirements"]) or 1
    end = monotonic() + within
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=_quiet()) as bar:
        task = bar.add_task("approvals", total=asked)
        while signed["state"] in _WAITING and monotonic() < end:
            bar.update(task, completed=asked - signed["missing"])
            sleep(_LOOK)
            signed = client.get(f"firmware/{segment(signed['id'])}")
    return signed


def _write_parts(signed: dict[str, Any], out_signature: Path | None, out_certificate: Path | None) -> None:
    if out_signature is not None:
        write_bytes(out_signature, b64decode(signed["signature"]))
        say(f"wrote {out_signature}")
    if out_certificate is not None:
        write_text(out_certificate, signed["signing_certificate"])
        say(f"wrote {out_certificate}")


def _conclude(signed: dict[str, Any], *, wait: bool) -> None:
    """Raises CommandFailed for what came to nothing (2: refused; 1: nobody decided in time)."""
    if signed["state"] == "refused":
        raise CommandFailed(f"it was refused: {signed['reason']}", exit_code=REFUSED)
    if wait and signed["state"] in _WAITING:
        raise CommandFailed("it is not signed yet", f"See: voltward firmware show {signed['id']}")
    if signed["state"] in _WAITING:
        say(f"it waits for {signed['missing']} more to approve it: voltward firmware approve {signed['id']}")


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

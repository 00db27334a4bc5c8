"""voltward ca ceremony and voltward ca record: making authorities from a file, and the signed records of it."""

import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import CommandFailed, WrongUse
from web.cli.files import read_bytes, read_text, write_bytes
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_table, show_text, wants_json

records = typer.Typer(help="The signed records of ceremonies.", no_args_is_help=True)

_FIELDS = ("id", "title", "held_by", "held_at")


def ceremony(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="What to make (TOML).")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be made.")] = False,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="FILE", help="Write the signed record there, and FILE.*.sig.")
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Print the default hierarchy as such a file.")] = False,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Make roots, issuing authorities and cross-certificates from a file: shown first, then all or nothing."""
    if example:
        _show_example()
        return
    if file is None:
        raise WrongUse("name the ceremony file", "Begin with: voltward ca ceremony --example")
    if record is not None and record.exists():
        raise WrongUse(f"there is a file {record} already", "Records are never overwritten.")
    text = read_text(file)
    with service(data) as client:
        preview = client.post("ceremonies/preview", {"file": text})
        if dry_run:
            _show_preview(preview)
            return
        _tell(preview)
        if preview["has_work"] and not yes:
            _ask()
        held = client.post("ceremonies", {"file": text, "agreement": preview["agreement"]})["record"]
    if held is None:
        say("Everything in the file exists; nothing was done.")
        if wants_json():
            show_json({"record": None})
        return
    if record is not None:
        _write(held, record)
    show_fields(held, _FIELDS)


@records.command("list")
def list_records(data: Data = None, _json: Json = False) -> None:
    """List the records, newest first."""
    with service(data) as client:
        show_list(client.get("ceremonies"), _FIELDS)


@records.command()
def export(
    record_id: Annotated[str, typer.Argument(metavar="ID", help="As `voltward ca record list` shows it.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it, and FILE.*.sig.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Write a record and its signatures as files that openssl can check."""
    if out.exists():
        raise WrongUse(f"there is a file {out} already", "Records are never overwritten.")
    with service(data) as client:
        found = client.get(f"ceremonies/{segment(record_id)}")
    _write(found, out)
    show_fields(found, _FIELDS)


@records.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record; its signatures are FILE.*.sig beside it.")],
    root: Annotated[
        list[Path] | None,
        typer.Option("--root", metavar="FILE", help="It must be signed by the key of this certificate; repeatable."),
    ] = None,
    _json: Json = False,
) -> None:
    """Check a record's signatures, without a service."""
    from pki.ceremony_records import Signature, check_record

    signatures = [Signature(name, text) for name, text in _signatures_beside(file)]
    signed = [
        {"authority": one.authority, "subject": one.subject, "sha256": one.sha256}
        for one in check_record(read_text(file), signatures)
    ]
    for path in root or ():
        _demand(path, {one["sha256"] for one in signed})
    if wants_json():
        show_json({"good": True, "signed_by": signed})
        return
    say("The record is what was signed by:" if root else "The record is what was signed by (compare the fingerprints):")
    show_table(("authority", "subject", "sha256"), [list(one.values()) for one in signed])


def _show_example() -> None:
    from pki.default_hierarchy import DEFAULT_HIERARCHY

    show_text(DEFAULT_HIERARCHY)


def _show_preview(preview: Mapping[str, Any]) -> None:
    if wants_json():
        show_json(preview)
    else:
        show_text("\n".join(_lines(preview)))


def _tell(preview: Mapping[str, Any]) -> None:
    for line in _lines(preview):
        say(line)


def _lines(preview: Mapping[str, Any]) -> Iterator[str]:
    """The plan as a person reads it: one authority after the other, each with what will be true of it."""
    yield f"Ceremony: {plain(preview['title'])}"
    for one in preview["authorities"]:
        yield ""
        yield f"{one['name']} {one['standing']}: {one['kind']}, {one['hierarchy']}'s hierarchy, {one['algorithm']}"
        under = f", under {one['parent']}" if one["parent"] else ", self-signed"
        yield f"  name     CN={plain(one['common_name'])}, O={plain(one['organisation'])}{under}"
        yield f"  lives    {one['not_before'][:10]} to {one['not_after'][:10]}"
        if one["post"]:
            yield f"  post     {one['post']} ({one['status']})"
        if one["path_length"] is not None:
            yield f"  path     {one['path_length']} authorities may stand below it"
        if one["station_chain"] is not None:
            yield f"  chain    {one['station_chain']} of 5599 characters, for a station with a common key"
        for remark in one["remarks"]:
            yield f"  note     {plain(remark)}"
    for one in preview["crosses"]:
        yield ""
        yield f"{one['authority']} certified across by {one['issuer']} {one['standing']}"
    yield ""


def _ask() -> None:
    if not sys.stdin.isatty():
        raise WrongUse("nobody is there to be asked", "Look with --dry-run, then hold the ceremony with --yes.")
    if not typer.confirm("Hold this ceremony?", err=True):
        raise CommandFailed("nothing was made")


def _write(held: Mapping[str, Any], out: Path) -> None:
    write_bytes(out, held["record"].encode())
    for one in held["signatures"]:
        write_bytes(_beside(out, one["authority"]), b64decode(one["signature"]))
    say(f"wrote {out} and {len(held['signatures'])} signatures beside it")


def _beside(record: Path, authority: str) -> Path:
    return record.with_name(f"{record.name}.{authority}.sig")


def _signatures_beside(record: Path) -> Iterator[tuple[str, str]]:
    start = f"{record.name}."
    for path in sorted(record.parent.glob("*.sig")):
        if path.name.startswith(start) and path.stat().st_size < 10_000:
            yield path.name.removeprefix(start).removesuffix(".sig"), b64encode(read_bytes(path)).decode()


def _demand(path: Path, signed: set[str]) -> None:
    import hashlib

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from pki.foreign_certificates import UNREADABLE

    try:
        certificate = x509.load_pem_x509_certificate(read_bytes(path))
    except UNREADABLE:
        raise WrongUse(f"{path} is not a certificate in PEM") from None
    if hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest() not in signed:
        raise WrongUse(f"the record is not signed by {plain(certificate.subject.rfc4514_string())}")

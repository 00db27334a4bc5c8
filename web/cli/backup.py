"""voltward backup, voltward restore: everything in one encrypted file, and back."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from web.cli.client import Data, service
from web.cli.failures import FAILED, WrongUse
from web.cli.files import appearing, private_files
from web.cli.output import Json, plain, say, show_json, show_text, wants_json
from web.cli.passphrases import read_passphrase

if TYPE_CHECKING:
    from web.restore import RestoreReport

_VARIABLE = "VOLTWARD_BACKUP_PASSPHRASE"
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help=f"Holds the backup's passphrase; else {_VARIABLE}."),
]


def backup(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Write it there; never over a file.")],
    passphrase_file: PassphraseFile = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Write database, keys, settings and checkpoints into one encrypted file, while the service runs."""
    if out.exists():
        raise WrongUse(f"there is a file {out} already", "A backup is never overwritten; choose another name.")
    passphrase = read_passphrase(_VARIABLE, passphrase_file, what="the backup", repeat=True)
    asked = {"passphrase": passphrase}
    with service(data) as client, appearing(out) as file, client.stream("POST", "backup", asked) as pieces:
        for piece in _with_bar(pieces):
            file.write(piece)
    size = out.stat().st_size
    if wants_json():
        show_json({"file": str(out), "size": size})
    else:
        say(f"wrote {out}, {size} bytes; without its passphrase it is of no use")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `voltward backup` wrote.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Where to make the data folder; must be empty.")],
    passphrase_file: PassphraseFile = None,
    despite_findings: Annotated[
        bool, typer.Option("--despite-findings", help="Restore even when audit trail or keys do not prove themselves.")
    ] = False,
    _json: Json = False,
) -> None:
    """Make a data folder from a backup, and prove it: audit trail, checkpoints, and every authority's key."""
    from pki.secret_text import Secret
    from web.restore import restore_backup  # loaded when needed: it brings the whole service along

    passphrase = read_passphrase(_VARIABLE, passphrase_file, what="the backup", repeat=False)
    with private_files():
        report = restore_backup(file, Secret.of(passphrase), data, despite_findings=despite_findings)
    _show(report)
    if report.findings:
        raise typer.Exit(FAILED)


def _show(report: "RestoreReport") -> None:
    told = {
        "folder": str(report.folder),
        "made_at": report.made_at,
        "program": report.program,
        "records": report.verdict.records,
        "checkpoints": report.verdict.checkpoints,
        "authorities": [proof.authority for proof in report.proofs if proof.fault is None],
        "findings": list(report.findings),
        "notes": [*report.verdict.notes, *report.notes],
    }
    if wants_json():
        show_json(told)
        return
    show_text(f"restored {report.folder} as it was at {report.made_at}")
    show_text(f"audit trail: {told['records']} records, {told['checkpoints']} checkpoints")
    show_text(f"keys that sign: {', '.join(told['authorities']) or 'none of them is in files'}")  # type: ignore[arg-type]
    for finding in report.findings:
        show_text(f"finding: {plain(finding)}")
    for note in told["notes"]:  # type: ignore[attr-defined]
        say(f"note: {plain(note)}")
    say(f"next: voltward serve --data {report.folder}")


def _with_bar(pieces: Iterator[bytes]) -> Iterator[bytes]:
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)
        for piece in pieces:
            yield piece
            bar.advance(task, len(piece))

"""voltward audit: who did what, and whether the record is whole."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from web.cli.client import Data, service
from web.cli.failures import FAILED, WrongUse
from web.cli.files import read_text
from web.cli.output import Json, plain, say, show_fields, show_json, show_list, show_text, wants_json
from web.cli.streams import lines_of

app = typer.Typer(help="Read, verify, sign and export the audit trail.", no_args_is_help=True)

_LONGEST_LINE = 16 * 1024 * 1024
_COLUMNS = ("id", "at", "by", "act", "thing", "reason")
_CHECKPOINT = ("number", "made_at", "records", "sha256", "stamped")
_BAR_STEP = 1000


@app.command()
def verify(
    export_file: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Verify an export instead; needs no service and no data folder."),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option("--ca", metavar="PEM", help="With --export: the root certificate to trust.")
    ] = None,
    tsa_ca: Annotated[
        Path | None,
        typer.Option("--tsa-ca", metavar="PEM", help="With --export: verify time stamps by these certificates."),
    ] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Look for edits, removals, reordering and a set-back database. Fails (exit code 1) when there are any."""
    if export_file is not None or ca is not None:
        verdict = _verify_export(export_file, ca, tsa_ca)
    else:
        with service(data) as client:
            verdict = client.get("audit/verify")
    _show(verdict)
    if not verdict["whole"]:
        raise typer.Exit(FAILED)


@app.command("list")
def list_records(
    kind: Annotated[str | None, typer.Option("--kind", help="station, walk, certificate, user …")] = None,
    thing: Annotated[str | None, typer.Option("--thing", help="Its id.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List records, newest first."""
    with service(data) as client:
        show_list(client.get("audit", kind=kind, thing=thing, limit=limit, after=after), _COLUMNS)


@app.command()
def checkpoint(
    after_restore: Annotated[
        bool, typer.Option("--after-restore", help="Accept that a restored backup is older than the checkpoint file.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; needed with --after-restore.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """Sign where the trail is now. The service does so by itself every now and then."""
    if after_restore and not reason:
        raise WrongUse("--after-restore needs --reason", "Say what happened; it stands in the audit trail.")
    with service(data) as client:
        made = client.post("audit/checkpoints", {"after_restore": after_restore, "reason": reason})
    show_fields(made, _CHECKPOINT)


@app.command()
def checkpoints(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List checkpoints, newest first."""
    with service(data) as client:
        show_list(client.get("audit/checkpoints", limit=limit, after=after), _CHECKPOINT)


@app.command()
def export(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="From then on, e.g. 2026-11-01.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Records about this kind of thing only.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Acts of this one only, e.g. user:anna.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Print the trail as JSON Lines, with all that an outsider needs to verify it."""
    asked: dict[str, Any] = {
        "since": _moment("--since", since),
        "until": _moment("--until", until),
        "kind": kind,
        "by": by,
    }
    with service(data) as client, client.stream("GET", "audit/export", **asked) as pieces, _written(out) as write:
        for line in _with_bar(lines_of(pieces)):
            write(line)
    if out is not None:
        say(f"wrote {out}")


def _verify_export(export_file: Path | None, ca: Path | None, tsa_ca: Path | None) -> dict[str, Any]:
    # Loaded when needed: most commands start faster without the cryptography behind them.
    from dataclasses import asdict

    from cryptography import x509

    from pki.export_verifier import verify_export
    from pki.foreign_certificates import UNREADABLE
    from pki.timestamps import read_certificates, stamp_check

    if export_file is None or ca is None:
        raise WrongUse("--export and --ca go together", "Give the file of `audit export`, and the root certificate.")
    try:
        roots = tuple(x509.load_pem_x509_certificates(read_text(ca).encode()))
    except UNREADABLE:
        raise WrongUse(f"{ca} holds no certificate in PEM") from None
    stamps = stamp_check(read_certificates(tsa_ca)) if tsa_ca else None
    try:
        with export_file.open("rb") as file:
            verdict = verify_export(_with_bar(iter(lambda: file.readline(_LONGEST_LINE), b"")), roots, stamps)
    except OSError as fault:
        raise WrongUse(f"cannot read {export_file}: {fault.strerror}") from None
    return {"whole": verdict.whole, **asdict(verdict)}


def _show(verdict: dict[str, Any]) -> None:
    if wants_json():
        show_json(verdict)
        return
    for finding in verdict["findings"]:
        name = plain(finding["writer"]) or "checkpoints"
        show_text(f"{plain(finding['damage'])}: {name}: {plain(finding['sentence'])}")
    for note in verdict["notes"]:
        say(f"note: {plain(note)}")
    if verdict["whole"]:
        say("the audit trail is whole")
    say(f"{verdict['records']} records, {verdict['checkpoints']} checkpoints{_rate(verdict)}")


def _rate(verdict: dict[str, Any]) -> str:
    seconds = verdict.get("seconds")
    return f", {verdict['records'] / seconds:.0f} records a second" if seconds else ""


def _moment(option: str, text: str | None) -> str | None:
    """A time or a day, in UTC where it does not say. Raises WrongUse."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"{option} {text!r} is not a time", "Write 2026-11-01 or 2026-11-01T12:00:00Z.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


@contextmanager
def _written(out: Path | None) -> Iterator[Callable[[bytes], object]]:
    if out is None:
        yield lambda line: sys.stdout.write(line.decode())
        return
    try:
        with out.open("wb") as file:
            yield file.write
    except OSError as fault:
        raise WrongUse(f"cannot write {out}: {fault.strerror}") from None


def _with_bar(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Pass the lines on, with a bar on a terminal that knows from the first line how many records come."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = None
        for number, line in enumerate(lines):
            if task is None:
                task = bar.add_task("", total=_announced(line))
            elif number % _BAR_STEP == 0:
                bar.update(task, completed=number)
            yield line


def _announced(line: bytes) -> int | None:
    try:
        return int(json.loads(line)["records"])
    except (ValueError, KeyError, TypeError):
        return None

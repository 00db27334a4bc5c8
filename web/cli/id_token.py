"""voltward id-token: cards and contracts that may charge while there is no CSMS that decides."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import WrongUse
from web.cli.output import Json, say, show_fields, show_list

app = typer.Typer(help="Cards and contracts that may charge (VOLTWARD_AUTHORIZE=listed).", no_args_is_help=True)

_COLUMNS = ("token", "blocked", "expires_at", "note", "changed_by", "changed_at")
_CSV_COLUMNS = ("token", "blocked", "expires_at", "note")
_AT_ONCE = 10_000
Token = Annotated[str, typer.Argument(metavar="TOKEN", help="An idTag or idToken; case makes no difference.")]


@app.command()
def add(
    token: Token,
    blocked: Annotated[bool, typer.Option("--blocked", help="It may not charge.")] = False,
    expires: Annotated[str | None, typer.Option("--expires", help="Until then: 2027-01-01T00:00:00Z.")] = None,
    note: Annotated[str, typer.Option("--note", help="Whose it is.")] = "",
    data: Data = None,
    _json: Json = False,
) -> None:
    """List a token, or change one that is listed."""
    asked = {"token": token, "blocked": blocked, "expires_at": expires, "note": note}
    with service(data) as client:
        show_fields(client.post("id-tokens", {"tokens": [asked]})["items"][0])


@app.command("list")
def list_tokens(data: Data = None, _json: Json = False) -> None:
    """Show the listed tokens."""
    with service(data) as client:
        show_list({"items": list(client.every("id-tokens")), "next": None}, _COLUMNS)


@app.command()
def remove(
    token: Token,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")] = "",
    data: Data = None,
) -> None:
    """Take a token off the list."""
    with service(data) as client:
        client.delete(f"id-tokens/{segment(token)}", reason=reason or None)
    say(f"{token} is listed no more")


@app.command("import")
def import_csv(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, readable=True)],
    data: Data = None,
) -> None:
    """List the tokens of a CSV file: token, and if wanted blocked (yes or no), expires_at, note. All or none."""
    tokens = list(_rows(file))
    if not 0 < len(tokens) <= _AT_ONCE:
        raise WrongUse(f"{file} has {len(tokens)} tokens; 1 to {_AT_ONCE} are taken at once")
    with service(data) as client:
        client.post("id-tokens", {"tokens": tokens})
    say(f"{len(tokens)} tokens are listed")


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            unknown = [name for name in reader.fieldnames or () if name not in _CSV_COLUMNS]
            if unknown or "token" not in (reader.fieldnames or ()):
                raise WrongUse(f"{file} must have a column token, and no others than {', '.join(_CSV_COLUMNS)}")
            for row in reader:
                yield _token(row, reader.line_num)
    except (UnicodeDecodeError, csv.Error) as fault:
        raise WrongUse(f"{file} is not a CSV file in UTF-8: {fault}") from None


def _token(row: dict[str, Any], line: int) -> dict[str, Any]:
    blocked = (row.get("blocked") or "no").strip().lower()
    if blocked not in ("yes", "no"):
        raise WrongUse(f"line {line}: blocked must be yes or no, not {blocked!r}")
    return {
        "token": (row.get("token") or "").strip(),
        "blocked": blocked == "yes",
        "expires_at": (row.get("expires_at") or "").strip() or None,
        "note": (row.get("note") or "").strip(),
    }

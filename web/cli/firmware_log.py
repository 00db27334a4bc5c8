"""voltward firmware log: the transparency log of firmware signatures."""

from pathlib import Path
from typing import Annotated

import typer

from web.cli.client import Data, service
from web.cli.failures import CommandFailed
from web.cli.files import write_text
from web.cli.output import Json, plain, say, show_fields, show_list, show_text, wants_json

app = typer.Typer(help="The transparency log of firmware signatures.", no_args_is_help=True)
_COLUMNS = ("number", "at", "firmware_id", "leaf")
Size = Annotated[int | None, typer.Option("--size", min=1, help="Of an earlier log; default: now.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there.")]


@app.command()
def head(size: Size = None, out: Out = None, data: Data = None, _json: Json = False) -> None:
    """Show the newest signed tree head."""
    with service(data) as client:
        found = client.get("firmware-log", size=size)
    if out is not None:
        write_text(out, found["head"])
        say(f"wrote {out}")
    show_fields(found)


@app.command()
def key(out: Out = None, data: Data = None, _json: Json = False) -> None:
    """Show the log's public key, which `firmware verify --log-key` takes."""
    with service(data) as client:
        found = client.get("firmware-log/key")
    if out is not None:
        write_text(out, found["pem"])
        say(f"wrote {out}")
    elif wants_json():
        show_fields(found)
    else:
        show_text(found["pem"])


@app.command("list")
def list_entries(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List entries, the oldest first."""
    with service(data) as client:
        show_list(client.get("firmware-log/entries", limit=limit, after=after), _COLUMNS)


@app.command()
def prove(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=0, help="The entry's number.")],
    size: Size = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Prove that an entry is in the log (RFC 9162 §2.1.3)."""
    with service(data) as client:
        show_fields(client.get(f"firmware-log/entries/{number}/proof", size=size))


@app.command()
def consistency(
    old: Annotated[int, typer.Argument(metavar="SIZE", min=1, help="How large the log was.")],
    size: Size = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Prove that the log only grew since (RFC 9162 §2.1.4)."""
    with service(data) as client:
        show_fields(client.get("firmware-log/consistency", old=old, new=size))


@app.command()
def verify(data: Data = None, _json: Json = False) -> None:
    """Compute the whole log anew. Fails (exit code 1) when anything is not as it was written."""
    with service(data) as client:
        found = client.get("firmware-log/verify")
    if wants_json():
        show_fields(found)
    for finding in found["findings"]:
        say(plain(finding["sentence"]))
    if not found["whole"]:
        raise CommandFailed("the firmware log is not what was written")
    say(f"the firmware log is whole, {found['size']} entries")

"""voltward station fetch-log: have a station upload a log, and get it."""

from pathlib import Path
from time import monotonic, sleep
from typing import Annotated

import typer

from web.cli.client import Data, segment, service
from web.cli.failures import CommandFailed, WrongUse
from web.cli.files import appearing
from web.cli.output import Json, say, show_fields, show_list
from web.log_types import LogType

_COLUMNS = ("id", "type", "state", "size", "asked_at", "received_at", "reason")
_FIELDS = ("id", "station", "type", "state", "reason", "size", "sha256", "told", "filename", "node")
_UNDER_WAY = {"queued", "sent", "accepted", "uploading"}
_LOOK = 0.5  # seconds between two looks

Id = Annotated[str, typer.Argument(metavar="ID", help="The station's identity.")]


def fetch(
    id: Id,  # noqa: A002 -- the argument's name in help texts
    kind: Annotated[LogType, typer.Option("--type", help="Which log.")] = LogType.SECURITY,
    oldest: Annotated[str | None, typer.Option("--oldest", metavar="TIME", help="From then on.")] = None,
    latest: Annotated[str | None, typer.Option("--latest", metavar="TIME", help="Until then.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is here.")] = False,
    within: Annotated[float, typer.Option("--within", min=1, help="Seconds to wait at most.")] = 300.0,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Wait, and write the log there.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """Ask a station for a log (N01)."""
    if out is not None and out.exists():
        raise WrongUse(f"there is a file {out} already", "A log is never written over a file; choose another name.")
    path = f"stations/{segment(id)}/logs"
    with service(data) as client:
        log = client.post(path, {"type": kind.value, "oldest": oldest, "latest": latest})
        end = monotonic() + within
        while (wait or out) and log["state"] in _UNDER_WAY and monotonic() < end:
            sleep(_LOOK)
            log = client.get(f"{path}/{log['id']}")
        if out is not None and log["state"] == "received":
            with appearing(out) as file, client.stream("GET", f"{path}/{log['id']}/content") as pieces:
                for piece in pieces:
                    file.write(piece)
            say(f"wrote {out}")
    show_fields(log, _FIELDS)
    if (wait or out) and log["state"] != "received":
        raise CommandFailed(f"the log is not here: {log['reason'] or log['state']}")


def list_logs(
    id: Id,  # noqa: A002
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    after: Annotated[str | None, typer.Option("--after", help="Where the page before ended.")] = None,
    data: Data = None,
    _json: Json = False,
) -> None:
    """List the logs that a station was asked for, the newest first."""
    with service(data) as client:
        show_list(client.get(f"stations/{segment(id)}/logs", limit=limit, after=after), _COLUMNS)

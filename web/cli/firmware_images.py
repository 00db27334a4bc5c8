"""voltward firmware upload, image, remove-image: the images that stations fetch from here."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from web.cli.client import Data, ServiceClient, segment, service
from web.cli.failures import REFUSED, CommandFailed, WrongUse
from web.cli.output import Json, say, show_fields

_TRIES = 5  # that a part is sent again after the line broke
Id = Annotated[str, typer.Argument(metavar="ID", help="The firmware's id.")]
Image = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The image.")]


def upload(firmware_id: Id, file: Image, data: Data = None, _json: Json = False) -> None:
    """Upload the image of an order, in parts. One that broke off goes on where it was."""
    with service(data) as client:
        show_fields(send(client, firmware_id, file))


def image(firmware_id: Id, data: Data = None, _json: Json = False) -> None:
    """Show how much of an image is here."""
    with service(data) as client:
        show_fields(client.get(f"firmware/{segment(firmware_id)}/image"))


def remove_image(
    firmware_id: Id,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trail.")],
    data: Data = None,
    _json: Json = False,
) -> None:
    """Delete an image that no update needs, or what is there of an upload."""
    with service(data) as client:
        client.delete(f"firmware/{segment(firmware_id)}/image", reason=reason)
    say("removed")


def send(client: ServiceClient, firmware_id: str, file: Path) -> dict[str, Any]:
    """Upload a file, with a bar; what is known of the image then. Raises CommandFailed, WrongUse."""
    size, path = file.stat().st_size, f"firmware/{segment(firmware_id)}/image"
    state: dict[str, Any] = client.post(path, {"size": size})
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with file.open("rb") as source, Progress(*columns, console=Console(stderr=True), disable=_quiet()) as bar:
        task = bar.add_task("uploading", total=size, completed=state["received"])
        while not state["kept"]:
            state = _next_part(client, path, source, state, size)
            bar.update(task, completed=state["received"])
    return state


def _next_part(client: ServiceClient, path: str, source: Any, state: dict[str, Any], size: int) -> dict[str, Any]:
    """One more part; after a line that broke, from where the service is."""
    for left in range(_TRIES, -1, -1):
        source.seek(state["received"])
        piece = source.read(state["part"])
        if not piece:
            raise WrongUse("the file has become shorter while it was uploaded")
        try:
            headers = {"Upload-Offset": str(state["received"]), "Content-Type": "application/octet-stream"}
            found: dict[str, Any] = client.patch(path, piece, headers, size=size)
        except CommandFailed as failed:
            now = client.get(path)
            if not left or (failed.exit_code == REFUSED and now["received"] == state["received"]):
                raise
            state = now
        else:
            return found
    raise AssertionError("the last try returns or raises")


def _quiet() -> bool:
    return not sys.stderr.isatty()

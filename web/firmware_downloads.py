"""/firmware/{id}/{name}: where stations fetch their images, over HTTP and HTTPS, piece by piece if they like.

The id is a secret of one update, which a station is told in UpdateFirmware; or a firmware's own id, for whoever may
read firmware and says so with a token.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import iterate_in_threadpool
from starlette.types import Receive, Scope, Send

from csms_bridge.firmware.links import PATH, Link
from web.api.asked import Doors
from web.auth import principal_of
from web.download_gate import DownloadGate
from web.permissions import Permission
from web.ranges import Slice, slice_of
from web.service import Service

router = APIRouter(prefix=PATH, include_in_schema=False)
_TOKEN = 43  # characters
_HEAD = "HEAD"


def is_download(path: str) -> bool:
    """Whether a path is a station's address of an image, and no page under the same word."""
    parts = path.split("/")
    return len(parts) == 4 and f"/{parts[1]}" == PATH and (len(parts[2]) == _TOKEN or "." in parts[3])


@router.api_route("/{key}/{name}", methods=["GET", _HEAD])
async def fetch(doors: Doors, request: Request, key: str, name: str) -> Response:
    """An image, or the piece of it that Range names."""
    gate, address = _gate(request, doors), request.client.host if request.client is not None else ""
    gate.knock(address, time.monotonic())
    link = await run_in_threadpool(_behind, doors, request, key)
    tag = f'"{link.digest}"'
    piece = slice_of(request.headers, link.size, tag)
    headers = piece.headers(tag) | {"Content-Disposition": f'attachment; filename="{link.name}"'}
    if request.method == _HEAD or piece.status not in (200, 206):
        return Response(None, piece.status, headers, "application/octet-stream")
    with ExitStack() as held:
        held.enter_context(gate.place(address))
        octets = doors.fleet.images.images.read(link.digest, piece.start, piece.end)
        pieces = await run_in_threadpool(_first_ready, octets)
        sent = _sent(doors, link, piece, pieces)
        return _Held(held.pop_all(), sent, piece.status, headers, "application/octet-stream")


class _Held(StreamingResponse):
    """An answer that holds something until it is over, however it ends, also before its first octet."""

    def __init__(self, held: ExitStack, *answer: Any) -> None:
        super().__init__(*answer)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


async def _sent(doors: Service, link: Link, piece: Slice, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The octets; in the end it is on record what went out."""
    count = 0
    try:
        async for octets in iterate_in_threadpool(pieces):
            count += len(octets)
            yield octets
    finally:
        if link.token_sha256:
            whole = piece.is_last and count == piece.length
            await run_in_threadpool(lambda: doors.fleet.links.fetched(link, count, whole=whole))


def _first_ready(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, the first of them read: a store that does not answer is found out before anything is said."""
    first = next(pieces, b"")

    def all_of() -> Iterator[bytes]:
        yield first
        yield from pieces

    return all_of()


def _behind(doors: Service, request: Request, key: str) -> Link:
    """What the address leads to. Raises UnknownLink, LinkOver, ImageElsewhere, NotSignedIn, NotAllowed …"""
    if len(key) == _TOKEN or "authorization" not in request.headers:
        return doors.fleet.links.follow(key)
    principal_of(request, doors.accounts).require(Permission.FIRMWARE_READ)
    order = doors.authority.firmware(key)
    size = doors.fleet.images.check_whole(order.digest)
    return Link("", "", 0, order.digest, size, f"{order.digest[:16]}.bin")


def _gate(request: Request, doors: Service) -> DownloadGate:
    state = request.app.state
    if not hasattr(state, "download_gate"):
        settings = doors.settings.bridge
        state.download_gate = DownloadGate(
            settings.firmware_downloads_at_once, settings.firmware_downloads_per_address,
            settings.firmware_requests_per_minute,
        )  # fmt: skip
    found: DownloadGate = state.download_gate
    return found

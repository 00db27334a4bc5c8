"""/logs/{token}: where stations upload the logs they were asked for (N01), by PUT or POST, raw or as a form.

The token in the address is the station's right to upload, once. Stations take the address for a file or for a folder
and append names of their own (station-quirks 25): whatever follows the token is taken and looked at no further.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from csms_bridge.errors import UploadDiffers, UploadTooLarge, UploadTooSlow
from csms_bridge.log_fetches import PATH, Expected
from csms_bridge.log_store import Content, Repeated, TooLarge
from web.api.asked import Doors
from web.errors import RequestRefused
from web.service import Service

router = APIRouter(prefix=PATH, include_in_schema=False)
_MOST_AT_ONCE = 2
"""Uploads to one address: a station may begin again before we know that its first line is dead."""
_PIECE = 256 * 1024  # octets written to the disk at a time


@router.put("/{token}")
@router.post("/{token}")
@router.put("/{token}/{rest:path}")
@router.post("/{token}/{rest:path}")
async def upload(doors: Doors, request: Request, token: str) -> Response:
    """Take a log in. 201 when it is on the disk, 200 for the same once more."""
    expected = await run_in_threadpool(doors.fleet.logs.expect, token)
    log = expected.log
    under_way = _under_way(request)
    if under_way.get(log, 0) >= _MOST_AT_ONCE:
        raise HTTPException(429, "this address is being uploaded to", {"Retry-After": "30"})
    under_way[log] = under_way.get(log, 0) + 1
    try:
        fresh = await _in_time(doors, request, expected)
    finally:
        under_way[log] -= 1
        if not under_way[log]:
            del under_way[log]
    return Response(status_code=201 if fresh else 200)


async def _in_time(doors: Service, request: Request, expected: Expected) -> bool:
    patience = doors.settings.bridge.log_upload_time.total_seconds()
    try:
        async with asyncio.timeout(patience):
            if expected.here is not None:
                await _compare(request, expected.here)
                return False
            return await _receive(doors, request, expected.log)
    except TimeoutError:
        raise UploadTooSlow(patience) from None
    except TooLarge:
        raise UploadTooLarge(doors.fleet.logs.files.limit) from None
    except ClientDisconnect:
        raise HTTPException(400, "the upload broke off") from None


async def _compare(request: Request, here: Content) -> None:
    """The answer to the first upload was lost, if this is the same. Raises UploadDiffers."""
    repeated = Repeated(here)
    async for piece in _content(request):
        if not repeated.write(piece):
            raise UploadDiffers
    if not repeated.is_the_same():
        raise UploadDiffers


async def _receive(doors: Service, request: Request, log: int) -> bool:
    files = doors.fleet.logs.files
    with files.receiving(log) as taken:
        pieces = bytearray()
        async for piece in _content(request):
            pieces += piece
            if len(pieces) >= _PIECE:
                await run_in_threadpool(taken.write, bytes(pieces))
                pieces.clear()
        await run_in_threadpool(taken.write, bytes(pieces))
        content = await run_in_threadpool(files.keep, log, taken)
    try:
        return await run_in_threadpool(doors.fleet.logs.received, log, content)
    except Exception:
        await run_in_threadpool(doors.fleet.logs.drop_stray, log, content)
        raise


def _content(request: Request) -> AsyncIterator[bytes]:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"multipart/form-data":
        return _file_in(request, options.get(b"boundary", b""))
    return request.stream()


async def _file_in(request: Request, boundary: bytes) -> AsyncIterator[bytes]:
    """The first file of a form, piece by piece. Raises RequestRefused."""
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for piece in request.stream():
            parser.write(piece)
            if found := form.take():
                yield found
        parser.finalize()
    except FormParserError as wrong:
        raise RequestRefused("body", f"the form cannot be read: {wrong}") from None
    if not form.seen:
        raise RequestRefused("body", "the form holds no file")


class _Form:
    """Picks the first file out of a form."""

    def __init__(self) -> None:
        self.seen = False
        self._here = False
        self._name, self._value = bytearray(), bytearray()
        self._pieces = bytearray()

    def callbacks(self) -> Any:
        """For the parser."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }

    def take(self) -> bytes:
        """What has come of the file since the last time."""
        found = bytes(self._pieces)
        self._pieces.clear()
        return found

    def _begin(self) -> None:
        self._here = False

    def _header(self) -> None:
        name, value = bytes(self._name).lower(), bytes(self._value)
        self._name.clear()
        self._value.clear()
        if name == b"content-disposition" and not self.seen:
            self._here = b"filename" in parse_options_header(value)[1]
            self.seen = self._here

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._here:
            self._pieces += data[start:end]

    def _end(self) -> None:
        self._here = False


def _under_way(request: Request) -> dict[int, int]:
    state = request.app.state
    if not hasattr(state, "log_uploads"):
        state.log_uploads = {}
    found: dict[int, int] = state.log_uploads
    return found

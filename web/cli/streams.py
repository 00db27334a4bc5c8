"""Answers that are longer than memory: passed on piece by piece, from a running service or from the app in process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

_PIECES = 8  # how far the app may run ahead of the reader


class StreamedApp(httpx.AsyncBaseTransport):
    """An ASGI application as a transport that does not wait for the end of an answer, as httpx's own one does."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Start the app on this request; its answer comes as it is made."""
        body = await request.aread()
        answer = _Answer(self._app, request, body)
        status, headers = await answer.begin()
        return httpx.Response(status, headers=headers, stream=answer)


class _Answer(httpx.AsyncByteStream):
    def __init__(self, app: "ASGIApp", request: httpx.Request, body: bytes) -> None:
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(_PIECES)
        self._unread = [body]
        self._task = asyncio.create_task(self._run(app, request))

    async def begin(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Status and headers."""
        message = await self._messages.get()
        if message is None:
            return 500, []
        return message["status"], list(message["headers"])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._messages.get()) is not None:
            if message.get("body"):
                yield message["body"]
        await self._task  # an app that failed in the middle must not look as if it had come to the end

    async def aclose(self) -> None:
        """Stop the app when nobody reads on."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, app: "ASGIApp", request: httpx.Request) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.split(b"?")[0],
            "query_string": request.url.query,
            "server": (request.url.host, request.url.port),
            "client": ("127.0.0.1", 0),
            "root_path": "",
        }
        try:
            await app(scope, self._receive, self._messages.put)
        finally:
            await self._messages.put(None)

    async def _receive(self) -> "Message":
        if self._unread:
            return {"type": "http.request", "body": self._unread.pop(), "more_body": False}
        await asyncio.Event().wait()  # nobody hangs up in process
        raise AssertionError


def pulled(runner: asyncio.Runner, pieces: AsyncIterator[bytes]) -> Iterator[bytes]:
    """The pieces of an asynchronous answer for a reader that is not."""

    async def following() -> bytes | None:
        return await anext(pieces, None)

    while (piece := runner.run(following())) is not None:
        yield piece


def lines_of(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes line by line, each with its line feed."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest

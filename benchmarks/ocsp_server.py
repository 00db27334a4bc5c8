"""The web application with two routes more, to compare with.

python -m benchmarks.ocsp_server FOLDER PORT
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web import loop
from web.app import make_app
from web.data_folder import open_folder

EMPTY = "/benchmark/empty"
BARE = "/benchmark/bare"


async def empty() -> Response:
    """A route that does nothing, as cheap as a route of this server can be."""
    return Response()


class Bare:
    """Middleware, the outermost: the least that this server can do for a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with nothing."""
        if scope.get("path") != BARE:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def main(folder: str, port: str) -> None:
    """Serve until SIGTERM, with the settings of `voltward serve`."""
    service = open_folder(Path(folder))
    app = make_app(service)
    app.get(EMPTY)(empty)
    app.add_middleware(Bare)
    config = uvicorn.Config(
        app, port=int(port), log_config=None, access_log=False, lifespan="off", server_header=False, ws="none"
    )
    loop.run(uvicorn.Server(config).serve())
    service.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""How much a caller may send: counted as it comes, so that nobody fills the memory or the disk."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms_bridge.log_fetches import PATH as LOGS
from web import problems

_API_LIMIT = 32 * 1024 * 1024  # an import of 100,000 stations
_FORM_LIMIT = 1024 * 1024
_WRAPPING = 64 * 1024  # what multipart puts around a log


class BodyLimit:
    """ASGI middleware: refuses a request body that is longer than its route can need (413)."""

    def __init__(self, app: ASGIApp, upload_limit: int, log_limit: int) -> None:
        self._app = app
        self._upload_limit = upload_limit
        self._log_limit = log_limit + _WRAPPING

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the announced length first, then count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        if _announced(scope) > limit:
            await problems.answer(problems.http_problem(_too_long(limit)))(scope, receive, send)
            return
        await self._app(scope, _counting(receive, limit), send)

    def _limit(self, path: str) -> int:
        if path == "/api/v1/firmware" or path.startswith("/.well-known/est/"):
            return self._upload_limit  # EST has a limit of its own, and says so in its own form
        if path.startswith(f"{LOGS}/"):
            return self._log_limit
        return _API_LIMIT if path.startswith("/api/") else _FORM_LIMIT


def _announced(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


def _counting(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _too_long(limit)
        return message

    return counted


def _too_long(limit: int) -> HTTPException:
    return HTTPException(413, f"the request body is longer than {limit} bytes")

"""OCSP as HTTP carries it (RFC 6960 Appendix A, RFC 5019 §5 and §6), and the short way to an answer from memory.

A request whose answer is remembered is answered before any of the application's layers is entered; all others take the
ordinary way to `web.publications`.
"""

import binascii
import functools
import hashlib
from base64 import b64decode
from datetime import timedelta
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pki.authority import Authority
from pki.ocsp import StatusAnswer
from web.caching import Freshness, is_unchanged

PATH = "/pki/ocsp"
LONGEST_REQUEST = 16 * 1024  # octets, in a body or encoded in a path
_PREFIX = PATH.encode() + b"/"
_PLAIN = [(b"content-type", b"application/ocsp-response"), (b"x-content-type-options", b"nosniff")]
_NOT_KEPT = [*_PLAIN, (b"cache-control", b"no-store")]  # errors, nonces, several certificates at once


def request_in(raw_path: bytes) -> bytes:
    """The request that stands in a GET's path as base64; empty when there is none that can be decoded.

    Clients in the field escape it once, twice or not at all, put a second slash before it, or lose the `=` at its
    end; a `+` may have come as a blank.
    """
    encoded = raw_path.partition(b"?")[0].removeprefix(_PREFIX)
    if len(encoded) > LONGEST_REQUEST:
        return b""
    for _ in range(2):
        if b"%" in encoded:
            encoded = unquote_to_bytes(encoded)
    encoded = encoded.lstrip(b"/").replace(b" ", b"+").rstrip(b"=")
    try:
        return b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        return b""


Headers = list[tuple[bytes, bytes]]


@functools.lru_cache(maxsize=4096)  # an answer from memory is the same object each time
def headers_of(answer: StatusAnswer, longest_kept: timedelta) -> Headers:
    """The headers of an answer to a GET. Who may keep it asks again after `longest_kept`."""
    if answer.this_update is None or answer.next_update is None or not answer.serials:
        return _NOT_KEPT
    tag = hashlib.sha256(answer.der).hexdigest()[:32]
    # Given out in the first half of its life only, so that the other half is always left.
    age = min(longest_kept, (answer.next_update - answer.this_update) / 2)
    return [*_PLAIN, *Freshness(tag, answer.this_update, answer.next_update, age).headers()]


class RememberedAnswers:
    """ASGI middleware, the outermost: answers from memory, or lets the application do it."""

    def __init__(self, app: ASGIApp, authority: Authority, longest_kept: timedelta) -> None:
        self._app = app
        self._authority = authority
        self._longest_kept = longest_kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the class."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
        elif scope["method"] == "POST" and scope["path"] == PATH:
            await self._post(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD"):
            await self._get(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = await receive()
        if first["type"] == "http.request" and not first.get("more_body", False):
            answer = self._authority.remembered_answer(first.get("body", b""))
            if answer is not None:
                await _send(send, 200, _NOT_KEPT, answer.der)
                return
        await self._app(scope, _again(first, receive), send)

    async def _get(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._authority.remembered_answer(request_in(scope["raw_path"]))
        if answer is None:
            await self._app(scope, receive, send)
            return
        headers = headers_of(answer, self._longest_kept)
        if is_unchanged(scope["headers"], headers):
            await _send(send, 304, headers, b"")
        else:
            await _send(send, 200, headers, answer.der, is_head=scope["method"] == "HEAD")


async def _send(send: Send, status: int, headers: Headers, body: bytes, *, is_head: bool = False) -> None:
    length = [(b"content-length", b"%d" % len(body))] if status != 304 else []
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def _again(first: Message, receive: Receive) -> Receive:
    """A `receive` that begins with what was received already."""
    waiting = [first]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received

"""Idempotency-Key on POST: the same key with the same body gets the first answer again, and nothing happens twice.

The key is claimed in the database before the request runs, so that two at once cannot both run. Answers may hold a
password that is shown once, so they are kept sealed. After a day a key is forgotten.
"""

import json
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import delete
from sqlmodel import col
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web import problems
from web.auth import principal_of
from web.errors import KeyReused, RequestRefused, StillUnderWay, WebError
from web.service import Service
from web.tables import IdempotencyRow

_KEPT = timedelta(days=1)
_GIVEN_UP = timedelta(minutes=10)  # a first request that has no answer by then died with its process
_LONGEST_KEY = 200
_HEADERS_KEPT = ("content-type", "location")


class IdempotentPosts:
    """ASGI middleware around the API: only POSTs that carry the header are touched."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._cipher = AESGCM(service.keys.secret("idempotency"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request, or answer it from memory."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        key = request.headers.get("idempotency-key")
        if key is None:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(request, key)
        except WebError as error:
            answer = problems.answer_error(error)
        await answer(scope, receive, send)

    async def _answer(self, request: Request, key: str) -> Response:
        _check_key(request, key)
        principal = await run_in_threadpool(principal_of, request, self._service.accounts)
        body = await request.body()
        claim = Claim(principal.name, key, _fingerprint(request, body))
        remembered = await run_in_threadpool(self._claim, claim)
        if remembered is not None:
            return self._open(claim, remembered)
        try:
            answer = await _run(self._app, request.scope, body)
        except BaseException:
            await run_in_threadpool(self._forget, claim)
            raise
        await run_in_threadpool(self._remember, claim, answer)
        return answer

    def _claim(self, claim: "Claim") -> bytes | None:
        """None when this request is the first with its key, else the sealed answer.

        Raises KeyReused, StillUnderWay.
        """
        now = self._service.clock()
        with self._service.store.writing() as session:
            row = session.get(IdempotencyRow, (claim.principal, claim.key))
            if row is not None and not _is_stale(row, now):
                if row.request_sha256 != claim.fingerprint:
                    raise KeyReused("this Idempotency-Key came before with another request")
                if row.answer is None:
                    raise StillUnderWay("the first request with this Idempotency-Key is still under way")
                return row.answer
            if row is not None:
                session.delete(row)
                session.flush()
            session.add(
                IdempotencyRow(
                    principal=claim.principal,
                    key=claim.key,
                    request_sha256=claim.fingerprint,
                    created_at=now,
                )
            )
        return None

    def _remember(self, claim: "Claim", answer: Response) -> None:
        """Keep the answer; one that says *try again later* is not kept, so that trying again can work."""
        if answer.status_code >= 500 or answer.status_code in {401, 403, 408, 429}:
            self._forget(claim)
            return
        with self._service.store.writing() as session:
            row = session.get(IdempotencyRow, (claim.principal, claim.key))
            if row is not None:
                row.answer = self._seal(claim, answer)
                session.add(row)

    def _forget(self, claim: "Claim") -> None:
        with self._service.store.writing() as session:
            row = session.get(IdempotencyRow, (claim.principal, claim.key))
            if row is not None:
                session.delete(row)

    def _seal(self, claim: "Claim", answer: Response) -> bytes:
        headers = {name: answer.headers[name] for name in _HEADERS_KEPT if name in answer.headers}
        text = json.dumps([answer.status_code, headers, bytes(answer.body).decode()])
        nonce = secrets.token_bytes(12)
        return nonce + self._cipher.encrypt(nonce, text.encode(), claim.bound_to)

    def _open(self, claim: "Claim", sealed: bytes) -> Response:
        status, headers, body = json.loads(self._cipher.decrypt(sealed[:12], sealed[12:], claim.bound_to))
        return Response(body, status_code=status, headers={**headers, "Idempotent-Replayed": "true"})


class Claim:
    """One key of one caller, and the SHA-256 of the request it came with."""

    def __init__(self, principal: str, key: str, fingerprint: str) -> None:
        self.principal = principal
        self.key = key
        self.fingerprint = fingerprint
        self.bound_to = json.dumps([principal, key, fingerprint]).encode()


def forget_old_keys(service: Service) -> None:
    """Delete keys that are older than a day."""
    with service.store.writing() as session:
        limit = service.clock() - _KEPT
        session.execute(delete(IdempotencyRow).where(col(IdempotencyRow.created_at) < limit))


def _check_key(request: Request, key: str) -> None:
    if not key or len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise RequestRefused("Idempotency-Key", f"an Idempotency-Key is 1 to {_LONGEST_KEY} printable characters")
    if request.url.path == "/api/v1/backup":
        raise RequestRefused("Idempotency-Key", "an Idempotency-Key does not go with a backup: each one is new")
    if request.headers.get("content-type", "").startswith("multipart/"):
        why = "an Idempotency-Key does not go with an uploaded image"
        raise RequestRefused("Idempotency-Key", why, "Send the image's digest as JSON.")


def _fingerprint(request: Request, body: bytes) -> str:
    what = json.dumps([request.method, request.url.path, request.url.query]).encode()
    return sha256(what + b"\n" + body).hexdigest()


def _is_stale(row: IdempotencyRow, now: datetime) -> bool:
    age = now - row.created_at
    return age > _KEPT or (row.answer is None and age > _GIVEN_UP)


async def _run(app: ASGIApp, scope: Scope, body: bytes) -> Response:
    """Run the request with its body replayed, and collect the answer."""
    unread = [body]
    status = 500
    headers: list[tuple[bytes, bytes]] = []
    parts: list[bytes] = []

    async def receive() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], message["headers"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    answer = Response(b"".join(parts), status_code=status)
    answer.raw_headers = list(headers)
    return answer

"""Errors in EST's terms: an HTTP status and a sentence in plain text (RFC 7030 §4.2.3)."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from csms_bridge import errors as bridge
from pki import errors as pki
from web import problems

BASIC = {"WWW-Authenticate": 'Basic realm="station and enrolment code", charset="UTF-8"'}  # RFC 7617 §2
_SIGNER_BACK_AFTER = 30  # seconds
# Whoever asks may not have this; another request would not help.
_NOT_FOR_YOU = {
    "wrong-common-name", "wrong-organisation", "key-of-an-authority", "key-blocked", "key-compromised",
    "key-used-elsewhere", "other-subject",
}  # fmt: skip
STATUS: Mapping[type[Exception], int] = {
    pki.CodeAtWork: 202,
    pki.RequestAtWork: 202,
    pki.CodeRefused: 401,
    bridge.ProofRefused: 403,
}


def refusal(error: Exception) -> Response:
    """A domain error, or one that a route raised, as EST answers it."""
    if isinstance(error, HTTPException):
        return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)
    return PlainTextResponse(_words(error), status_of(error), headers=_headers_of(error))


def status_of(error: Exception) -> int:
    """400 for a request that cannot be right, 403 for one that is not for this peer, else as the REST API has it."""
    if isinstance(error, pki.CsrRejected):
        return 403 if error.code in _NOT_FOR_YOU else 400
    return STATUS.get(type(error)) or problems.status_of(error)


def _headers_of(error: Exception) -> dict[str, str]:
    match error:
        case pki.CodeRefused():
            return BASIC
        case pki.CodeAtWork() | pki.RequestAtWork() | bridge.TooManyRefusals():
            return {"Retry-After": str(error.wait)}
        case pki.SignerUnavailable():
            return {"Retry-After": str(_SIGNER_BACK_AFTER)}
    return {}


def _words(error: Exception) -> str:
    code, clause = getattr(error, "code", ""), getattr(error, "clause", "")
    sentence = getattr(error, "sentence", str(error))
    return f"{code + ': ' if code else ''}{sentence}{f' ({clause})' if clause else ''}\n"


class EstRoute(APIRoute):
    """A route whose refusals are EST's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, with its errors translated."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except (*problems.DOMAIN_ERRORS, HTTPException) as error:
                return refusal(error)

        return answer

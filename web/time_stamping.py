"""Reaching the time-stamping authority (RFC 3161 §3.4, over HTTP)."""

import httpx

from pki.errors import StampRefused
from pki.settings import PkiSettings
from pki.timestamps import Stamper, read_certificates

_TIMEOUT = 10.0  # seconds; a checkpoint is made in any case
_LONGEST = 256 * 1024


def stamper_of(settings: PkiSettings) -> Stamper | None:
    """The one that the settings name, if they do. Raises StampRefused for certificates that cannot be read."""
    if not settings.tsa_url or settings.tsa_roots is None:
        return None
    url = settings.tsa_url
    return Stamper(lambda request: _sent(url, request), read_certificates(settings.tsa_roots))


def _sent(url: str, request: bytes) -> bytes:
    headers = {"Content-Type": "application/timestamp-query"}
    try:
        with httpx.stream("POST", url, content=request, headers=headers, timeout=_TIMEOUT) as answer:
            if answer.status_code != httpx.codes.OK:
                raise StampRefused(f"it answered {answer.status_code}")
            return _bounded(answer)
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise StampRefused(f"it cannot be reached ({fault})") from None


def _bounded(answer: httpx.Response) -> bytes:
    content = b""
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > _LONGEST:
            raise StampRefused("its answer is longer than a time stamp can be")
    return content

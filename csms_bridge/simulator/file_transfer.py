"""Firmware in, logs out: plain HTTP as the standard library does it, in a thread so that no station waits."""

from __future__ import annotations

import asyncio
import base64
import urllib.request
from http.client import HTTPResponse, IncompleteRead
from urllib.parse import unquote, urlsplit, urlunsplit

from csms_bridge.simulator.tls import shared_context

SCHEMES = ("http", "https")
LARGEST_IMAGE = 64 * 1024 * 1024
WITHIN = 30.0
RESUMED = 5
"""Times that a download goes on where it broke."""
_PARTIAL = 206


async def download(url: str, roots: tuple[str, ...] = ()) -> bytes:
    """Fetch a file of at most 64 MiB; one that breaks off is resumed. Raises OSError or ValueError.

    `roots` (PEM) are whom the station trusts over HTTPS; without any, nobody.
    """
    return await asyncio.to_thread(_fetch, url, roots)


async def upload(url: str, content: bytes, roots: tuple[str, ...] = ()) -> None:
    """PUT a file. Raises OSError or ValueError when that does not work."""
    await asyncio.to_thread(_put, url, content, roots)


def supported(url: str) -> bool:
    """Tell whether the station can use this address at all."""
    parts = urlsplit(url)
    return parts.scheme in SCHEMES and bool(parts.hostname)


def _fetch(url: str, roots: tuple[str, ...]) -> bytes:
    _check(url)
    image, tag = bytearray(), ""
    for _ in range(1 + RESUMED):
        headers = {"Range": f"bytes={len(image)}-", **({"If-Range": tag} if tag else {})} if image else {}
        try:
            with _open(_request(url, None, headers), roots) as response:
                if image and response.status != _PARTIAL:
                    image.clear()
                tag = response.headers.get("ETag", "")
                image += response.read(LARGEST_IMAGE + 1 - len(image))
        except IncompleteRead as broken:
            image += broken.partial
            continue
        if len(image) > LARGEST_IMAGE:
            raise ValueError("the file is larger than the station's memory")
        return bytes(image)
    raise OSError("the download broke off too often")


def _put(url: str, content: bytes, roots: tuple[str, ...]) -> None:
    _check(url)
    with _open(_request(url, content, {}), roots):
        return


def _open(request: urllib.request.Request, roots: tuple[str, ...]) -> HTTPResponse:
    context = shared_context(roots) if request.type == "https" else None
    response: HTTPResponse = urllib.request.urlopen(request, timeout=WITHIN, context=context)  # noqa: S310 - checked
    return response


def _check(url: str) -> None:
    if not supported(url):
        raise ValueError(f"no {' or '.join(SCHEMES)} address: {urlsplit(url).scheme}")


def _request(url: str, content: bytes | None, headers: dict[str, str]) -> urllib.request.Request:
    """Build GET or PUT; credentials in the address become a Basic header (2.1 TC_N_102)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(  # noqa: S310 - scheme checked by the caller
        urlunsplit(parts._replace(netloc=host)), content, headers, method="GET" if content is None else "PUT"
    )
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(pair).decode())
    return request

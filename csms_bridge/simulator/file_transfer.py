"""Firmware in, logs out: plain HTTP as the standard library does it, in a thread so that no station waits."""

from __future__ import annotations

import asyncio
import base64
import urllib.request
from urllib.parse import unquote, urlsplit, urlunsplit

SCHEMES = ("http", "https")
LARGEST_IMAGE = 64 * 1024 * 1024
WITHIN = 30.0


async def download(url: str) -> bytes:
    """Fetch a file of at most 64 MiB. Raises OSError or ValueError when that does not work."""
    return await asyncio.to_thread(_transfer, url, None)


async def upload(url: str, content: bytes) -> None:
    """PUT a file. Raises OSError or ValueError when that does not work."""
    await asyncio.to_thread(_transfer, url, content)


def supported(url: str) -> bool:
    """Tell whether the station can use this address at all."""
    parts = urlsplit(url)
    return parts.scheme in SCHEMES and bool(parts.hostname)


def _transfer(url: str, content: bytes | None) -> bytes:
    if not supported(url):
        raise ValueError(f"no {' or '.join(SCHEMES)} address: {urlsplit(url).scheme}")
    request = _request(url, content)
    with urllib.request.urlopen(request, timeout=WITHIN) as response:  # noqa: S310 - scheme checked above
        body: bytes = response.read(LARGEST_IMAGE + 1)
    if len(body) > LARGEST_IMAGE:
        raise ValueError("the file is larger than the station's memory")
    return body


def _request(url: str, content: bytes | None) -> urllib.request.Request:
    """Build GET or PUT; credentials in the address become a Basic header (2.1 TC_N_102)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(  # noqa: S310 - scheme checked by the caller
        urlunsplit(parts._replace(netloc=host)), data=content, method="GET" if content is None else "PUT"
    )
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        request.add_header("Authorization", "Basic " + base64.b64encode(pair).decode())
    return request

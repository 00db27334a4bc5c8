"""What a socket says before TLS or HTTP: a PROXY header from those who send one, and whether TLS follows."""

import asyncio
import contextlib
import socket

from csms_bridge.proxy_protocol import Source, missing, read_header

TLS_HANDSHAKE = 0x16
"""The first byte of a TLS record of type handshake (RFC 8446 §5.1); an HTTP request begins with a letter."""


async def read_source(peer: socket.socket) -> Source:
    """Read a PROXY header and not an octet more. Raises MalformedProxyHeader, ConnectionResetError, OSError."""
    loop = asyncio.get_running_loop()
    header = b""
    while wanted := missing(header):
        octets = await loop.sock_recv(peer, wanted)
        if not octets:
            raise ConnectionResetError("the peer left in the middle of a PROXY header")
        header += octets
    return read_header(header)


async def peek(peer: socket.socket) -> bytes:
    """The first octets that a peer sent, left in the socket; none when it closed without a word."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(peer.fileno(), _resolve, readable)
    try:
        await readable
    finally:
        loop.remove_reader(peer.fileno())
    with contextlib.suppress(BlockingIOError):
        return peer.recv(12, socket.MSG_PEEK)
    return b""


def _resolve(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)

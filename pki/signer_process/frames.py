"""What goes over the socket: JSON objects, each behind its length in four octets, in network order.

Whoever is on the other side, a frame is bounded in size and in time, and is an object or a FrameBroken.
"""

import json
import socket
import struct
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

LONGEST = 96 * 1024 * 1024  # octets: a full revocation list of a million entries, in base64
MOST_AT_ONCE = 512  # things to be signed in one request
_LENGTH = struct.Struct("!I")
_CHUNK = 1 << 16


class FrameBroken(Exception):
    """What came is no frame of ours; the connection is of no use any more."""


class ConnectionEnded(FrameBroken):
    """The other side closed the connection between two frames."""


def send(connection: socket.socket, message: Message) -> None:
    """Send one object. Raises OSError."""
    body = json.dumps(message, separators=(",", ":")).encode()
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive(connection: socket.socket, idle: float, within: float, longest: int = LONGEST) -> Message:
    """The next object: waited for `idle` seconds, and then all of it `within` seconds.

    Raises FrameBroken, ConnectionEnded, TimeoutError, OSError.
    """
    connection.settimeout(idle)
    first = connection.recv(1)
    if not first:
        raise ConnectionEnded("the connection was closed")
    ends = time.monotonic() + within
    (length,) = _LENGTH.unpack(first + _exactly(connection, _LENGTH.size - 1, ends))
    if not 2 <= length <= longest:
        raise FrameBroken(f"a frame of {length} octets")
    return _object(_exactly(connection, length, ends))


def _exactly(connection: socket.socket, length: int, ends: float) -> bytes:
    """Memory grows with what came, not with what was announced."""
    parts = bytearray()
    while len(parts) < length:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("a frame took too long")
        connection.settimeout(left)
        part = connection.recv(min(_CHUNK, length - len(parts)))
        if not part:
            raise FrameBroken("the connection was closed within a frame")
        parts += part
    return bytes(parts)


def _object(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise FrameBroken("a frame that is no JSON") from None
    if not isinstance(message, dict):
        raise FrameBroken("a frame that is no object")
    return message


def encode(octets: bytes) -> str:
    """Octets as JSON can carry them."""
    return b64encode(octets).decode("ascii")


def decode(text: object) -> bytes:
    """The octets again. Raises FrameBroken."""
    if not isinstance(text, str):
        raise FrameBroken("something that is no base64")
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise FrameBroken("something that is no base64") from None

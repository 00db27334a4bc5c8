"""The PROXY protocol, versions 1 and 2: where a connection comes from, told by a load balancer in front of it. Pure.

After HAProxy's proxy-protocol.txt (2020/03/05). A header is believed only from peers that are named in the settings;
from those it is demanded, since a receiver that guesses can be told anything by anybody.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
"""The first 12 octets of version 2; no HTTP request and no TLS record begins like this."""
V1 = b"PROXY "
LONGEST_V1 = 107
LONGEST_V2 = 4096
"""Version 2 allows 64 KiB of additions; nobody sends more than a few hundred octets."""

_FIXED = 16
_ADDRESSES = {0x11: (IPv4Address, 4), 0x21: (IPv6Address, 16)}
_LOCAL, _PROXY = 0x20, 0x21
_LINE = re.compile(rb"PROXY (TCP4|TCP6) ([0-9a-fA-F.:]{2,39}) ([0-9a-fA-F.:]{2,39}) ([0-9]{1,5}) ([0-9]{1,5})\r\n")
_SHORTEST_V1 = len(b"PROXY UNKNOWN\r\n")


class MalformedProxyHeader(ValueError):
    """What came is no header of either version."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the connection comes from; no address when the balancer speaks for itself (a health check)."""

    address: str | None
    port: int = 0


def begins_header(head: bytes) -> bool:
    """Whether the first octets of a connection are those of a header, or may become so."""
    return bool(head) and (V1.startswith(head[: len(V1)]) or SIGNATURE.startswith(head[: len(SIGNATURE)]))


def missing(head: bytes) -> int:
    """How many octets to read next, never past the header's end; 0 when it is complete.

    Raises MalformedProxyHeader as soon as no header can come of `head`.
    """
    if not head:
        return len(SIGNATURE)
    if not begins_header(head):
        raise MalformedProxyHeader("the connection does not begin with a PROXY header")
    return _missing_v1(head) if head.startswith(V1[:1]) else _missing_v2(head)


def read_header(header: bytes) -> Source:
    """The source in a complete header. Raises MalformedProxyHeader."""
    if missing(header):
        raise MalformedProxyHeader("the header is cut off")
    return _read_v1(header) if header.startswith(V1) else _read_v2(header)


def _missing_v1(head: bytes) -> int:
    if head.endswith(b"\n"):
        return 0
    if len(head) >= LONGEST_V1:
        raise MalformedProxyHeader("a header of version 1 that does not end")
    return max(_SHORTEST_V1 - len(head), 1)


def _missing_v2(head: bytes) -> int:
    if len(head) < _FIXED:
        return _FIXED - len(head)
    whole = _FIXED + int.from_bytes(head[14:16])
    if whole > LONGEST_V2:
        raise MalformedProxyHeader("a header of version 2 that is too long")
    return whole - len(head)


def _read_v1(header: bytes) -> Source:
    if header.startswith(b"PROXY UNKNOWN") and header.endswith(b"\r\n"):
        return Source(None)
    found = _LINE.fullmatch(header)
    if found is None:
        raise MalformedProxyHeader("a header of version 1 that breaks its grammar")
    family, source, destination, *ports = (part.decode("ascii") for part in found.groups())
    kind = IPv4Address if family == "TCP4" else IPv6Address
    try:
        told, _ = kind(source), kind(destination)
    except ValueError:
        raise MalformedProxyHeader(f"a header of version 1 whose addresses are not {family}") from None
    if any(int(port) > 0xFFFF or port != str(int(port)) for port in ports):
        raise MalformedProxyHeader("a header of version 1 with a port that is none")
    return Source(str(told), int(ports[0]))


def _read_v2(header: bytes) -> Source:
    version_and_command, family = header[12], header[13]
    if version_and_command not in (_LOCAL, _PROXY):
        raise MalformedProxyHeader("a header of an unknown version or command")
    if version_and_command == _LOCAL or family == 0:
        return Source(None)
    if family not in _ADDRESSES:
        raise MalformedProxyHeader("a header for something other than TCP over IP")
    kind, length = _ADDRESSES[family]
    body = header[_FIXED:]
    if len(body) < 2 * length + 4:
        raise MalformedProxyHeader("a header of version 2 too short for its addresses")
    return Source(str(kind(body[:length])), int.from_bytes(body[2 * length : 2 * length + 2]))

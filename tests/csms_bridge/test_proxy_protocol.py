"""The PROXY protocol's two headers, whole, cut off and broken."""

from ipaddress import ip_address

import pytest

from csms_bridge.proxy_protocol import (
    LONGEST_V2,
    SIGNATURE,
    MalformedProxyHeader,
    Source,
    begins_header,
    missing,
    read_header,
)

V1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 40001 8887\r\n"


def v2(command: int = 0x21, family: int = 0x11, body: bytes | None = None, length: int | None = None) -> bytes:
    if body is None:
        body = ip_address("203.0.113.7").packed + ip_address("192.0.2.1").packed + (40001).to_bytes(2) + bytes(2)
    return SIGNATURE + bytes((command, family)) + (len(body) if length is None else length).to_bytes(2) + body


IPV6 = ip_address("2001:db8::7").packed + ip_address("2001:db8::1").packed + (40001).to_bytes(2) + bytes(2)


@pytest.mark.parametrize(
    ("header", "source"),
    [
        (V1, Source("203.0.113.7", 40001)),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 40001 8887\r\n", Source("2001:db8::7", 40001)),
        (b"PROXY UNKNOWN\r\n", Source(None)),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Source(None)),
        (v2(), Source("203.0.113.7", 40001)),
        (v2(family=0x21, body=IPV6), Source("2001:db8::7", 40001)),
        (v2(family=0x21, body=IPV6 + b"\x04\x00\x03abc"), Source("2001:db8::7", 40001)),  # with an addition
        (v2(command=0x20), Source(None)),  # the balancer's own health check
        (v2(family=0x00, body=b""), Source(None)),
    ],
)
def test_tells_where_the_connection_comes_from(header: bytes, source: Source) -> None:
    assert read_header(header) == source


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 203.0.113.7 192.0.2.1 40001\r\n",
        b"PROXY TCP4 203.0.113.256 192.0.2.1 40001 8887\r\n",
        b"PROXY TCP4 2001:db8::7 192.0.2.1 40001 8887\r\n",
        b"PROXY TCP6 203.0.113.7 192.0.2.1 40001 8887\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 70000 8887\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 040001 8887\r\n",
        b"PROXY TCP4  203.0.113.7 192.0.2.1 40001 8887\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 40001 8887\n",
        b"PROXY UDP4 203.0.113.7 192.0.2.1 40001 8887\r\n",
        b"PROXY " + b"x" * 101,
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        v2(command=0x11),
        v2(command=0x22),
        v2(family=0x12),  # UDP
        v2(family=0x31, body=bytes(216)),  # a unix socket
        v2(body=bytes(11)),
        v2(family=0x21, body=bytes(35)),
        v2(length=LONGEST_V2),
        v2()[:-1],
        b"",
    ],
)
def test_refuses_anything_else(header: bytes) -> None:
    with pytest.raises(MalformedProxyHeader):
        read_header(header)


@pytest.mark.parametrize("header", [V1, v2(), v2(family=0x21, body=IPV6 + bytes(60)), b"PROXY UNKNOWN\r\n"])
def test_never_asks_for_an_octet_beyond_the_header(header: bytes) -> None:
    """What follows belongs to TLS or HTTP; it comes in whatever pieces."""
    for chunk in (1, 3, 1000):
        taken = b""
        while wanted := missing(taken):
            assert len(taken) + wanted <= len(header)
            taken += header[len(taken) : len(taken) + min(wanted, chunk)]
        assert taken == header


@pytest.mark.parametrize("head", [b"X", b"PRX", b"\r\n\r\n\x01", b"GET"])
def test_gives_up_at_the_first_octet_that_cannot_be(head: bytes) -> None:
    with pytest.raises(MalformedProxyHeader):
        missing(head)


def test_knows_a_header_when_it_begins() -> None:
    assert begins_header(V1)
    assert begins_header(v2())
    assert not begins_header(b"GET /")
    assert not begins_header(b"\x16\x03\x01")
    assert not begins_header(b"")

"""Sockets that say exactly what a test wants, from whatever loopback address it wants."""

import base64
import os
import socket
import ssl
import struct
from collections.abc import Mapping


def dial(port: int, source: str = "127.0.0.1", timeout: float = 10) -> socket.socket:
    """A TCP connection from one of the loopback's many addresses."""
    return socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))


def over_tls(plain: socket.socket, suites: str | None = None) -> ssl.SSLSocket:
    """TLS without a look at the server's certificate; with `suites` given, TLS 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if suites is not None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suites)
    return context.wrap_socket(plain)


def request(identity: str, password: str | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """An upgrade request, octet by octet."""
    lines = [
        f"GET /ocpp/{identity} HTTP/1.1", "Host: csms.example", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: ocpp1.6",
    ]  # fmt: skip
    if password is not None:
        lines.append("Authorization: Basic " + base64.b64encode(f"{identity}:{password}".encode()).decode())
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def status_of(peer: socket.socket) -> int | None:
    """The HTTP status that comes; None when the peer hangs up without one."""
    answer = b""
    try:
        while b"\r\n\r\n" not in answer:
            octets = peer.recv(4096)
            if not octets:
                break
            answer += octets
    except ConnectionResetError:
        pass
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else None


def upgrade(
    port: int,
    identity: str,
    password: str | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    source: str = "127.0.0.1",
    before: bytes = b"",
    tls: bool = False,
) -> int | None:
    """The status that one upgrade request gets."""
    with dial(port, source) as plain:
        try:
            plain.sendall(before)
            with over_tls(plain) if tls else plain as peer:
                peer.sendall(request(identity, password, headers))
                return status_of(peer)
        except (BrokenPipeError, ConnectionResetError):
            return None


def frame(payload: bytes, opcode: int = 1, *, compressed: bool = False, fin: bool = True) -> bytes:
    """A masked WebSocket frame (RFC 6455 §5.2), under a mask of zeros."""
    head = bytes(((0x80 if fin else 0) | (0x40 if compressed else 0) | opcode,))
    if len(payload) < 126:
        return head + bytes((0x80 | len(payload),)) + bytes(4) + payload
    if len(payload) < 1 << 16:
        return head + b"\xfe" + struct.pack(">H", len(payload)) + bytes(4) + payload
    return head + b"\xff" + struct.pack(">Q", len(payload)) + bytes(4) + payload


def closed_with(peer: socket.socket) -> int | None:
    """The code of the close frame that comes; None when the line just ends. Frames before it are passed over."""
    stream = b""
    try:
        while octets := peer.recv(65536):
            stream += octets
    except (ConnectionResetError, TimeoutError):
        pass
    while len(stream) >= 2:
        opcode, length, start = stream[0] & 0x0F, stream[1] & 0x7F, 2
        if length == 126:
            length, start = struct.unpack(">H", stream[2:4])[0], 4
        elif length == 127:
            length, start = struct.unpack(">Q", stream[2:10])[0], 10
        if opcode == 8:
            return int(struct.unpack(">H", stream[start : start + 2])[0])
        stream = stream[start + length :]
    return None

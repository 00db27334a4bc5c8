"""What a TLS-terminating edge tells in HTTP headers of the connection that it ended. Pure.

Three forms of a client certificate are read: URL-encoded PEM (nginx `$ssl_client_escaped_cert`), Envoy's
`x-forwarded-client-cert`, and RFC 9440's `Client-Cert`. Whether the teller is to be believed is decided elsewhere.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from cryptography import x509

from csms_bridge.named_peers import NamedPeers, address_in
from pki.foreign_certificates import UNREADABLE

MOST_CERTIFICATES = 6
_BASE64 = re.compile(r":([A-Za-z0-9+/=]*):")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")
_CIPHER = re.compile(r"[A-Za-z0-9_-]{1,64}")


class EdgeForm(StrEnum):
    """How the edge writes a client certificate."""

    PEM = "pem"
    ENVOY = "envoy"
    RFC9440 = "rfc9440"

    @property
    def header(self) -> str:
        """The header that is usual for it."""
        return _USUAL[self]


_USUAL = {
    EdgeForm.PEM: "X-SSL-Client-Cert",
    EdgeForm.ENVOY: "X-Forwarded-Client-Cert",
    EdgeForm.RFC9440: "Client-Cert",
}
CHAIN_HEADER = "Client-Cert-Chain"
"""RFC 9440 §2.3: the certificates above it, the leaf's issuer first."""


class BrokenEdgeHeader(ValueError):
    """The edge's words cannot be read."""


@dataclass(frozen=True, slots=True)
class ShownChain:
    """A client certificate and what came with it, none of it verified yet."""

    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...]


def read_certificate(form: EdgeForm, value: str, chain: str = "") -> ShownChain | None:
    """The client certificate in a header; None when the station showed none. Raises BrokenEdgeHeader.

    `chain` is RFC 9440's second header, if there is one.
    """
    match form:
        case EdgeForm.PEM:
            ders = _pem_blocks(value)
        case EdgeForm.ENVOY:
            ders = _envoy_blocks(value)
        case EdgeForm.RFC9440:
            ders = [*_byte_sequences(value, at_most=1), *_byte_sequences(chain, at_most=MOST_CERTIFICATES)]
    if not ders:
        return None
    if len(ders) > MOST_CERTIFICATES:
        raise BrokenEdgeHeader(f"more than {MOST_CERTIFICATES} certificates in a header")
    leaf, *others = [_loaded(der) for der in ders]
    return ShownChain(leaf, tuple(others))


def read_tls_version(told: str, proto: str) -> str | None:
    """The TLS version below the edge, `TLS` when it tells only that there was one, None for a plain line.

    Raises BrokenEdgeHeader for a version that is too old (A00.FR.313/.416), and when the two contradict each other.
    """
    told, proto = told.strip(), proto.strip().lower()
    if proto not in ("", "http", "ws", "https", "wss"):
        raise BrokenEdgeHeader(f"an unknown protocol {proto[:20]!r}")
    if told in ("", "-"):
        return "TLS" if proto in ("https", "wss") else None
    if told not in _TLS_VERSIONS:
        raise BrokenEdgeHeader(f"TLS of version {told[:20]!r}")
    if proto in ("http", "ws"):
        raise BrokenEdgeHeader(f"{told} over {proto}")
    return told


def read_cipher(told: str) -> str | None:
    """The suite, when it looks like one."""
    return told if _CIPHER.fullmatch(told) else None


def read_address(forwarded_for: str, edges: NamedPeers) -> str | None:
    """The client's address in X-Forwarded-For: the last one that is no edge itself; what stands before, anybody wrote.

    None when none was told. Raises BrokenEdgeHeader.
    """
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    for hop in reversed(hops):
        address = address_in(_without_port(hop))
        if address is None:
            raise BrokenEdgeHeader("a forwarded address that is none")
        if not edges.holds(str(address)):
            return str(address)
    return None


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _pem_blocks(value: str) -> list[bytes]:
    if value.strip() in ("", "-"):
        return []
    text = unquote_to_bytes(value)
    bodies = _PEM.findall(text)
    if not bodies or _PEM.sub(b"", text).strip():
        raise BrokenEdgeHeader("not certificates in PEM")
    return [_base64(b"".join(body.split())) for body in bodies]


def _byte_sequences(value: str, at_most: int) -> list[bytes]:
    """RFC 8941 §3.3.5, in a list."""
    if not value.strip():
        return []
    parts = [part.strip() for part in value.split(",")]
    found = [_BASE64.fullmatch(part) for part in parts]
    if len(parts) > at_most or not all(found):
        raise BrokenEdgeHeader("not a byte sequence between colons")
    return [_base64(one[1].encode()) for one in found if one is not None]


def _envoy_blocks(value: str) -> list[bytes]:
    """`Chain` when it is there, which begins with the leaf; else `Cert`.

    Each proxy appends an element; the last is the edge's own, whatever a client may have written before it.
    """
    if not value.strip():
        return []
    pairs: dict[str, str] = {}
    for key, told in _pairs(_split(value, ",")[-1]):
        if key in pairs and key in ("cert", "chain"):
            raise BrokenEdgeHeader(f"{key} twice")
        pairs[key] = told
    leaf, chain = _pem_blocks(pairs.get("cert", "")), _pem_blocks(pairs.get("chain", ""))
    if leaf and chain and leaf[0] != chain[0]:
        raise BrokenEdgeHeader("a chain that is not the certificate's")
    return chain or leaf


def _pairs(element: str) -> Iterator[tuple[str, str]]:
    for pair in _split(element, ";"):
        key, equals, told = pair.partition("=")
        if not equals and pair.strip():
            raise BrokenEdgeHeader("an element without a value")
        told = told.strip()
        quoted = len(told) >= 2 and told[0] == told[-1] == '"'
        yield key.strip().lower(), re.sub(r"\\(.)", r"\1", told[1:-1]) if quoted else told


def _split(text: str, at: str) -> Sequence[str]:
    """Parts between `at`, which may also stand inside quotation marks."""
    parts, begun, quoted, escaped = [], 0, False, False
    for place, sign in enumerate(text):
        if escaped:
            escaped = False
        elif sign == "\\" and quoted:
            escaped = True
        elif sign == '"':
            quoted = not quoted
        elif sign == at and not quoted:
            parts.append(text[begun:place])
            begun = place + 1
    if quoted:
        raise BrokenEdgeHeader("quotation marks that do not end")
    return [*parts, text[begun:]]


def _base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise BrokenEdgeHeader("not base64") from None


def _loaded(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except UNREADABLE:
        raise BrokenEdgeHeader("not a certificate") from None

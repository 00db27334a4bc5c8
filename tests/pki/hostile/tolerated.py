"""Odd requests that must be read: each the field has shown, or a widespread library makes."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.der import integer, octet_string, sequence, tlv
from tests.pki.hostile.keys import ec_spki
from tests.pki.hostile.names import common_name
from tests.pki.hostile.pieces import (
    BMP,
    COMMON_NAME,
    COUNTRY,
    IA5,
    NULL,
    ORGANISATION,
    PRINTABLE,
    TELETEX,
    UNIVERSAL,
    ec_key,
    extension,
    extension_request,
    name,
    oid,
    pair,
    pem,
    request,
)
from tests.pki.hostile.signatures import by_ec, by_rsa


@dataclass(frozen=True)
class Tolerated:
    """A request that must be read, and what is noted about it."""

    name: str
    make: Callable[[], str | bytes]
    oddities: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def compressed_request() -> bytes:
    encoded = ec_key().public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return request(spki=ec_spki(encoded))


def everest_request() -> bytes:
    """As EVerest asks: C, O, CN, DC; key usage, and basic constraints marked critical."""
    subject = name(
        pair(COUNTRY, "NL", PRINTABLE),
        pair(ORGANISATION, "Acme Charging"),
        pair(COMMON_NAME, "SN-1"),
        pair("0992268993f22c640119", "CPO", IA5),
    )
    usage = extension("551d0f", bytes.fromhex("03020388"))
    constraints = sequence(oid("551d13"), b"\x01\x01\xff", octet_string(sequence()))
    return request(subject=subject, attributes=extension_request(usage, constraints))


TOLERATED = [
    Tolerated("version 2, as open-ocpp writes", lambda: request(version=integer(1)), ("version 2",)),
    Tolerated("version 3", lambda: request(version=integer(2)), ("version 3",)),
    Tolerated("no attributes, not even an empty field", lambda: request(attributes=None), ("no attributes field",)),
    Tolerated(
        "ECDSA with NULL, as Mbed TLS wrote",
        lambda: by_ec(sequence(oid("2a8648ce3d040302"), NULL)),
        ("ECDSA with parameters NULL",),
    ),
    Tolerated(
        "RSA without NULL", lambda: by_rsa(sequence(oid("2a864886f70d01010b"))), ("RSA without parameters NULL",)
    ),
    Tolerated("everything that EVerest asks for", everest_request),
    Tolerated(
        "an authority's extensions, marked critical",
        lambda: request(
            attributes=extension_request(
                sequence(oid("551d13"), b"\x01\x01\xff", octet_string(sequence(b"\x01\x01\xff")))
            )
        ),
    ),
    Tolerated(
        "a wildcard among the host names",
        lambda: request(attributes=extension_request(extension("551d11", sequence(tlv(0x82, b"*.example"))))),
    ),
    Tolerated(
        "an extension that holds the words of PEM",
        lambda: request(attributes=extension_request(extension("551d11", b"-----BEGIN CERTIFICATE REQUEST-----"))),
    ),
    Tolerated(
        "an extension that cannot be read",
        lambda: request(attributes=extension_request(extension("551d11", b"\xff\xff"))),
    ),
    Tolerated("a compressed point", compressed_request),
    Tolerated("a name in a PrintableString", lambda: common_name("SN-1", PRINTABLE)),
    Tolerated("a name in an IA5String", lambda: common_name("SN-1", IA5)),
    Tolerated("a name in a TeletexString", lambda: common_name("SN-1", TELETEX)),
    Tolerated("a name in a BMPString", lambda: common_name("SN-1".encode("utf-16-be"), BMP)),
    Tolerated("a name in a UniversalString", lambda: common_name("SN-1".encode("utf-32-be"), UNIVERSAL)),
    Tolerated(
        "an underscore in a PrintableString",
        lambda: request(subject=name(pair(COMMON_NAME, "SN-1"), pair("2a864886f70d010901", "a_b@c", PRINTABLE))),
    ),
    Tolerated("no subject", lambda: request(subject=sequence())),
    Tolerated("CR LF", lambda: pem(request()).replace("\n", "\r\n")),
    Tolerated("no last line end", lambda: pem(request()).rstrip()),
    Tolerated("line ends spelt out", lambda: pem(request()).replace("\n", "\\n")),
    Tolerated("line ends spelt out twice", lambda: pem(request()).replace("\n", "\\r\\n")),
    Tolerated("one long line", lambda: pem(request()).replace("\n", "")),
    Tolerated("tabs for line ends", lambda: pem(request()).replace("\n", "\t")),
    Tolerated("blanks around every line", lambda: pem(request()).replace("\n", "  \n  ")),
    Tolerated("a byte order mark", lambda: b"\xef\xbb\xbf" + pem(request()).encode()),
    Tolerated("words around the block", lambda: "Certificate Request:\n    Data:\n" + pem(request()) + "\nbye"),
    Tolerated("the old label", lambda: pem(request(), "NEW CERTIFICATE REQUEST")),
    Tolerated("base64 without armour", lambda: b64encode(request()).decode(), ("base64 without PEM armour",)),
    Tolerated(
        "base64 without armour in lines",
        lambda: "\r\n".join(pem(request()).splitlines()[1:-1]),
        ("base64 without PEM armour",),
    ),
    Tolerated("hex, as in the first edition of the whitepaper", lambda: request().hex(), ("hex instead of PEM",)),
    Tolerated("plain DER", request),
]

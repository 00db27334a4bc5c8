"""Octets that are no PKCS#10 request in DER, or more of one than is reasonable."""

from pki.der import bit_string, integer, octet_string, sequence, tlv
from tests.pki.hostile.pieces import (
    COMMON_NAME,
    COUNTRY,
    ECDSA,
    EXTENSION_REQUEST,
    NULL,
    SN_1,
    UTF8,
    Case,
    ec_key,
    extension,
    extension_request,
    information,
    name,
    oid,
    pair,
    request,
    signed_request,
    spki_of,
)


def nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = sequence(inner)
    return inner


def indefinite(whole: bytes) -> bytes:
    """The same element with the indefinite length of BER (X.690 §8.1.3.6)."""
    return bytes((whole[0], 0x80)) + whole[4:] + b"\0\0"


def long_length(whole: bytes) -> bytes:
    """The same element with an octet too many in its length."""
    return whole[:1] + b"\x83\x00" + whole[2:4] + whole[4:]


def large(**parts: object) -> bytes:
    """A request of more than 255 octets, whose length takes two."""
    whole = request(attributes=extension_request(extension("551d11", bytes(300))), **parts)
    assert whole[1] == 0x82
    return whole


def many_attributes(count: int) -> bytes:
    return b"".join(sequence(oid(f"2a03{number:02x}"), tlv(0x31, NULL)) for number in range(count))


def constructed_name() -> bytes:
    """A CN in two pieces, as BER allows and DER does not."""
    return name(sequence(oid(COMMON_NAME), tlv(0x2C, tlv(UTF8, b"SN-") + tlv(UTF8, b"1"))))


STRUCTURES = [
    Case("an empty sequence", "unreadable", lambda: sequence()),
    Case("the last octet cut off", "unreadable", lambda: request()[:-1]),
    Case("an octet after the end", "unreadable", lambda: request() + b"\x00"),
    Case("a second request after the end", "unreadable", lambda: request() * 2),
    Case("an indefinite length", "unreadable", lambda: indefinite(large())),
    Case("a length longer than need be", "unreadable", lambda: long_length(large())),
    Case("a length of four gigabytes", "unreadable", lambda: b"\x30\x84\xff\xff\xff\xff" + request()),
    Case("a length of 126 octets", "unreadable", lambda: b"\x30\xfe" + b"\xff" * 126),
    Case("a tag with many octets", "unreadable", lambda: request(attributes=b"\x3f" + b"\xff" * 50 + b"\x01\x00")),
    Case("a tag of end-of-contents", "unreadable", lambda: request(attributes=b"\x00\x00")),
    Case("no signature", "unreadable", lambda: sequence(information(), ECDSA["sha256"])),
    Case(
        "two signatures",
        "unreadable",
        lambda: sequence(information(), ECDSA["sha256"], bit_string(b"1"), bit_string(b"2")),
    ),
    Case(
        "a signature with unused bits",
        "unreadable",
        lambda: sequence(information(), ECDSA["sha256"], tlv(3, b"\x04" + bytes(70))),
    ),
    Case(
        "an octet string for the information",
        "unreadable",
        lambda: sequence(octet_string(information()), ECDSA["sha256"], bit_string(b"1")),
    ),
    Case(
        "an unknown field after the attributes",
        "unreadable",
        lambda: signed_request(sequence(integer(0), SN_1, spki_of(ec_key()), tlv(0xA0, b""), tlv(0xA1, b""))),
    ),
    Case(
        "a certificate in place of a request",
        "unreadable",
        lambda: sequence(sequence(integer(1), SN_1, SN_1, SN_1), ECDSA["sha256"], bit_string(b"1")),
    ),
    Case("a negative version", "unreadable", lambda: request(version=tlv(2, b"\xff"))),
    Case("a version without octets", "unreadable", lambda: request(version=tlv(2, b""))),
    Case("version 4", "bad-version", lambda: request(version=integer(3))),
    Case("a version of ten thousand octets", "bad-version", lambda: request(version=integer(1 << 80_000))),
    Case("five thousand levels", "too-complex", lambda: request(attributes=nested(3000))),
    Case("thirteen levels", "too-complex", lambda: request(attributes=nested(13))),
    Case("four thousand elements", "too-complex", lambda: request(attributes=NULL * 4000)),
    Case("four thousand names", "too-complex", lambda: request(subject=name(*[pair(COUNTRY, "NL")] * 600))),
    Case("seventeen attributes", "too-complex", lambda: request(attributes=many_attributes(17))),
    Case(
        "thirty-three extensions",
        "too-complex",
        lambda: request(attributes=extension_request(*(extension(f"2a03{n:02x}") for n in range(33)))),
    ),
    Case("an attribute that is none", "unreadable", lambda: request(attributes=NULL)),
    Case("an attribute without values", "unreadable", lambda: request(attributes=sequence(oid("2a03")))),
    Case(
        "a list of extensions that is none",
        "unreadable",
        lambda: request(attributes=sequence(EXTENSION_REQUEST, tlv(0x31, NULL))),
    ),
    Case("an extension that is empty", "unreadable", lambda: request(attributes=extension_request(sequence()))),
    Case(
        "two lists of extensions",
        "bad-attributes",
        lambda: request(attributes=extension_request(extension("551d0f")) * 2),
    ),
    Case(
        "one extension twice",
        "bad-attributes",
        lambda: request(attributes=extension_request(extension("551d11", b"1"), extension("551d11", b"2"))),
    ),
    Case("a name in two pieces", "unreadable", lambda: request(subject=constructed_name())),
]

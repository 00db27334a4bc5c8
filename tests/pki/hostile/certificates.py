"""Certificates that a parser takes and then cannot read, each with its fault."""

from collections.abc import Callable

from pki.der import bit_string, integer, octet_string, sequence, tlv
from tests.pki.hostile.pieces import COMMON_NAME, ECDSA, SN_1, ec_key, extension, name, oid, pair, sign, spki_of

VALIDITY = sequence(tlv(0x17, b"261101000000Z"), tlv(0x17, b"271101000000Z"))
CONSTRAINTS = sequence(oid("551d13"), octet_string(sequence(b"\x01\x01\xff")))


def certificate(
    version: int = 2, spki: bytes = b"", extensions: tuple[bytes, ...] = (CONSTRAINTS,), subject: bytes = SN_1
) -> bytes:
    """A self-signed certificate with these parts (RFC 5280 §4.1)."""
    to_be_signed = sequence(
        tlv(0xA0, integer(version)), integer(1), ECDSA["sha256"], subject, VALIDITY, subject, spki or spki_of(ec_key()),
        tlv(0xA3, sequence(*extensions)),
    )  # fmt: skip
    return sequence(to_be_signed, ECDSA["sha256"], bit_string(sign(ec_key(), to_be_signed)))


BROKEN: dict[str, Callable[[], bytes]] = {
    "version 46": lambda: certificate(version=45),
    "a key of no known kind": lambda: certificate(spki=sequence(sequence(oid("2a0304")), bit_string(b"key"))),
    "a key off its curve": lambda: certificate(spki=spki_of(ec_key())[:-1] + b"\x00"),
    "one extension twice": lambda: certificate(extensions=(CONSTRAINTS, extension("551d0f", b"\x03\x02\x05\xa0") * 2)),
    "a name that is no string": lambda: certificate(subject=name(pair(COMMON_NAME, b"", 0x30))),
    "an extension that cannot be read": lambda: certificate(extensions=(extension("551d0f", b"\xff"),)),
}

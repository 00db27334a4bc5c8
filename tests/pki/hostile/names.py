"""Requests whose subject two readers could read in two ways, or that hides something."""

from pki.der import sequence, tlv
from tests.pki.hostile.pieces import BMP, COMMON_NAME, ORGANISATION, UNIVERSAL, UTF8, Case, name, oid, pair, request


def common_name(text: str | bytes, tag: int = UTF8) -> bytes:
    return request(subject=name(pair(COMMON_NAME, text, tag)))


NAMES = [
    Case("a NUL in the name", "bad-name", lambda: common_name("SN-1\x00.example")),
    Case("a line end in the name", "bad-name", lambda: common_name("SN-1\nSN-2")),
    Case("an escape sequence in the name", "bad-name", lambda: common_name("\x1b[2JSN-1")),
    Case("text that turns right to left", "bad-name", lambda: common_name("SN-\u202e1")),
    Case("a space of no width", "bad-name", lambda: common_name("SN\u200b-1")),
    Case("a character of private use", "bad-name", lambda: common_name("SN-1\ue000")),
    Case("a name of 65 characters", "bad-name", lambda: common_name("SN-1 " + "x" * 60)),
    Case("a name of ten thousand characters", "bad-name", lambda: common_name("S" * 10_000)),
    Case("an organisation of 65 characters", "bad-name", lambda: request(subject=name(pair(ORGANISATION, "x" * 65)))),
    Case(
        "two common names",
        "bad-name",
        lambda: request(subject=name(pair(COMMON_NAME, "SN-1"), pair(COMMON_NAME, "SN-2"))),
    ),
    Case(
        "two organisations", "bad-name", lambda: request(subject=name(pair(ORGANISATION, "A"), pair(ORGANISATION, "B")))
    ),
    Case(
        "two names in one place",
        "bad-name",
        lambda: request(subject=sequence(tlv(0x31, pair(COMMON_NAME, "SN-1") + pair(ORGANISATION, "A")))),
    ),
    Case("an empty place for a name", "bad-name", lambda: request(subject=sequence(tlv(0x31, b"")))),
    Case("a name that is a number", "bad-name", lambda: common_name(b"\x01", 0x02)),
    Case("a name that is a bit string", "bad-name", lambda: common_name(b"\x00SN-1", 0x03)),
    Case("a name that is no UTF-8", "bad-name", lambda: common_name(b"SN-1\xff\xfe")),
    Case("a name with half a surrogate", "bad-name", lambda: common_name(b"\xd8\x00", BMP)),
    Case("a name with an odd number of octets", "bad-name", lambda: common_name(b"\x00S\x00", BMP)),
    Case("a name beyond Unicode", "bad-name", lambda: common_name(b"\x00\x11\x00\x00", UNIVERSAL)),
    Case("a name without a value", "unreadable", lambda: request(subject=name(sequence(oid(COMMON_NAME))))),
    Case("a name that is no set", "unreadable", lambda: request(subject=sequence(pair(COMMON_NAME, "SN-1")))),
]

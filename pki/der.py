"""The few DER forms that we write ourselves (X.690 §8–11). Everything is read back by a library's parser."""

import functools
from datetime import datetime


def tlv(tag: int, content: bytes) -> bytes:
    """One tag-length-value with a definite length, as short as can be (X.690 §10.1)."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of parts that are encoded already."""
    return tlv(0x30, b"".join(parts))


def integer(value: int) -> bytes:
    """INTEGER ≥ 0, with a zero octet in front where the first bit would read as a sign (X.690 §8.3)."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octet_string(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, content)


def bit_string(content: bytes) -> bytes:
    """BIT STRING of whole octets."""
    return tlv(0x03, b"\x00" + content)


@functools.lru_cache(maxsize=256)  # what is made together begins and ends together
def time(moment: datetime) -> bytes:
    """UTCTime through 2049, GeneralizedTime after, in whole seconds (RFC 5280 §4.1.2.5). `moment` is UTC."""
    if moment.year < 2050:
        return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def contents(encoded: bytes, tag: int) -> tuple[bytes, bytes]:
    """The contents of the first tag-length-value, and what follows it. For DER that is known to be sound.

    Raises ValueError for another tag.
    """
    if encoded[:1] != bytes((tag,)):
        raise ValueError(f"expected the tag {tag:#04x}")
    size, start = encoded[1], 2
    if size >= 0x80:
        start += size & 0x7F
        size = int.from_bytes(encoded[2:start], "big")
    return encoded[start : start + size], encoded[start + size :]

"""Whether octets are DER and of a bearable shape, before any parser sees them (X.690 §10).

Parsers differ in what they forgive: an indefinite length, a string in pieces, a length with leading zeros. What two
of them may read differently is refused here, and so is what is nested or split up beyond reason. One pass, no
recursion, a fixed number of elements: the cost has a bound whatever comes in.
"""

from collections.abc import Iterator

_CONSTRUCTED = 0x20
_SEQUENCE_AND_SET = (0x30, 0x31)
_CONTEXT = 0x80


class NotDerError(ValueError):
    """The octets are no DER, or more of it than we read."""


class TooComplexError(NotDerError):
    """More elements, or deeper ones, than any honest sender needs."""


def check_der(encoded: bytes, most: int, deepest: int) -> None:
    """Whether `encoded` is one DER element of at most `most` elements, nested `deepest` deep, and nothing after it.

    What stands inside an OCTET STRING or BIT STRING is not looked at. Raises NotDerError, TooComplexError.
    """
    size = len(encoded)
    ends: list[int] = []
    place = 0
    for _ in range(most):
        tag, start, end = header(encoded, place, ends[-1] if ends else size)
        place = end
        if tag & _CONSTRUCTED:
            if tag not in _SEQUENCE_AND_SET and tag < _CONTEXT:
                raise NotDerError("a string in pieces")
            if len(ends) == deepest:
                raise TooComplexError(f"nested deeper than {deepest}")
            ends.append(end)
            place = start
        while ends and place == ends[-1]:
            ends.pop()
        if not ends:
            if place != size:
                raise NotDerError("octets after the end")
            return
    raise TooComplexError(f"more than {most} elements")


def header(encoded: bytes, place: int, limit: int) -> tuple[int, int, int]:
    """Tag, start and end of the contents of the element at `place`, which must end at `limit` or before.

    Raises NotDerError for a length that is indefinite or longer than need be, and for tag numbers over 30.
    """
    if place + 2 > limit:
        raise NotDerError("cut off")
    tag, size = encoded[place], encoded[place + 1]
    if tag & 0x1F == 0x1F or tag == 0:
        raise NotDerError("a tag that has no place here")
    start = place + 2
    if size >= 0x80:
        start += size & 0x7F
        if size == 0x80 or size > 0x84 or start > limit:
            raise NotDerError("an indefinite or endless length")
        octets = encoded[place + 2 : start]
        size = int.from_bytes(octets, "big")
        if size < 0x80 or octets[0] == 0:
            raise NotDerError("a length longer than need be")
    if start + size > limit:
        raise NotDerError("cut off")
    return tag, start, start + size


def elements(contents: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, contents and whole encoding of each element of a SEQUENCE's or SET's contents. Raises NotDerError."""
    place, limit = 0, len(contents)
    while place < limit:
        tag, start, end = header(contents, place, limit)
        yield tag, contents[start:end], contents[place:end]
        place = end


def parts(contents: bytes, *tags: int) -> list[bytes]:
    """The whole encodings of elements that must have just these tags, in this order. Raises NotDerError."""
    found = list(elements(contents))
    if [tag for tag, _, _ in found] != list(tags):
        raise NotDerError("other elements than expected")
    return [whole for _, _, whole in found]


def inside(encoded: bytes, tag: int) -> bytes:
    """The contents of an element that must have this tag and nothing after it. Raises NotDerError."""
    found, start, end = header(encoded, 0, len(encoded))
    if found != tag or end != len(encoded):
        raise NotDerError(f"expected the tag {tag:#04x}")
    return encoded[start:end]


def natural(encoded: bytes) -> int:
    """The value of an INTEGER ≥ 0, written as short as can be (X.690 §8.3). Raises NotDerError."""
    octets = inside(encoded, 0x02)
    if not octets or octets[0] >= 0x80 or (octets[0] == 0 and len(octets) > 1 and octets[1] < 0x80):
        raise NotDerError("an integer that is negative or longer than need be")
    return int.from_bytes(octets, "big")


def whole_octets(encoded: bytes) -> bytes:
    """The octets of a BIT STRING without unused bits. Raises NotDerError."""
    octets = inside(encoded, 0x03)
    if octets[:1] != b"\x00":
        raise NotDerError("a bit string with unused bits")
    return octets[1:]

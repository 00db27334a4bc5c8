"""DER is let through, BER is not, and nothing costs more than its bounds."""

import pytest
from asn1crypto import parser
from hypothesis import given
from hypothesis import strategies as st

from pki.der import bit_string, integer, octet_string, sequence, tlv
from pki.ocsp_request import MalformedRequestError, read_status_request
from pki.strict_der import NotDerError, TooComplexError, check_der, elements, inside, natural, parts, whole_octets

LEAVES = st.one_of(
    st.integers(0, 1 << 300).map(integer),
    st.binary(max_size=200).map(octet_string),
    st.binary(max_size=9).map(bit_string),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(tlv, st.sampled_from((0x30, 0x31, 0xA0, 0xA3)), st.lists(inner, max_size=4).map(b"".join)),
)


@given(TREES)
def test_lets_every_der_through(encoded: bytes) -> None:
    check_der(encoded, most=1000, deepest=100)
    _, _, _, header, contents, trailer = parser.parse(encoded, strict=True)
    assert header + contents + trailer == encoded


@given(TREES, st.binary(min_size=1, max_size=3))
def test_nothing_may_follow(encoded: bytes, more: bytes) -> None:
    with pytest.raises(NotDerError):
        check_der(encoded + more, most=1000, deepest=100)


@given(TREES, st.data())
def test_nothing_may_be_missing(encoded: bytes, data: st.DataObject) -> None:
    with pytest.raises(NotDerError):
        check_der(encoded[: data.draw(st.integers(0, len(encoded) - 1))], most=1000, deepest=100)


@given(st.binary(max_size=100))
def test_any_octets_are_answered_by_one_kind_of_error(octets: bytes) -> None:
    for read in (lambda: check_der(octets, 50, 5), lambda: list(elements(octets)), lambda: natural(octets)):
        try:
            read()
        except NotDerError:
            continue


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "30",
        "3080" + "0000",  # indefinite length, X.690 §8.1.3.6
        "308100",  # a length longer than need be, §10.1
        "30820001" + "00",
        "30850000000000",  # five octets of length
        "30ff" + "00" * 127,
        "2400",  # an octet string in pieces, §10.2
        "1f8101" + "00",  # a tag over 30
        "0000",  # end of contents
        "300101",  # cut off inside
        "3003020201",  # an element that overruns its parent
    ],
)
def test_refuses_what_is_not_der(encoded: str) -> None:
    with pytest.raises(NotDerError):
        check_der(bytes.fromhex(encoded), most=100, deepest=10)


def test_counts_elements_and_levels() -> None:
    check_der(sequence(*[b"\x05\x00"] * 9), most=10, deepest=1)
    with pytest.raises(TooComplexError, match="10 elements"):
        check_der(sequence(*[b"\x05\x00"] * 10), most=10, deepest=1)
    check_der(sequence(sequence(b"")), most=10, deepest=2)
    with pytest.raises(TooComplexError, match="deeper than 1"):
        check_der(sequence(sequence(b"")), most=10, deepest=1)


@given(st.integers(0, 1 << 400))
def test_numbers_are_read_as_they_are_written(number: int) -> None:
    assert natural(integer(number)) == number


@pytest.mark.parametrize("encoded", ["0200", "0201ff", "02020001", "0401" + "00"])
def test_refuses_numbers_that_are_negative_or_padded(encoded: str) -> None:
    with pytest.raises(NotDerError):
        natural(bytes.fromhex(encoded))


def test_parts_must_be_the_expected_ones() -> None:
    contents = integer(1) + octet_string(b"x")
    assert parts(contents, 0x02, 0x04) == [integer(1), octet_string(b"x")]
    for expected in ((0x02,), (0x04, 0x02), (0x02, 0x04, 0x05)):
        with pytest.raises(NotDerError):
            parts(contents, *expected)
    assert inside(octet_string(b"x"), 0x04) == b"x"
    with pytest.raises(NotDerError):
        inside(octet_string(b"x") + b"\0", 0x04)


def test_a_signature_is_whole_octets() -> None:
    assert whole_octets(bit_string(b"abc")) == b"abc"
    with pytest.raises(NotDerError):
        whole_octets(tlv(0x03, b"\x01abc"))
    with pytest.raises(NotDerError):
        whole_octets(tlv(0x03, b""))


def test_an_ocsp_request_of_thousands_is_refused_before_it_is_parsed() -> None:
    """Anybody may ask, so that the cost must have a bound: the parser takes 0.03 ms for each certificate."""
    cert_id = sequence(sequence(tlv(0x06, b"\x2a\x03")), octet_string(b""), octet_string(b""), integer(1))

    def asking(count: int) -> bytes:
        return sequence(sequence(sequence(*[sequence(cert_id)] * count)))

    assert len(read_status_request(asking(100)).questions) == 100
    for count in (101, 3_000):
        with pytest.raises(MalformedRequestError):
            read_status_request(asking(count))
    with pytest.raises(MalformedRequestError, match="more than 2048 elements"):
        read_status_request(asking(3_000))

"""RFC 9110 §13 and §14: one range, If-Range, If-None-Match; each with what passes and what does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web.ranges import slice_of

TAG = '"abc"'


def asked(size=1000, **headers):
    one = slice_of({name.replace("_", "-"): value for name, value in headers.items()}, size, TAG)
    return one.status, one.start, one.end


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("bytes=0-499", (206, 0, 500)),
        ("bytes=500-", (206, 500, 1000)),
        ("bytes=-300", (206, 700, 1000)),
        ("bytes=-5000", (206, 0, 1000)),
        ("bytes=900-5000", (206, 900, 1000)),
        ("BYTES=0-0", (206, 0, 1)),
        ("bytes=1000-", (416, 0, 0)),
        ("bytes=-0", (416, 0, 0)),
        ("bytes=5-4", (200, 0, 1000)),
        ("bytes=-", (200, 0, 1000)),
        ("bytes=0-1,5-6", (200, 0, 1000)),
        ("lines=0-1", (200, 0, 1000)),
        ("bytes=a-b", (200, 0, 1000)),
        ("bytes=" + "9" * 30 + "-", (200, 0, 1000)),
    ],
)
def test_a_range(said, expected):
    assert asked(range=said) == expected


def test_if_range_serves_a_piece_only_of_the_same_file():
    assert asked(range="bytes=5-", if_range=TAG) == (206, 5, 1000)
    for other in ('"abd"', 'W/"abc"', "Mon, 02 Mar 2026 12:00:00 GMT"):
        assert asked(range="bytes=5-", if_range=other) == (200, 0, 1000)


def test_what_is_known_already_is_not_sent_again():
    assert asked(if_none_match='"x", W/"abc"') == (304, 0, 0)
    assert asked(if_none_match='"x"') == (200, 0, 1000)


def test_headers_say_what_goes_out():
    assert slice_of({"range": "bytes=5-9"}, 10, TAG).headers(TAG) == {
        "ETag": TAG, "Accept-Ranges": "bytes", "Content-Range": "bytes 5-9/10", "Content-Length": "5",
    }  # fmt: skip
    assert slice_of({"range": "bytes=10-"}, 10, TAG).headers(TAG)["Content-Range"] == "bytes */10"


@settings(max_examples=60)
@given(st.text(max_size=30), st.text(max_size=10), st.integers(1, 5000))
def test_whatever_is_asked_the_octets_are_in_the_file(said, condition, size):
    headers = {"range": f"bytes={said}", **({"if-range": condition} if condition else {})}
    one = slice_of(headers, size, TAG)
    assert 0 <= one.start <= one.end <= size
    assert one.status in (200, 206, 416)
    assert (one.status == 206) is (one.length > 0 and one.status != 200)

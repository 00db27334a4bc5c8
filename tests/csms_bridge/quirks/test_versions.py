"""Firmware versions as makers write them, compared leniently."""

import itertools

import pytest

from csms_bridge.quirks.versions import Firmware, version_key

IN_ORDER = ["0.9", "1.4-alpha", "1.4-rc1", "1.4-rc2", "1.4", "1.4b", "1.4-hotfix 2", "1.4.1", "1.10", "2", "2023.11.05"]


@pytest.mark.parametrize(("earlier", "later"), list(itertools.combinations(IN_ORDER, 2)))
def test_versions_are_ordered_by_their_numbers_and_words(earlier, later):
    assert version_key(earlier) < version_key(later)


@pytest.mark.parametrize(
    "spelling", ["1.4", "1.4.0", "V1.04", "v 1.4", "FW1.4.0.0", "firmware-1_4", "1.4+build.77", " 1.4\t"]
)
def test_the_same_version_may_be_spelt_in_many_ways(spelling):
    assert version_key(spelling) == version_key("1.4")


@pytest.mark.parametrize("text", ["", "unknown", "latest", "9" * 40, "٣.١"])
def test_a_text_without_a_number_has_no_place_in_the_order(text):
    assert version_key(text) is None


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        ("*", ["1.0", "", "whatever"], []),
        (">=1.4, <2", ["1.4", "V1.9.9-rc1", "2.0-rc1"], ["1.3.9", "2", "3", "", "beta"]),
        ("<1.4", ["1.3", "1.4-rc1"], ["1.4", ""]),
        (">1.4", ["1.4b", "1.4.1"], ["1.4", "1.4.0"]),
        ("1.4", ["V1.04.0"], ["1.4.1", "1.4-rc1"]),
        ("=1.4", ["1.4.0"], ["1.5"]),
        ("1.4.*", ["1.4.2", "1.4.x"], ["1.5.0", "1.4"]),
        ("A?-*", ["a1-77"], ["B1-77"]),
    ],
)
def test_a_range_covers_what_it_says(range_, inside, outside):
    assert all(Firmware(range_).covers(version) for version in inside)
    assert not any(Firmware(range_).covers(version) for version in outside)


@pytest.mark.parametrize("text", ["", "newest", ">=", ">=x", ">=1, two", "1.4, 1.5"])
def test_refuses_a_range_that_cannot_be_compared(text):
    with pytest.raises(ValueError, match=r"number|bound|write it"):
        Firmware(text)


def test_the_narrower_range_ranks_higher():
    ranks = [Firmware(text).rank for text in ("*", ">=1", ">=1, <2", "1.5")]
    assert ranks == sorted(set(ranks))

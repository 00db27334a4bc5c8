"""Ways up to a root: short, good now, without a loop, whatever the certificates look like."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.chains import Link, Way, find_way
from pki.errors import NoChain

NOW = datetime(2026, 11, 24, tzinfo=UTC)
YEAR = timedelta(days=365)


def link(subject: str, issuer: str, *, path_length: int | None = None, cross: bool = True, serial: str = "1") -> Link:
    return Link(subject, issuer, serial, NOW - YEAR, NOW + YEAR, path_length, cross, False, b"")


OLD = [link("stations", "root", path_length=0, cross=False)]
NEW = [link("stations-2", "root-2", path_length=0, cross=False)]
NEW_BY_OLD, OLD_BY_NEW = link("root-2", "root", path_length=1), link("root", "root-2", path_length=1)
ALL = [*OLD, *NEW, NEW_BY_OLD, OLD_BY_NEW]


def names(way: Way) -> list[str]:
    return [one.subject for one in way]


@pytest.mark.parametrize(
    ("start", "root", "expected"),
    [
        ("stations", "root", ["stations"]),
        ("stations", "root-2", ["stations", "root"]),
        ("stations-2", "root-2", ["stations-2"]),
        ("stations-2", "root", ["stations-2", "root-2"]),
        ("root", "root", []),
        ("root", "root-2", ["root"]),
    ],
)
def test_cross_certificates_both_ways_lead_from_either_hierarchy_to_either_root(
    start: str, root: str, expected: list[str]
) -> None:
    assert names(find_way(start, root, ALL, NOW)) == expected


@pytest.mark.parametrize(
    "spoilt",
    [
        replace(NEW_BY_OLD, is_revoked=True),
        replace(NEW_BY_OLD, not_after=NOW - timedelta(seconds=1)),
        replace(NEW_BY_OLD, not_before=NOW + timedelta(seconds=1)),
        replace(NEW_BY_OLD, path_length=0),  # RFC 5280 §4.2.1.9: an issuing authority stands below it
    ],
)
def test_a_certificate_that_is_no_good_leads_nowhere(spoilt: Link) -> None:
    with pytest.raises(NoChain) as none:
        find_way("stations-2", "root", [*OLD, *NEW, spoilt], NOW)
    assert (none.value.authority, none.value.root) == ("stations-2", "root")


@pytest.mark.parametrize(("start", "root"), [("stations", "nobody"), ("nobody", "root"), ("root", "stations")])
def test_there_is_no_way_to_or_from_what_is_not_there(start: str, root: str) -> None:
    with pytest.raises(NoChain):
        find_way(start, root, ALL, NOW)


def test_the_ends_of_a_life_belong_to_it() -> None:
    """RFC 5280 §4.1.2.5: both times are inclusive."""
    edge = replace(OLD[0], not_before=NOW, not_after=NOW)
    assert find_way("stations", "root", [edge], NOW) == (edge,)


def test_of_two_ways_the_shorter_is_taken() -> None:
    direct = link("stations-2", "root", path_length=0)
    assert find_way("stations-2", "root", [*ALL, direct], NOW) == (direct,)


def test_of_two_certificates_the_parents_then_the_longer_lived_is_taken() -> None:
    own, cross = link("a", "r", cross=False, serial="1"), link("a", "r", serial="2")
    assert find_way("a", "r", [cross, own], NOW) == (own,)
    longer = replace(cross, serial="3", not_after=NOW + 2 * YEAR)
    assert find_way("a", "r", [cross, longer], NOW) == (longer,)


NAMES = st.sampled_from("abcdef")
LINKS = st.builds(
    Link,
    subject=NAMES,
    issuer=NAMES,
    serial=st.sampled_from("123456789"),
    not_before=st.sampled_from([NOW - YEAR, NOW + YEAR]),
    not_after=st.sampled_from([NOW + 2 * YEAR, NOW + 3 * YEAR, NOW - timedelta(days=1)]),
    path_length=st.sampled_from([None, None, 0, 1, 2]),
    is_cross=st.booleans(),
    is_revoked=st.sampled_from([False, False, False, True]),
    der=st.just(b""),
)


@given(start=NAMES, root=NAMES, links=st.lists(LINKS, max_size=20))
def test_every_way_is_a_chain_without_a_loop(start: str, root: str, links: list[Link]) -> None:
    try:
        way = find_way(start, root, links, NOW)
    except NoChain:
        return
    visited = [start, *(one.issuer for one in way)]
    assert visited[-1] == root
    assert len(set(visited)) == len(visited)
    assert all(lower.issuer == upper.subject for lower, upper in pairwise(way))
    assert all(one.is_good(NOW) and one in links for one in way)
    assert all(one.path_length is None or below <= one.path_length for below, one in enumerate(way))


@given(start=NAMES, root=NAMES, links=st.lists(LINKS, max_size=12))
def test_a_way_is_found_when_there_is_one_and_none_is_shorter(start: str, root: str, links: list[Link]) -> None:
    """Compared with walking every way there is."""
    lengths = [len(way) for way in _every_way(start, root, links)]
    try:
        found: int | None = len(find_way(start, root, links, NOW))
    except NoChain:
        found = None
    assert found == min(lengths, default=None)


def _every_way(start: str, root: str, links: list[Link]) -> list[Way]:
    ways: list[Way] = []

    def climb(at: str, way: Way, seen: frozenset[str]) -> None:
        if at == root:
            ways.append(way)
            return
        for one in links:
            fits = one.path_length is None or len(way) <= one.path_length
            if one.subject == at and one.issuer not in seen and fits and one.is_good(NOW):
                climb(one.issuer, (*way, one), seen | {one.issuer})

    climb(start, (), frozenset({start}))
    return ways

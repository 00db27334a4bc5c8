"""The hash tree against another one, written down from RFC 9162 §2.1 as it reads: recursive, slow, and not ours."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.hash_tree import (
    EMPTY,
    consistency_proof,
    grown,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
    tree_root,
)

SIZES = st.integers(min_value=1, max_value=70)


# --- RFC 9162, literally: MTH, PATH, PROOF and the two algorithms of verification


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def mth(entries: list[bytes]) -> bytes:
    """§2.1.1."""
    if not entries:
        return sha(b"")
    if len(entries) == 1:
        return sha(b"\x00" + entries[0])
    k = split(len(entries))
    return sha(b"\x01" + mth(entries[:k]) + mth(entries[k:]))


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """§2.1.3.1."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: list[bytes], known: bool) -> list[bytes]:
    """§2.1.4.1."""
    if m == len(entries):
        return [] if known else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], known), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


def included(entry: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """§2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, sha(b"\x00" + entry)
    for p in proof:
        if sn == 0:
            return False
        if fn % 2 == 1 or fn == sn:
            r = sha(b"\x01" + p + r)
            if fn % 2 == 0:
                while fn % 2 == 0 and fn != 0:
                    fn, sn = fn // 2, sn // 2
        else:
            r = sha(b"\x01" + r + p)
        fn, sn = fn // 2, sn // 2
    return sn == 0 and r == root


def entries_of(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(entry) for entry in entries_of(size)]


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


def test_known_roots() -> None:
    """The vectors that implementations of Certificate Transparency share."""
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    entries = [b"", b"\x00", b"\x10", b" !", b"01", b"@ABC"[:2], b"P", b"`"]
    assert tree_root([leaf_hash(entry) for entry in entries]) == mth(entries)


@given(SIZES)
def test_the_root_is_that_of_the_rfc_and_of_the_frontier(size: int) -> None:
    frontier: tuple[bytes, ...] = ()
    for index, leaf in enumerate(leaves_of(size)):
        frontier = grown(frontier, index, leaf)
    assert tree_root(leaves_of(size)) == root_of(frontier) == mth(entries_of(size))
    assert len(frontier) == size.bit_count()


@given(SIZES, st.data())
def test_an_inclusion_proof_is_that_of_the_rfc(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    entries, proof = entries_of(size), inclusion_proof(leaves_of(size), index)
    assert proof == path(index, entries)
    assert included(entries[index], index, size, proof, mth(entries))
    assert is_included(leaf_hash(entries[index]), index, size, proof, mth(entries))


@given(SIZES, st.data())
def test_a_changed_inclusion_proof_shows_nothing(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves, root = leaves_of(size), mth(entries_of(size))
    proof = inclusion_proof(leaves, index)
    bit = data.draw(st.integers(0, 255))
    for place in range(len(proof)):
        changed = [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]]
        assert not is_included(leaves[index], index, size, changed, root)
    assert not is_included(flipped(leaves[index], bit), index, size, proof, root)
    assert not is_included(leaves[index], index, size, proof, flipped(root, bit))
    assert not is_included(leaves[index], index, size, [*proof, root], root)
    assert not is_included(leaves[index], size, size, proof, root)
    if proof:
        assert not is_included(leaves[index], index, size, proof[:-1], root)
        assert not is_included(leaves[index], index, size, [*proof[:-1], proof[-1][:-1]], root)


@given(SIZES, st.data())
def test_a_consistency_proof_is_that_of_the_rfc_and_convinces(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    entries, proof = entries_of(size), consistency_proof(leaves_of(size), old)
    assert proof == subproof(old, entries, True)
    assert is_consistent(old, size, proof, mth(entries[:old]), mth(entries))


@given(SIZES, st.data())
def test_another_history_is_not_consistent(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    changed = data.draw(st.integers(0, old - 1))
    entries = entries_of(size)
    other = [*entries[:changed], b"another", *entries[changed + 1 :]]
    proof = consistency_proof([leaf_hash(entry) for entry in other], old)
    assert not is_consistent(old, size, proof, mth(entries[:old]), mth(other))
    assert not is_consistent(old, size, [*proof, EMPTY], mth(other[:old]), mth(other))


def test_a_leaf_cannot_be_passed_off_as_a_node() -> None:
    """§2.1.1: that is what the first octet is for."""
    one, two = leaves_of(2)
    assert tree_root([one, two]) != leaf_hash(one + two)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_what_is_not_there_has_no_proof(size: int) -> None:
    leaves = leaves_of(size)
    for index in (-1, size):
        with pytest.raises(IndexError):
            inclusion_proof(leaves, index)
    for old in (0, size + 1):
        with pytest.raises(IndexError):
            consistency_proof(leaves, old)


def test_every_step_of_a_growing_tree_is_consistent() -> None:
    for old, new in pairwise(range(1, 40)):
        proof = consistency_proof(leaves_of(new), old)
        assert is_consistent(old, new, proof, tree_root(leaves_of(old)), tree_root(leaves_of(new)))
    assert not is_consistent(0, 3, [], EMPTY, tree_root(leaves_of(3)))
    assert not is_consistent(3, 2, [], EMPTY, EMPTY)

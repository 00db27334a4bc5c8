"""The hash tree of a transparency log (RFC 9162 §2.1, the same as RFC 6962 §2.1), with SHA-256. Pure.

A leaf is hashed with 0x00 before it and a node with 0x01, so that neither can be passed off as the other. A frontier
is what appending needs of a tree: the roots of its perfect subtrees, the largest first, one for each bit of its size.
"""

import hashlib
import hmac
from collections.abc import Sequence

EMPTY = hashlib.sha256(b"").digest()
"""The root of a tree without leaves (RFC 9162 §2.1.1)."""
_HASH = 32  # octets


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def grown(frontier: Sequence[bytes], size: int, leaf: bytes) -> tuple[bytes, ...]:
    """The frontier after one more leaf (its hash); `size` counts the leaves before."""
    subtrees, node = list(frontier), leaf
    while size & 1:
        node = _node(subtrees.pop(), node)
        size >>= 1
    return (*subtrees, node)


def root_of(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree that has this frontier."""
    if not frontier:
        return EMPTY
    *larger, node = frontier
    for subtree in reversed(larger):
        node = _node(subtree, node)
    return node


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over the hashes of leaves (RFC 9162 §2.1.1)."""
    return _subtree(leaves, 0, len(leaves))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The nodes that lead from leaf `index` (from 0) to the root (RFC 9162 §2.1.3.1). Raises IndexError."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} in a tree of {len(leaves)}")
    proof: list[bytes] = []
    start, end = 0, len(leaves)
    while end - start > 1:
        split = start + _largest_power_below(end - start)
        if index < split:
            proof.append(_subtree(leaves, split, end))
            end = split
        else:
            proof.append(_subtree(leaves, start, split))
            start = split
    return proof[::-1]


def consistency_proof(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """The nodes that show that the first `old` leaves are unchanged (RFC 9162 §2.1.4.1). Raises IndexError."""
    if not 0 < old <= len(leaves):
        raise IndexError(f"a tree of {len(leaves)} leaves had no {old} leaves before")
    proof: list[bytes] = []
    start, end, is_old_root = 0, len(leaves), True
    while old != end:
        split = start + _largest_power_below(end - start)
        if old <= split:
            proof.append(_subtree(leaves, split, end))
            end = split
        else:
            proof.append(_subtree(leaves, start, split))
            start, is_old_root = split, False
    return ([] if is_old_root else [_subtree(leaves, start, end)]) + proof[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that the tree has this leaf (its hash) at `index` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(proof):
        return False
    place, last, node = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = _node(step, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = _node(node, step)
        place, last = place >> 1, last >> 1
    return last == 0 and hmac.compare_digest(node, root)


def is_consistent(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the proof shows that the tree of `new` leaves begins with that of `old` (RFC 9162 §2.1.4.2)."""
    if not 0 < old <= new or not _are_hashes(proof):
        return False
    if old == new:
        return not proof and hmac.compare_digest(old_root, new_root)
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    return bool(path) and _climbs(old - 1, new - 1, path, old_root, new_root)


def _climbs(place: int, last: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            older, newer = _node(step, older), _node(step, newer)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            newer = _node(newer, step)
        place, last = place >> 1, last >> 1
    return last == 0 and hmac.compare_digest(older, old_root) and hmac.compare_digest(newer, new_root)


def _subtree(leaves: Sequence[bytes], start: int, end: int) -> bytes:
    frontier: tuple[bytes, ...] = ()
    for index in range(start, end):
        frontier = grown(frontier, index - start, leaves[index])
    return root_of(frontier)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _largest_power_below(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def _are_hashes(proof: Sequence[bytes]) -> bool:
    return all(len(step) == _HASH for step in proof)

"""Damage that knows DER and JSON: most of it keeps the form right, so that it comes further than the first octets."""

import json
import random
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, TypeAlias

from pki.der import tlv
from pki.strict_der import NotDerError, elements

Node: TypeAlias = tuple[int, "list[Node] | bytes"]

_TAGS = (
    0x01,
    0x02,
    0x03,
    0x04,
    0x05,
    0x06,
    0x0A,
    0x0C,
    0x13,
    0x16,
    0x17,
    0x18,
    0x1E,
    0x24,
    0x30,
    0x31,
    0x80,
    0xA0,
    0xA1,
    0xA3,
)
_CONTENTS = (b"", b"\x00", b"\xff", b"\x80" + bytes(8), b"\x7f" * 20, bytes(300), b"\xd8\x00", b"\xc3\x28", b"\x2a\x03")
_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 7, 2**31, 10**30, 1.5, "", "x", "x" * 300, "é😀", "1e999", "Accepted", "../../etc/passwd",
    "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", [], {}, [[]], [{}], {"": {}}, ["x"] * 300,
)  # fmt: skip
_BEGIN, _END = b"-----BEGIN ", b"-----END "


class Mutator:
    """Makes inputs out of seeds. The same random numbers make the same inputs."""

    def __init__(self, seeds: Sequence[bytes], numbers: random.Random) -> None:
        self._seeds = list(seeds)
        self._numbers = numbers

    def next(self) -> bytes:
        """A seed with one to four damages."""
        data = self._numbers.choice(self._seeds)
        for _ in range(self._numbers.randint(1, 4)):
            data = self._damaged(data)
        return data

    def _damaged(self, data: bytes) -> bytes:
        if data[:1] in (b"[", b"{") and self._numbers.random() < 0.9 and (value := _json(data)) is not None:
            return json.dumps(self._damaged_value(value)).encode()
        if _BEGIN in data and self._numbers.random() < 0.7:
            return self._damaged_pem(data)
        if self._numbers.random() < 0.75 and (tree := parsed(data)) is not None:
            return written(self._damaged_tree(tree))
        return self._damaged_octets(data)

    def _damaged_pem(self, data: bytes) -> bytes:
        """The DER inside the first block is damaged, and armoured again."""
        head, _, rest = data.partition(b"-----\n")
        body, end, tail = rest.partition(_END)
        try:
            der = b64decode(body)
        except ValueError:
            return self._damaged_octets(data)
        return head + b"-----\n" + b64encode(self._damaged(der)) + b"\n" + end + tail

    def _damaged_tree(self, tree: list[Node]) -> list[Node]:
        place = self._numbers.randrange(len(tree)) if tree else 0
        if not tree:
            return [self._leaf()]
        tag, inner = tree[place]
        if isinstance(inner, list) and self._numbers.random() < 0.8:
            return [*tree[:place], (tag, self._damaged_tree(inner)), *tree[place + 1 :]]
        match self._numbers.randrange(8):
            case 0:
                changed = []
            case 1:
                changed = [tree[place]] * self._numbers.choice((2, 3, 20, 200))
            case 2:
                changed = [(self._numbers.choice(_TAGS), inner)]
            case 3:
                changed = [tree[place], self._leaf()]
            case 4:
                changed = [self._nested(tree[place])]
            case 5:
                changed = [self._numbers.choice(tree)]
            case 6:
                changed = [self._foreign()]
            case _:
                changed = [(tag, self._damaged_octets(inner if isinstance(inner, bytes) else written(inner)))]
        return [*tree[:place], *changed, *tree[place + 1 :]]

    def _leaf(self) -> Node:
        return self._numbers.choice(_TAGS), self._numbers.choice(_CONTENTS)

    def _nested(self, node: Node) -> Node:
        for _ in range(self._numbers.choice((1, 2, 10, 100))):
            node = (self._numbers.choice((0x30, 0x31, 0xA0)), [node])
        return node

    def _foreign(self) -> Node:
        """A piece of another seed."""
        tree = parsed(self._numbers.choice(self._seeds)) or [self._leaf()]
        node = self._numbers.choice(tree)
        while isinstance(node[1], list) and node[1] and self._numbers.random() < 0.8:
            node = self._numbers.choice(node[1])
        return node

    def _damaged_value(self, value: Any) -> Any:
        """A JSON value, changed in one place."""
        if not isinstance(value, dict | list) or not value or self._numbers.random() < 0.15:
            return self._numbers.choice(_VALUES)
        place = self._numbers.choice(list(value) if isinstance(value, dict) else range(len(value)))
        changed = value.copy()
        match self._numbers.randrange(6):
            case 0:
                del changed[place]
            case 1 if isinstance(value, dict):
                changed[self._numbers.choice((*value, "", "extra", "status"))] = self._numbers.choice(_VALUES)
            case 1:
                changed.extend([value[place]] * self._numbers.choice((1, 4, 60)))
            case _:
                changed[place] = self._damaged_value(value[place])
        return changed

    def _damaged_octets(self, data: bytes) -> bytes:
        start = self._numbers.randrange(len(data) + 1)
        end = min(len(data), start + self._numbers.choice((0, 1, 1, 2, 8, 64)))
        match self._numbers.randrange(5):
            case 0:
                piece = self._numbers.randbytes(end - start)
            case 1:
                piece = b""
            case 2:
                piece = data[start:end] * self._numbers.choice((2, 50))
            case 3:
                piece = bytes(octet ^ 1 << self._numbers.randrange(8) for octet in data[start:end])
            case _:
                piece = self._numbers.choice(_CONTENTS)
        return data[:start] + piece + data[end:]


def _json(data: bytes) -> Any:
    """What JSON says; None for what is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def parsed(data: bytes, deepest: int = 150) -> list[Node] | None:
    """The elements of DER, and theirs down to a depth; None for octets that are none."""
    try:
        return [(tag, _inner(tag, contents, deepest)) for tag, contents, _ in elements(data)]
    except NotDerError:
        return None


def _inner(tag: int, contents: bytes, deepest: int) -> list[Node] | bytes:
    found = parsed(contents, deepest - 1) if tag & 0x20 and deepest else None
    return contents if found is None else found


def written(tree: list[Node]) -> bytes:
    """The elements as DER again, with lengths that are right."""
    return b"".join(tlv(tag, written(inner) if isinstance(inner, list) else inner) for tag, inner in tree)

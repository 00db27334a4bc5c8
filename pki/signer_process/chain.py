"""Lines of the signer's log as a chain: each is hashed with the one before, from file to file."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Entry: TypeAlias = dict[str, Any]


class LogBroken(Exception):
    """A line is not what was written, or one is missing. `line` counts from 1."""

    def __init__(self, path: Path, line: int, what: str = "") -> None:
        super().__init__(what or f"line {line} of {path} is not what the signer wrote")
        self.line = line


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: the number of its last line, and that line's hash (hex)."""

    sequence: int
    hash: str


BEGIN = Head(0, "0" * 64)


def line_of(entry: Entry, head: Head) -> tuple[bytes, Head]:
    """The next line of a chain, and how far it then goes."""
    body = {"sequence": head.sequence + 1, **entry}
    after = Head(head.sequence + 1, _chained(head.hash, body))
    return f"{_canonical({**body, 'hash': after.hash})}\n".encode(), after


def read_lines(path: Path, before: Head | None) -> Iterator[tuple[Entry, Head]]:
    """Each whole line of one file with the head that it makes. `before` is where the file before it ended.

    Without `before`, a file that is not the first is believed where it says that the one before ended. Raises LogBroken
    at the first line where the chain does not hold.
    """
    head = before
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            entry = entry_in(line)
            head = head or _carried(entry)
            body = {name: value for name, value in entry.items() if name != "hash"}
            after = Head(head.sequence + 1, _chained(head.hash, body))
            if (entry.get("sequence"), entry.get("hash")) != (after.sequence, after.hash):
                raise LogBroken(path, number)
            head = after
            yield entry, head


def _carried(entry: Entry) -> Head:
    after = entry.get("after") if entry.get("do") == "begin" else None
    try:
        return Head(int(after["sequence"]), str(after["hash"])) if after else BEGIN
    except (KeyError, TypeError, ValueError):
        return BEGIN


def entry_in(line: bytes) -> Entry:
    """What a line says; empty when it is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _chained(previous: str, body: Entry) -> str:
    return hashlib.sha256((previous + _canonical(body)).encode()).hexdigest()


def _canonical(value: Entry) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))

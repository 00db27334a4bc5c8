"""One writer's audit chain, as it is written and as it is walked.

Two digests run along a chain. The MAC is keyed: whoever lacks the key cannot make a chain that holds. The running
SHA-256 is not: with a signed checkpoint (`pki.checkpoint`) an outsider can check an export without our key. It is

    digest(n) = SHA-256(digest(n-1) ‖ SHA-256(line(n))),  digest(0) = 32 zero octets

where line(n) is the line of the record in an export, byte for byte, without its line feed. So a line may be left out
of an export, its SHA-256 put there instead, and the chain can still be followed.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session, SQLModel

from pki.tables import AuditHeadRow, AuditRow

_PAGE = 2000
# An attacker may edit every record; the findings about them must still fit into memory and an answer.
MOST_FINDINGS = 1000


class Damage(StrEnum):
    """How the trail can be broken."""

    EDITED = "edited"
    MISSING = "missing"
    REORDERED = "reordered"
    END_REMOVED = "end-removed"
    HEAD_FORGED = "head-forged"
    HEAD_MISSING = "head-missing"
    EMPTIED = "emptied"
    WRITER_REMOVED = "writer-removed"
    REPLACED = "replaced"
    SET_BACK = "set-back"
    CHECKPOINT_ALTERED = "checkpoint-altered"
    CHECKPOINT_REMOVED = "checkpoint-removed"
    FILE_OLDER = "file-older"
    STAMP_WRONG = "stamp-wrong"
    LOG_ALTERED = "log-altered"  # the firmware log, not the trail


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where the trail is not what was written. `sequence` counts a writer's records, or checkpoints."""

    damage: Damage
    writer: str
    sequence: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Place:
    """How far a chain was followed: the last record's number, its MAC, and the running SHA-256 up to it (hex)."""

    sequence: int = 0
    mac: str = ""
    sha256: str = "00" * 32


class ChainKey:
    """What makes and checks the MACs. `key`: 32 bytes, the same for all writers."""

    def __init__(self, key: bytes) -> None:
        self._record_key = hmac.digest(key, b"audit record", "sha256")
        self._head_key = hmac.digest(key, b"audit head", "sha256")

    def record_mac(self, fields: Mapping[str, Any], previous: str) -> str:
        """The MAC (hex) over a record and the MAC of the one before, as canonical JSON: see `canonical`."""
        texts = _quoted(fields)
        text = (
            f'{{"act":{texts["act"]},"at":"{fields["at"].isoformat()}","by":{texts["by"]},'
            f'"details":{quoted(fields["details"])},"kind":{texts["kind"]},"previous":{quoted(previous)},'
            f'"reason":{texts["reason"]},"sequence":{fields["sequence"]},"thing":{texts["thing"]},'
            f'"writer":{texts["writer"]}}}'
        )
        return hmac.digest(self._record_key, text.encode(), "sha256").hex()

    def seal(self, writer: str, sequence: int, mac: str) -> str:
        """The MAC (hex) over a chain's head."""
        return hmac.digest(self._head_key, canonical([writer, sequence, mac]).encode(), "sha256").hex()


class ChainWalk:
    """Follows one writer's chain through the database, page by page. What is wrong gathers in `findings`."""

    def __init__(self, key: ChainKey, session: Session, writer: str, start: Place = Place()) -> None:
        self.writer = writer
        self.place = start
        self.walked = 0
        self.findings: list[Finding] = []
        self._key = key
        self._last_id = 0
        self._rows = chain_rows(session, writer, start.sequence)
        self._next = next(self._rows, None)

    def to(self, sequence: int | None = None) -> Place:
        """Go on to the record with this number, or to the end; where that came out."""
        while self._next is not None and (sequence is None or self._next["sequence"] <= sequence):
            self._take(self._next)
            self._next = next(self._rows, None)
        return self.place

    @property
    def is_at_end(self) -> bool:
        """Whether there is no further record."""
        return self._next is None

    def check_head(self, head: AuditHeadRow | None) -> None:
        """Compare the end of the chain, once it is reached, with its sealed head."""
        last = self.place
        if head is None:
            self._tell(Damage.HEAD_MISSING, last.sequence, "the head of the chain is missing")
        elif not hmac.compare_digest(self._key.seal(self.writer, head.sequence, head.mac), head.seal):
            self._tell(Damage.HEAD_FORGED, head.sequence, "the head of the chain was edited")
        elif (head.sequence, head.mac) != (last.sequence, last.mac):
            sentence = f"the chain ends at record {last.sequence}, but {head.sequence} were written"
            self._tell(Damage.END_REMOVED, last.sequence + 1, sentence)

    def _take(self, row: Mapping[str, Any]) -> None:
        record_id, sequence, mac = row["id"], row["sequence"], row["mac"]
        fields = fields_of(row)
        if sequence != self.place.sequence + 1:
            gap = f"records {self.place.sequence + 1} to {sequence - 1} are missing"
            self._tell(Damage.MISSING, self.place.sequence + 1, gap)
        elif not hmac.compare_digest(self._key.record_mac(fields, self.place.mac), mac):
            self._tell(Damage.EDITED, sequence, f"record {sequence} is not what was written")
        if record_id < self._last_id:
            self._tell(Damage.REORDERED, sequence, f"record {sequence} stands before an older one")
        self.place = Place(sequence, mac, followed(self.place.sha256, leaf(record_line(fields))))
        self._last_id = max(self._last_id, record_id)
        self.walked += 1

    def _tell(self, damage: Damage, sequence: int, sentence: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(damage, self.writer, sequence, sentence))


def record_line(fields: Mapping[str, Any]) -> str:
    """A record's line in an export: canonical JSON (sorted keys, no blanks, pure ASCII), without a line feed."""
    details = fields["details"]
    if not details.isascii() or "\n" in details:  # never written by us; a tampered record must stay one line
        details = quoted(details)
    texts = _quoted(fields)
    return (
        f'{{"act":{texts["act"]},"at":"{fields["at"].isoformat()}","by":{texts["by"]},"details":{details},'
        f'"kind":{texts["kind"]},"reason":{texts["reason"]},"sequence":{fields["sequence"]},'
        f'"thing":{texts["thing"]},"writer":{texts["writer"]}}}'
    )


def _quoted(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: quoted(fields[name]) for name in ("act", "by", "kind", "reason", "thing", "writer")}


def leaf(line: str) -> bytes:
    """SHA-256 of a record's line."""
    return hashlib.sha256(line.encode()).digest()


def followed(sha256: str, of_line: bytes) -> str:
    """The running SHA-256 (hex), one record further on."""
    return hashlib.sha256(bytes.fromhex(sha256) + of_line).hexdigest()


def chain_rows(session: Session, writer: str, after: int = 0) -> Iterator[Mapping[str, Any]]:
    """One writer's records in order, read in pages, since a trail of years does not fit into memory."""
    connection = session.connection()
    last = after if after else -(2**62)  # a tampered number may be negative
    while True:
        rows = [dict(row) for row in connection.execute(_CHAIN, {"of": writer, "beyond": last}).mappings()]
        yield from rows
        if len(rows) < _PAGE:
            return
        last = rows[-1]["sequence"]


def fields_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says, as it went into the MAC."""
    return {name: row[name] for name in FIELDS}


def canonical(value: Any) -> str:
    """One text per value: sorted keys, no blanks, pure ASCII (so that no database changes a character)."""
    return _CANONICAL.encode(value)


# Kept, because `json.dumps` makes a new encoder for each call with options.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
FIELDS = ("writer", "sequence", "at", "by", "act", "kind", "thing", "reason", "details")
_records = SQLModel.metadata.tables[str(AuditRow.__tablename__)]
_CHAIN = (
    select(_records)
    .where(_records.c.writer == bindparam("of"), _records.c.sequence > bindparam("beyond"))
    .order_by(_records.c.sequence)
    .limit(_PAGE)
)

"""The audit trail: who did what to which thing, when and why. Data, not logs.

Each writer (a process, a node) has its own chain: every record carries an HMAC-SHA256 over its content and
the previous record's MAC, and a sealed head row names the last one. Whoever lacks the key cannot edit, remove
or reorder a record without `verify` telling. Records are written inside the caller's transaction: when the
record cannot be written, the act does not happen.

Inside a transaction, record last: on PostgreSQL the writer's chain is locked from then to the commit.
"""

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session, SQLModel, col

from pki.store import hold_lock
from pki.tables import AuditHeadRow, AuditRow

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None


class PkiAct(StrEnum):
    """What the authority does, as it stands in the trail."""

    AUTHORITY_MADE = "authority:made"
    CERTIFICATE_REQUESTED = "certificate:requested"
    CERTIFICATE_REFUSED = "certificate:refused"
    CERTIFICATE_INTENDED = "certificate:intended"
    CERTIFICATE_ISSUED = "certificate:issued"
    CERTIFICATE_FAILED = "certificate:failed"
    CERTIFICATE_ABANDONED = "certificate:abandoned"
    KEY_BLOCKED = "key:blocked"
    KEY_UNBLOCKED = "key:unblocked"
    ALARM_CLEARED = "alarm:cleared"
    KEY_USED_ELSEWHERE = "certificate:key-used-elsewhere"
    CERTIFICATE_REVOKED = "certificate:revoked"
    CERTIFICATE_HELD = "certificate:held"
    CERTIFICATE_RELEASED = "certificate:released"
    CREDENTIAL_RENEWED = "credential:renewed"
    CREDENTIAL_KEY_DELETED = "credential:key-deleted"
    CRL_PUBLISHED = "crl:published"
    FIRMWARE_ORDERED = "firmware:ordered"
    FIRMWARE_REFUSED = "firmware:refused"
    FIRMWARE_SIGNED = "firmware:signed"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one record is to say; its place in the chain and its time come when it is written."""

    act: StrEnum
    by: str
    kind: str
    thing: str
    reason: str = ""
    details: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One act. `by` is who acted: `user:admin`, `token:ci`, `station:CS-1`, `service` or `operator`."""

    id: int
    writer: str
    sequence: int
    at: datetime
    by: str
    act: str
    kind: str
    thing: str
    reason: str
    details: Mapping[str, Any]


class Damage(StrEnum):
    """How a chain can be broken."""

    EDITED = "edited"
    MISSING = "missing"
    REORDERED = "reordered"
    END_REMOVED = "end-removed"
    HEAD_FORGED = "head-forged"
    HEAD_MISSING = "head-missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where the trail is not what was written."""

    damage: Damage
    writer: str
    sequence: int
    sentence: str


class AuditTrail:
    """Writes one writer's chain and verifies everybody's. `key`: 32 bytes, the same for all."""

    def __init__(self, key: bytes, writer: str) -> None:
        self._record_key = hmac.digest(key, b"audit record", "sha256")
        self._head_key = hmac.digest(key, b"audit head", "sha256")
        self.writer = writer

    def record(
        self,
        session: Session,
        act: StrEnum,
        *,
        by: str,
        kind: str,
        thing: str,
        reason: str = "",
        details: Mapping[str, JSON] | None = None,
        now: datetime,
    ) -> None:
        """Append one record inside the caller's transaction. Raises what `record_all` raises."""
        self.record_all(session, [Entry(act, by, kind, thing, reason, details or {})], now)

    def record_all(self, session: Session, entries: Sequence[Entry], now: datetime) -> None:
        """Append records in this order inside the caller's transaction; the head moves once for all of them.

        Raises TypeError for details that are not JSON (a Secret, for one), ValueError for a naive time.
        """
        if not entries:
            return
        hold_lock(session, f"audit:{self.writer}")
        head = self._head(session)
        rows: list[dict[str, Any]] = []
        mac, at = head.mac, _utc(now)
        for sequence, entry in enumerate(entries, head.sequence + 1):
            fields = _fields_of_entry(entry, self.writer, sequence, at)
            mac = self._record_mac(fields, mac)
            rows.append({**fields, "mac": mac})
        session.connection().execute(_ADD_RECORD, rows)
        self._move_head(session, head, head.sequence + len(rows), mac)

    def verify(self, session: Session) -> list[Finding]:
        """Every edit, removal (also at the end) and reordering, in all chains. Empty when all is well."""
        heads = {row.writer: row for row in session.execute(select(AuditHeadRow)).scalars()}
        writers = set(session.execute(select(col(AuditRow.writer)).distinct()).scalars())
        findings: list[Finding] = []
        for writer in sorted(writers | set(heads)):
            findings += self._verify_chain(session, writer, heads.get(writer))
        return findings

    def records(
        self,
        session: Session,
        *,
        kind: str | None = None,
        thing: str | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[AuditRecord]:
        """Records by id, oldest first unless told otherwise; `after` and `before` are ids and exclusive."""
        order = col(AuditRow.id).desc() if newest_first else col(AuditRow.id)
        query = select(AuditRow).order_by(order).limit(limit)
        if kind is not None:
            query = query.where(col(AuditRow.kind) == kind)
        if thing is not None:
            query = query.where(col(AuditRow.thing) == thing)
        if after is not None:
            query = query.where(col(AuditRow.id) > after)
        if before is not None:
            query = query.where(col(AuditRow.id) < before)
        return [_record_of(row.id or 0, _fields_of(row)) for row in session.execute(query).scalars()]

    def _head(self, session: Session) -> "_Head":
        found = session.connection().execute(_HEAD, {"of": self.writer}).one_or_none()
        return _Head(found.sequence, found.mac) if found else _Head(0, "")

    def _move_head(self, session: Session, head: "_Head", sequence: int, mac: str) -> None:
        moved = {"sequence": sequence, "mac": mac, "seal": self._seal(self.writer, sequence, mac)}
        if head.sequence == 0:
            session.connection().execute(_ADD_HEAD, {"writer": self.writer, **moved})
        else:
            session.connection().execute(_MOVE_HEAD, {"of": self.writer, **moved})

    def _record_mac(self, fields: Mapping[str, Any], previous: str) -> str:
        text = _canonical({**fields, "at": fields["at"].isoformat(), "previous": previous})
        return hmac.digest(self._record_key, text.encode(), "sha256").hex()

    def _seal(self, writer: str, sequence: int, mac: str) -> str:
        return hmac.digest(self._head_key, _canonical([writer, sequence, mac]).encode(), "sha256").hex()

    def _verify_chain(self, session: Session, writer: str, head: AuditHeadRow | None) -> Iterator[Finding]:
        last = _Head(0, "")
        last_id = 0
        for row in _chain(session, writer):
            yield from self._verify_row(row, last, last_id)
            last, last_id = _Head(row.sequence, row.mac), max(last_id, row.id or 0)
        yield from self._verify_head(writer, head, last)

    def _verify_row(self, row: AuditRow, last: "_Head", last_id: int) -> Iterator[Finding]:
        if row.sequence != last.sequence + 1:
            gap = f"records {last.sequence + 1} to {row.sequence - 1} are missing"
            yield Finding(Damage.MISSING, row.writer, last.sequence + 1, gap)
        elif not hmac.compare_digest(self._record_mac(_fields_of(row), last.mac), row.mac):
            edited = f"record {row.sequence} is not what was written"
            yield Finding(Damage.EDITED, row.writer, row.sequence, edited)
        if (row.id or 0) < last_id:
            moved = f"record {row.sequence} stands before an older one"
            yield Finding(Damage.REORDERED, row.writer, row.sequence, moved)

    def _verify_head(self, writer: str, head: AuditHeadRow | None, last: "_Head") -> Iterator[Finding]:
        if head is None:
            yield Finding(Damage.HEAD_MISSING, writer, last.sequence, "the head of the chain is missing")
        elif not hmac.compare_digest(self._seal(writer, head.sequence, head.mac), head.seal):
            yield Finding(Damage.HEAD_FORGED, writer, head.sequence, "the head of the chain was edited")
        elif (head.sequence, head.mac) != (last.sequence, last.mac):
            sentence = f"the chain ends at record {last.sequence}, but {head.sequence} were written"
            yield Finding(Damage.END_REMOVED, writer, last.sequence + 1, sentence)


# Made once: every act in the service writes a record, and building statements costs more than running them.
_records = SQLModel.metadata.tables[str(AuditRow.__tablename__)]
_heads = SQLModel.metadata.tables[str(AuditHeadRow.__tablename__)]
_ADD_RECORD = insert(_records)
_HEAD = select(_heads.c.sequence, _heads.c.mac).where(_heads.c.writer == bindparam("of"))
_ADD_HEAD = insert(_heads)
_MOVE_HEAD = (
    update(_heads)
    .where(_heads.c.writer == bindparam("of"))
    .values(sequence=bindparam("sequence"), mac=bindparam("mac"), seal=bindparam("seal"))
)


@dataclass(frozen=True, slots=True)
class _Head:
    sequence: int
    mac: str


def _chain(session: Session, writer: str, page: int = 1000) -> Iterator[AuditRow]:
    """One writer's records in order, read in pages, since a trail of years does not fit into memory."""
    after = -(2**62)
    while True:
        query = select(AuditRow).where(col(AuditRow.writer) == writer, col(AuditRow.sequence) > after)
        rows = session.execute(query.order_by(col(AuditRow.sequence)).limit(page)).scalars().all()
        yield from rows
        if len(rows) < page:
            return
        after = rows[-1].sequence
        session.expunge_all()


def _fields_of(row: AuditRow) -> dict[str, Any]:
    names = ("writer", "sequence", "at", "by", "act", "kind", "thing", "reason", "details")
    return {name: getattr(row, name) for name in names}


def _fields_of_entry(entry: Entry, writer: str, sequence: int, at: datetime) -> dict[str, Any]:
    return {
        "writer": writer,
        "sequence": sequence,
        "at": at,
        "by": _storable(entry.by),
        "act": entry.act.value,
        "kind": _storable(entry.kind),
        "thing": _storable(entry.thing),
        "reason": _storable(entry.reason),
        "details": _canonical(entry.details),
    }


def _record_of(record_id: int, fields: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(id=record_id, **{**fields, "details": json.loads(fields["details"])})


def _canonical(value: Any) -> str:
    """One text per value: sorted keys, no blanks, pure ASCII (so that no database changes a character)."""
    return _CANONICAL.encode(value)


# Kept, because `json.dumps` makes a new encoder for each call with options.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _storable(text: str) -> str:
    """`text` without what PostgreSQL or UTF-8 refuse: NUL characters and half surrogate pairs."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("an audit record needs a time with its zone")
    return moment.astimezone(UTC)

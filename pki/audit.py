"""The audit trail: who did what to which thing, when and why. Data, not logs.

Each writer (a process, a node) has its own chain: every record carries an HMAC-SHA256 over its content and
the previous record's MAC, and a sealed head row names the last one. Whoever lacks the key cannot edit, remove
or reorder a record without `verify` telling. Records are written inside the caller's transaction: when the
record cannot be written, the act does not happen.

Inside a transaction, record last: on PostgreSQL the writer's chain is locked from then to the commit.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session, SQLModel, col

from pki.audit_chain import FIELDS, ChainKey, ChainWalk, Finding, canonical, fields_of
from pki.many_rows import ManyRows
from pki.store import at_the_end, hold_lock
from pki.tables import AuditHeadRow, AuditRow

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None


class PkiAct(StrEnum):
    """What the authority does, as it stands in the trail."""

    AUTHORITY_MADE = "authority:made"
    CEREMONY_HELD = "ceremony:held"
    AUTHORITY_REQUESTED = "authority:requested"
    AUTHORITY_REQUEST_WITHDRAWN = "authority:request-withdrawn"
    AUTHORITY_TAKEN_IN = "authority:taken-in"
    AUTHORITY_CERTIFIED = "authority:certified"
    AUTHORITY_REVOKED = "authority:revoked"
    CRL_TAKEN_IN = "crl:taken-in"
    AUTHORITY_CROSS_CERTIFIED = "authority:cross-certified"
    CHAIN_CHOSEN = "chain:chosen"
    CHAIN_RELEASED = "chain:released"
    ROLLOVER_STARTED = "rollover:started"
    ROLLOVER_ADVANCED = "rollover:advanced"
    ROLLOVER_ABANDONED = "rollover:abandoned"
    ROLLOVER_STEPPED_BACK = "rollover:stepped-back"
    ROLLOVER_BRIDGE = "rollover:bridge-switched"
    ANCHOR_ADDED = "anchor:added"
    ANCHOR_REMOVED = "anchor:removed"
    CERTIFICATE_REQUESTED = "certificate:requested"
    CERTIFICATE_REFUSED = "certificate:refused"
    CERTIFICATE_INTENDED = "certificate:intended"
    CERTIFICATE_ISSUED = "certificate:issued"
    SHAPE_LINTED = "shape:linted"
    CERTIFICATE_FAILED = "certificate:failed"
    CERTIFICATE_ABANDONED = "certificate:abandoned"
    KEY_BLOCKED = "key:blocked"
    KEY_UNBLOCKED = "key:unblocked"
    ALARM_CLEARED = "alarm:cleared"
    KEY_USED_ELSEWHERE = "certificate:key-used-elsewhere"
    CERTIFICATE_REVOKED = "certificate:revoked"
    CERTIFICATE_HELD = "certificate:held"
    CERTIFICATE_RELEASED = "certificate:released"
    ENROLMENT_CODE_MADE = "enrolment-code:made"
    ENROLMENT_CODE_USED = "enrolment-code:used"
    ENROLMENT_CODE_WITHDRAWN = "enrolment-code:withdrawn"
    SET_BACK_ACCEPTED = "audit:set-back-accepted"
    CREDENTIAL_RENEWED = "credential:renewed"
    CREDENTIAL_KEY_DELETED = "credential:key-deleted"
    CRL_PUBLISHED = "crl:published"
    FIRMWARE_ORDERED = "firmware:ordered"
    FIRMWARE_REFUSED = "firmware:refused"
    FIRMWARE_SIGNED = "firmware:signed"
    FIRMWARE_LOGGED = "firmware:logged"
    FIRMWARE_BROUGHT = "firmware:brought"
    FIRMWARE_APPROVED = "firmware:approved"
    FIRMWARE_EXPIRED = "firmware:expired"
    FIRMWARE_RULE_ADDED = "firmware-rule:added"
    FIRMWARE_RULE_REMOVED = "firmware-rule:removed"


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


class AuditTrail:
    """Writes one writer's chain and verifies everybody's. `key`: 32 bytes, the same for all."""

    def __init__(self, key: bytes, writer: str) -> None:
        self.key = ChainKey(key)
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
        """Append records in this order at the end of the caller's `Store.writing` transaction.

        At the end, because all transactions of a writer queue for its chain: one that held the chain and then waited
        for a row of another's would wait for ever. Raises TypeError for details that are not JSON (a Secret, for one),
        ValueError for a naive time.
        """
        at = _utc(now)
        waiting: list[dict[str, Any]] = session.info.setdefault(f"audit:{self.writer}", [])
        waiting += [_fields_of_entry(entry, self.writer, at) for entry in entries]
        if waiting:
            at_the_end(session, f"audit:{self.writer}", lambda: self._append(session, waiting))

    def _append(self, session: Session, waiting: Sequence[dict[str, Any]]) -> None:
        """Give the records their numbers; the head moves once for all of them."""
        hold_lock(session, f"audit:{self.writer}")
        head = self._head(session)
        mac = head.mac
        for sequence, fields in enumerate(waiting, head.sequence + 1):
            fields["sequence"] = sequence
            fields["mac"] = mac = self.key.record_mac(fields, mac)
        _RECORDS.add(session, waiting)
        self._move_head(session, head, head.sequence + len(waiting), mac)

    def verify(self, session: Session) -> list[Finding]:
        """Every edit, removal (also at the end) and reordering, in all chains. Empty when all is well.

        Checkpoints, which tell of chains that were cut off or taken away, are `pki.audit_verifier`'s.
        """
        heads = heads_of(session)
        findings: list[Finding] = []
        for writer in sorted(writers_of(session) | set(heads)):
            walk = ChainWalk(self.key, session, writer)
            walk.to()
            walk.check_head(heads.get(writer))
            findings += walk.findings
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
        return [_record_of(row.id or 0, fields_of(row.model_dump())) for row in session.execute(query).scalars()]

    def _head(self, session: Session) -> "_Head":
        found = session.connection().execute(_HEAD, {"of": self.writer}).one_or_none()
        return _Head(found.sequence, found.mac) if found else _Head(0, "")

    def _move_head(self, session: Session, head: "_Head", sequence: int, mac: str) -> None:
        moved = {"sequence": sequence, "mac": mac, "seal": self.key.seal(self.writer, sequence, mac)}
        if head.sequence == 0:
            session.connection().execute(_ADD_HEAD, {"writer": self.writer, **moved})
        else:
            session.connection().execute(_MOVE_HEAD, {"of": self.writer, **moved})


def heads_of(session: Session) -> dict[str, AuditHeadRow]:
    """Each writer's sealed head."""
    return {row.writer: row for row in session.execute(select(AuditHeadRow)).scalars()}


def writers_of(session: Session) -> set[str]:
    """Everybody who has a record."""
    return set(session.execute(select(col(AuditRow.writer)).distinct()).scalars())


# Made once: every act in the service writes a record, and building statements costs more than running them.
_heads = SQLModel.metadata.tables[str(AuditHeadRow.__tablename__)]
_RECORDS = ManyRows(AuditRow, *FIELDS, "mac")
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


def _fields_of_entry(entry: Entry, writer: str, at: datetime) -> dict[str, Any]:
    return {
        "writer": writer,
        "at": at,
        "by": _storable(entry.by),
        "act": entry.act.value,
        "kind": _storable(entry.kind),
        "thing": _storable(entry.thing),
        "reason": _storable(entry.reason),
        "details": canonical(entry.details),
    }


def _record_of(record_id: int, fields: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(id=record_id, **{**fields, "details": json.loads(fields["details"])})


def _storable(text: str) -> str:
    """`text` without what PostgreSQL or UTF-8 refuse: NUL characters and half surrogate pairs."""
    if text.isascii() and "\x00" not in text:  # nearly all are
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("an audit record needs a time with its zone")
    return moment.astimezone(UTC)

"""The transparency log of firmware signatures: appended in the transaction of the signature, proved to anybody.

Each row has the tree as it is after it, signed, so an old head can be had again and appending reads one row. The
database refuses to change or delete rows; whoever does so all the same is found by `verify`, since leaf, frontier,
head, the signed firmware and the audit trail must all tell the same.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import PkiAct
from pki.audit_chain import MOST_FINDINGS, Damage, Finding
from pki.errors import UnknownLogEntry
from pki.firmware_entries import differences, read_entry
from pki.firmware_tables import FirmwareLogRow, FirmwareRow
from pki.hash_tree import EMPTY, consistency_proof, grown, inclusion_proof, leaf_hash, root_of
from pki.log_heads import HeadRefused, LogKey, LogSigner
from pki.store import Store, hold_lock
from pki.tables import AuditRow

_HASH = 64  # hex characters
_PAGE = 500


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry. `leaf` is its hash in hex, `head` the signed tree head that was made with it."""

    number: int
    firmware_id: str
    at: datetime
    entry: str
    leaf: str
    head: str


@dataclass(frozen=True, slots=True)
class LogHead:
    """How the log stands: its size, its root in hex, and the signed note that says so."""

    size: int
    root: str
    head: str


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That an entry is in the log: the nodes (hex) from its leaf to the root of `head`."""

    entry: LogEntry
    proof: tuple[str, ...]
    head: LogHead


@dataclass(frozen=True, slots=True)
class Consistency:
    """That the log only grew from `old` to `new`: the nodes of the proof in hex."""

    old: LogHead
    new: LogHead
    proof: tuple[str, ...]


class FirmwareLog:
    """Appends and proves. Safe to use from several threads and processes."""

    def __init__(self, store: Store, signer: LogSigner) -> None:
        self._store = store
        self._signer = signer

    @property
    def key(self) -> LogKey:
        """The public key of the log."""
        return self._signer.public

    def append(self, session: Session, firmware_id: str, entry: str, now: datetime) -> FirmwareLogRow:
        """One more entry, inside the caller's `Store.writing` transaction."""
        hold_lock(session, "firmware log")
        last = _last(session)
        size = last.number + 1 if last else 0
        leaf = leaf_hash(entry.encode())
        frontier = grown(_frontier(last.frontier) if last else (), size, leaf)
        row = FirmwareLogRow(
            number=size,
            firmware_id=firmware_id,
            at=now,
            entry=entry,
            leaf=leaf.hex(),
            frontier=b"".join(frontier).hex(),
            head=self._signer.head(size + 1, root_of(frontier)),
        )
        session.add(row)
        session.flush()
        return row

    def head(self, size: int | None = None) -> LogHead:
        """The newest head, or the one of an earlier size. Raises UnknownLogEntry."""
        with self._store.reading() as session:
            return self._head(session, size)

    def page(self, after: int | None = None, limit: int = 100) -> list[LogEntry]:
        """Entries in their order; `after` is the last number of the page before."""
        query = select(FirmwareLogRow).order_by(col(FirmwareLogRow.number)).limit(limit)
        if after is not None:
            query = query.where(col(FirmwareLogRow.number) > after)
        with self._store.reading() as session:
            return [_entry_of(row) for row in session.execute(query).scalars()]

    def prove(self, number: int, size: int | None = None) -> Inclusion:
        """That the entry is in the log, as large as it was at `size` or is now. Raises UnknownLogEntry."""
        with self._store.reading() as session:
            row = session.get(FirmwareLogRow, number)
            head = self._head(session, size)
            if row is None or number >= head.size:
                raise UnknownLogEntry(str(number))
            proof = inclusion_proof(_leaves(session, head.size), number)
        return Inclusion(_entry_of(row), tuple(node.hex() for node in proof), head)

    def prove_growth(self, old: int, new: int | None = None) -> Consistency:
        """That the first `old` entries are what they were. Raises UnknownLogEntry."""
        with self._store.reading() as session:
            before, after = self._head(session, old), self._head(session, new)
            if not 0 < before.size <= after.size:
                raise UnknownLogEntry(str(old), f"a log of {after.size} entries never had just {old}")
            proof = consistency_proof(_leaves(session, after.size), old)
        return Consistency(before, after, tuple(node.hex() for node in proof))

    def verify(self, session: Session) -> list[Finding]:
        """All that is not as it was written, within this view of the database; empty when all is well."""
        return list(islice(self._findings(session), MOST_FINDINGS))

    def _findings(self, session: Session) -> Iterator[Finding]:
        frontier: tuple[bytes, ...] = ()
        logged: dict[int, str] = {}
        for expected, row in enumerate(_rows(session)):
            if row.number != expected:
                yield _finding(expected, f"entry {expected} of the firmware log is missing")
                return
            leaf = leaf_hash(row.entry.encode())
            frontier = grown(frontier, expected, leaf)
            logged[expected] = leaf.hex()
            yield from self._faults(session, row, leaf, frontier)
        yield from _not_logged(session, logged)
        yield from _not_as_recorded(session, logged)

    def _faults(self, session: Session, row: FirmwareLogRow, leaf: bytes, tree: Sequence[bytes]) -> Iterator[Finding]:
        if row.leaf != leaf.hex() or row.frontier != b"".join(tree).hex():
            yield _finding(row.number, f"entry {row.number} of the firmware log is not what was written")
        try:
            head = self.key.opened(row.head)
            if (head.size, head.root) != (row.number + 1, root_of(tree)):
                raise HeadRefused("it speaks of another tree")
        except HeadRefused as fault:
            yield _finding(
                row.number, f"the signed head after entry {row.number} of the firmware log is wrong: {fault}"
            )
        firmware = session.get(FirmwareRow, row.firmware_id)
        try:
            other = differences(read_entry(row.entry), firmware) if firmware else ["firmware"]
        except ValueError:
            other = ["format"]
        if other:
            sentence = f"entry {row.number} of the firmware log and the firmware {row.firmware_id} differ in"
            yield _finding(row.number, f"{sentence} {', '.join(other)}")

    def _head(self, session: Session, size: int | None) -> LogHead:
        if size is not None and size > 0:
            row = session.get(FirmwareLogRow, size - 1)
            if row is None:
                raise UnknownLogEntry(str(size), f"the firmware log has no {size} entries")
            return _head_of(row)
        last = _last(session) if size is None else None
        return _head_of(last) if last else LogHead(0, EMPTY.hex(), self._signer.head(0, EMPTY))


def _not_logged(session: Session, logged: dict[int, str]) -> Iterator[Finding]:
    """Signed firmware that says it is in the log, at a place that the log does not have."""
    query = select(FirmwareRow).where(col(FirmwareRow.log_number).is_not(None))
    for row in session.execute(query).scalars():
        if row.log_number not in logged:
            yield _finding(row.log_number or 0, f"entry {row.log_number} of the firmware log, about {row.id}, is gone")


def _not_as_recorded(session: Session, logged: dict[int, str]) -> Iterator[Finding]:
    """What the audit trail says was logged, and is not there or is another entry."""
    acts = (PkiAct.FIRMWARE_SIGNED.value, PkiAct.FIRMWARE_LOGGED.value, PkiAct.FIRMWARE_BROUGHT.value)
    query = select(col(AuditRow.details)).where(col(AuditRow.kind) == "firmware", col(AuditRow.act).in_(acts))
    for details in session.execute(query).scalars():
        said = json.loads(details)
        if "log_number" in said and logged.get(said["log_number"]) != said["leaf"]:
            number = said["log_number"]
            yield _finding(number, f"entry {number} of the firmware log is not the one that the audit trail tells of")


def _rows(session: Session) -> Iterator[FirmwareLogRow]:
    after = -1
    while True:
        query = select(FirmwareLogRow).where(col(FirmwareLogRow.number) > after)
        found = session.execute(query.order_by(col(FirmwareLogRow.number)).limit(_PAGE)).scalars().all()
        yield from found
        if len(found) < _PAGE:
            return
        after = found[-1].number


def _last(session: Session) -> FirmwareLogRow | None:
    query = select(FirmwareLogRow).order_by(col(FirmwareLogRow.number).desc()).limit(1)
    return session.execute(query).scalar_one_or_none()


def _leaves(session: Session, size: int) -> list[bytes]:
    query = select(col(FirmwareLogRow.leaf)).where(col(FirmwareLogRow.number) < size)
    return [bytes.fromhex(leaf) for leaf in session.execute(query.order_by(col(FirmwareLogRow.number))).scalars()]


def _frontier(text: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(text[start : start + _HASH]) for start in range(0, len(text), _HASH))


def _head_of(row: FirmwareLogRow) -> LogHead:
    return LogHead(row.number + 1, root_of(_frontier(row.frontier)).hex(), row.head)


def _entry_of(row: FirmwareLogRow) -> LogEntry:
    return LogEntry(row.number, row.firmware_id, row.at, row.entry, row.leaf, row.head)


def _finding(number: int, sentence: str) -> Finding:
    return Finding(Damage.LOG_ALTERED, "", number, sentence)

"""Roots of others that an operator has recorded: they may stand on stations, and we trust them for nothing."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlmodel import Session, col, or_, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import RootRefused, UnknownRoot
from csms_bridge.station_roots.rows import RecordedRootRow
from pki.anchor_file import read_root
from pki.audit import AuditTrail
from pki.certificates import pem_of
from pki.clock import Clock
from pki.store import Store, hold_lock

_NAME = re.compile("[a-z0-9][a-z0-9-]{0,62}")
_MOST = 1000  # each is compared with what stations list
KIND = "root"


@dataclass(frozen=True, slots=True)
class RecordedRoot:
    """Somebody's root by the name that we gave it. `sha256` is its fingerprint in hex."""

    name: str
    sha256: str
    subject: str
    note: str
    not_after: datetime
    added_by: str
    added_at: datetime
    certificate_pem: str = field(repr=False)
    der: bytes = field(repr=False)


class RecordedRoots:
    """Adds, finds and removes them."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock

    def add(self, content: bytes, name: str, note: str, by: str) -> RecordedRoot:
        """Record the root in `content` (PEM or DER); the one there is when it is recorded already.

        Raises AnchorRefused for what is no root, RootRefused for a name that is taken or cannot be one.
        """
        der = read_root(content, self._clock()).public_bytes(Encoding.DER)
        if not _NAME.fullmatch(name):
            raise RootRefused("name", "a name is 1 to 63 lower-case letters, digits and hyphens, with no hyphen first")
        with self._store.writing() as session:
            return self.put(session, der, name, note, by)

    def put(self, session: Session, der: bytes, name: str, note: str, by: str) -> RecordedRoot:
        """The same for one that has been looked at, in the caller's transaction. Raises RootRefused."""
        root, now = x509.load_der_x509_certificate(der), self._clock()
        row = RecordedRootRow(
            sha256=hashlib.sha256(der).hexdigest(), name=name, note=note, not_after=root.not_valid_after_utc,
            added_by=by, added_at=now, der=der,
        )  # fmt: skip
        hold_lock(session, "recorded roots")
        if (same := _taken(session, row)) is not None:
            return recorded_of(same)
        session.add(row)
        session.flush()
        details = {"sha256": row.sha256, "subject": root.subject.rfc4514_string()}
        self._trail.record(
            session, FleetAct.ROOT_RECORDED, by=by, kind=KIND, thing=name, reason=note, details=details, now=now
        )
        return recorded_of(row)

    def remove(self, name: str, by: str, reason: str) -> None:
        """Forget it: where a station lists it, it is unknown again. Raises UnknownRoot."""
        with self._store.writing() as session:
            row = _named(session, name)
            session.delete(row)
            self._trail.record(
                session, FleetAct.ROOT_FORGOTTEN, by=by, kind=KIND, thing=name, reason=reason,
                details={"sha256": row.sha256}, now=self._clock(),
            )  # fmt: skip

    def all(self) -> list[RecordedRoot]:
        """By name."""
        with self._store.reading() as session:
            rows = session.exec(select(RecordedRootRow).order_by(col(RecordedRootRow.name))).all()
        return [recorded_of(row) for row in rows]

    def find(self, name: str) -> RecordedRoot:
        """Raises UnknownRoot."""
        with self._store.reading() as session:
            return recorded_of(_named(session, name))


def _taken(session: Session, new: RecordedRootRow) -> RecordedRootRow | None:
    same = or_(col(RecordedRootRow.name) == new.name, col(RecordedRootRow.sha256) == new.sha256)
    found = session.exec(select(RecordedRootRow).where(same)).all()
    if any(row.sha256 == new.sha256 for row in found):
        return next(row for row in found if row.sha256 == new.sha256)
    if found:
        raise RootRefused("name", f"another root is recorded as {new.name!r}")
    if len(session.exec(select(RecordedRootRow.name)).all()) >= _MOST:
        raise RootRefused("name", f"there are {_MOST} recorded roots already", "Remove one that is not needed.")
    return None


def _named(session: Session, name: str) -> RecordedRootRow:
    row = session.exec(select(RecordedRootRow).where(RecordedRootRow.name == name)).first()
    if row is None:
        raise UnknownRoot(name)
    return row


def recorded_of(row: RecordedRootRow) -> RecordedRoot:
    """The domain object of a row."""
    return RecordedRoot(
        name=row.name,
        sha256=row.sha256,
        subject=x509.load_der_x509_certificate(row.der).subject.rfc4514_string(),
        note=row.note,
        not_after=row.not_after,
        added_by=row.added_by,
        added_at=row.added_at,
        certificate_pem=pem_of(row.der),
        der=row.der,
    )

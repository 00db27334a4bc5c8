"""Keys that are never certified again: known to be weak, leaked, or seen where they should not be."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from pki.audit import AuditTrail, PkiAct
from pki.errors import OrderRefused, UnknownKey
from pki.store import Store
from pki.tables import BlockedKeyRow

_FINGERPRINT = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BlockedKey:
    """`spki_sha256` is hex."""

    spki_sha256: str
    note: str
    blocked_by: str
    blocked_at: datetime


class BlockedKeys:
    """Blocks and unblocks keys. `pki.key_rights` looks them up for each certificate."""

    def __init__(self, store: Store, trail: AuditTrail) -> None:
        self._store = store
        self._trail = trail

    def block(self, spki_sha256: str, note: str, by: str, now: datetime) -> BlockedKey:
        """Blocking a key twice changes nothing. Raises OrderRefused for what is no fingerprint."""
        if not _FINGERPRINT.fullmatch(spki_sha256):
            raise OrderRefused("spki_sha256", "a key is named by 64 hex digits, the SHA-256 of its public key info")
        with self._store.writing() as session:
            row = session.get(BlockedKeyRow, spki_sha256)
            if row is None:
                row = BlockedKeyRow(spki_sha256=spki_sha256, note=note, blocked_by=by, blocked_at=now)
                session.add(row)
                session.flush()
                self._trail.record(
                    session, PkiAct.KEY_BLOCKED, by=by, kind="key", thing=spki_sha256, reason=note, now=now
                )
        return _blocked(row)

    def unblock(self, spki_sha256: str, note: str, by: str, now: datetime) -> None:
        """Raises UnknownKey."""
        with self._store.writing() as session:
            row = session.get(BlockedKeyRow, spki_sha256)
            if row is None:
                raise UnknownKey(spki_sha256)
            session.delete(row)
            self._trail.record(
                session, PkiAct.KEY_UNBLOCKED, by=by, kind="key", thing=spki_sha256, reason=note, now=now
            )

    def all(self, limit: int = 10_000) -> list[BlockedKey]:
        """The newest first."""
        query = select(BlockedKeyRow).order_by(col(BlockedKeyRow.blocked_at).desc()).limit(limit)
        with self._store.reading() as session:
            return [_blocked(row) for row in session.execute(query).scalars()]


def _blocked(row: BlockedKeyRow) -> BlockedKey:
    return BlockedKey(row.spki_sha256, row.note, row.blocked_by, row.blocked_at)

"""Noticing changes of status that other processes made, by counters that every revocation and release moves."""

from sqlalchemy import select
from sqlmodel import Session, col

from pki.revocation import ALL_SHARDS
from pki.store import Store
from pki.tables import StatusChangesRow


class StatusChanges:
    """What has changed since one looked last. One row per authority is read, and more only where it moved."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted: dict[tuple[str, int], int] = {}

    def look(self) -> set[tuple[str, int]]:
        """Authority and shard of every change since the last look. Not for several threads at once."""
        changed: set[tuple[str, int]] = set()
        with self._store.reading() as session:
            for key, count in _counts(session, col(StatusChangesRow.shard) == ALL_SHARDS):
                if self._has_moved(key, count):
                    shards = _counts(session, col(StatusChangesRow.authority) == key[0])
                    changed |= {shard for shard, count in shards if shard != key and self._has_moved(shard, count)}
        return changed

    def _has_moved(self, key: tuple[str, int], count: int) -> bool:
        before, self._counted[key] = self._counted.get(key), count
        return before != count


def _counts(session: Session, *conditions: object) -> list[tuple[tuple[str, int], int]]:
    columns = (col(StatusChangesRow.authority), col(StatusChangesRow.shard), col(StatusChangesRow.changes))
    rows = session.execute(select(*columns).where(*conditions)).all()  # type: ignore[arg-type]
    return [((authority, shard), changes) for authority, shard, changes in rows]

"""How the revocation lists stand: which are due, which are late. Asked of the database without reading the lists."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlmodel import Session, col

from pki.plans import Addresses
from pki.revocation import ALL_SHARDS
from pki.tables import AuthorityRow, CrlRow, StatusChangesRow

# A full list is as long as all that is revoked: while many are being revoked it is not signed for each of them.
FULL_LIST_REST = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class CrlStatus:
    """One list as it stands. `shard` is None for the full list; before the first one, number 0 and no times."""

    authority: str
    shard: int | None
    address: str
    number: int
    this_update: datetime | None
    next_update: datetime | None
    entries: int
    size: int  # octets
    is_due: bool
    is_late: bool
    is_awaited: bool
    """Never brought: the authority's key is elsewhere, and nobody has this list from there yet."""
    is_ending: bool
    """Brought by hand, and less than a fifth of its life is left."""


def find_due(session: Session, refresh: timedelta, now: datetime) -> list[tuple[str, int]]:
    """Authority and shard of what must be signed, the smaller lists first."""
    query = _of_lists(col(CrlRow.authority), col(CrlRow.shard)).where(_is_due(refresh, now))
    found = session.execute(query.order_by(col(CrlRow.shard) == ALL_SHARDS, col(CrlRow.authority), col(CrlRow.shard)))
    return [(authority, shard) for authority, shard in found]


def statuses(
    session: Session, addresses: Addresses, refresh: timedelta, now: datetime, authority: str | None
) -> list[CrlStatus]:
    """The lists of one authority, or of all; the full list of each first."""
    query = _columns(refresh, now).order_by(col(CrlRow.authority), col(CrlRow.shard))
    if authority is not None:
        query = query.where(col(CrlRow.authority) == authority)
    return [_status(row, addresses, now) for row in session.execute(query)]


def status_of(
    session: Session, addresses: Addresses, refresh: timedelta, now: datetime, authority: str, shard: int
) -> CrlStatus | None:
    """One list; `shard` may be ALL_SHARDS."""
    query = _columns(refresh, now).where(col(CrlRow.authority) == authority, col(CrlRow.shard) == shard)
    row = session.execute(query).one_or_none()
    return None if row is None else _status(row, addresses, now)


def _status(row: Row[Any], addresses: Addresses, now: datetime) -> CrlStatus:
    is_full = row.shard == ALL_SHARDS
    return CrlStatus(
        authority=row.authority,
        shard=None if is_full else row.shard,
        address=addresses.full_crl(row.authority) if is_full else addresses.crl(row.authority, row.shard),
        number=row.listed,
        this_update=row.this_update,
        next_update=row.next_update,
        entries=row.entries,
        size=row.size,
        is_due=bool(row.is_due),
        is_late=bool(row.is_late),
        is_awaited=bool(row.is_awaited) and not is_full,
        is_ending=bool(row.is_brought) and _is_ending(row.this_update, row.next_update, now),
    )


def _is_ending(this_update: datetime | None, next_update: datetime | None, now: datetime) -> bool:
    if this_update is None or next_update is None:
        return False
    return next_update - now < (next_update - this_update) / 5


def _columns(refresh: timedelta, now: datetime) -> Select[Any]:
    return _of_lists(
        col(CrlRow.authority),
        col(CrlRow.shard),
        col(CrlRow.listed),
        col(CrlRow.this_update),
        col(CrlRow.next_update),
        col(CrlRow.entries),
        func.length(col(CrlRow.der)).label("size"),
        _is_due(refresh, now).label("is_due"),
        and_(col(AuthorityRow.not_after) > now, col(CrlRow.next_update) <= now).label("is_late"),
        and_(
            col(AuthorityRow.not_after) > now, col(AuthorityRow.custody) != "here", col(CrlRow.next_update).is_(None)
        ).label("is_awaited"),
        and_(col(AuthorityRow.not_after) > now, col(AuthorityRow.custody) != "here").label("is_brought"),
    )


def _of_lists(*columns: Any) -> Select[Any]:
    same = and_(
        col(StatusChangesRow.authority) == col(CrlRow.authority), col(StatusChangesRow.shard) == col(CrlRow.shard)
    )
    return (
        select(*columns)
        .select_from(CrlRow)
        .join(AuthorityRow, col(AuthorityRow.name) == col(CrlRow.authority))
        .outerjoin(StatusChangesRow, same)
    )


def _is_due(refresh: timedelta, now: datetime) -> ColumnElement[bool]:
    """Something changed, or the list is as old as the refresh period; and its authority can sign here and is not over.

    A full list that was just signed rests, unless the clock was set back since.
    """
    this_update = col(CrlRow.this_update)
    has_changed = func.coalesce(col(StatusChangesRow.changes), 0) != col(CrlRow.seen)
    has_rested = or_(col(CrlRow.shard) != ALL_SHARDS, this_update <= now - FULL_LIST_REST, this_update > now)
    wanted = or_(this_update.is_(None), this_update <= now - refresh, and_(has_changed, has_rested))
    return and_(col(AuthorityRow.custody) == "here", col(AuthorityRow.not_after) > now, wanted)

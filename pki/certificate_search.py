"""Which certificates are looked for, and in which order they come, so that an index always gives the order.

With a million certificates a page must not sort them. So each kind of search has its own order: by default the newest
first; revoked and held ones by when that was recorded, the latest first; whatever is asked for by its end by that end,
the soonest first; ended ones by their end, the latest first.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, exists, func, or_, select
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col

from pki.certificates import AboveLeaf, Certificate, CertificateState, certificate_of, is_in
from pki.errors import SearchRefused, UnknownCertificate
from pki.revocation import RevocationReason
from pki.store import Store
from pki.tables import CertificateRow, RevokedRow

_SERIAL = re.compile(r"[0-9a-f]{1,40}")  # RFC 5280 §4.1.2.2: at most 20 octets
_SHA256 = re.compile(r"[0-9a-f]{64}")
ANY_ENDING = "*"
Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """What to look for; what is None is not asked. Everything that is asked must hold.

    `serial` is hex or the beginning of it, `common_name` may end in `*`, `spki_sha256` is hex of 64 digits.
    `ends_from` counts itself, `ends_before` does not. `in_use` leaves out what a newer certificate of the same station
    has taken the place of. Raises SearchRefused when nothing can ever match, so that a slip is not taken for "none".
    """

    serial: str | None = None
    common_name: str | None = None
    station: str | None = None
    spki_sha256: str | None = None
    state: CertificateState | None = None
    authority: str | None = None
    profile: str | None = None
    ends_from: datetime | None = None
    ends_before: datetime | None = None
    in_use: bool = False

    def __post_init__(self) -> None:
        if self.serial is not None and not _SERIAL.fullmatch(self.serial):
            raise SearchRefused("serial", "a serial number is 1 to 40 hexadecimal digits, or the beginning of them")
        if self.spki_sha256 is not None and not _SHA256.fullmatch(self.spki_sha256):
            raise SearchRefused("spki_sha256", "a key is named by 64 hexadecimal digits")
        if self.common_name is not None and not self.common_name.rstrip(ANY_ENDING):
            raise SearchRefused("common_name", "at least one character must stand before the *")
        if self.ends_from is not None and self.ends_before is not None and self.ends_from >= self.ends_before:
            raise SearchRefused("ends_before", "the window of ends is empty: it closes before it opens")

    @property
    def is_narrow(self) -> bool:
        """Whether it names one thing, which has few certificates."""
        return bool(self.serial or self.common_name or self.station or self.spki_sha256)

    @property
    def has_window(self) -> bool:
        """Whether it asks for the end."""
        return self.ends_from is not None or self.ends_before is not None


class _Order(Enum):
    NEWEST = "newest"
    REVOKED = "revoked"
    ENDING = "ending"
    ENDED = "ended"


def _order_of(wanted: CertificateFilter) -> _Order:
    if wanted.is_narrow:
        return _Order.NEWEST
    if wanted.state in (CertificateState.REVOKED, CertificateState.HELD):
        return _Order.REVOKED
    if wanted.has_window:
        return _Order.ENDING
    return _Order.ENDED if wanted.state is CertificateState.EXPIRED else _Order.NEWEST


# What each order sorts by, the first the more important; and whether it rises.
_SORTED_BY: dict[_Order, tuple[tuple[Any, ...], bool]] = {
    _Order.NEWEST: ((col(CertificateRow.id),), False),
    _Order.REVOKED: ((col(RevokedRow.recorded_at), col(RevokedRow.serial)), False),
    _Order.ENDING: ((col(CertificateRow.not_after), col(CertificateRow.id)), True),
    _Order.ENDED: ((col(CertificateRow.not_after), col(CertificateRow.id)), False),
}


class CertificateSearch:
    """Finds certificates by what one knows of them. `above` is as `Certificates` has it."""

    def __init__(self, store: Store, above: Callable[[str, str | None], AboveLeaf]) -> None:
        self._store = store
        self._above = above

    def page(self, wanted: CertificateFilter, now: datetime, after: str | None, limit: int) -> list[Certificate]:
        """One page in the search's order; `after` is the last serial number of the page before.

        Raises UnknownCertificate when `after` names none.
        """
        with self._store.reading() as session:
            ids = matching_ids(session, wanted, now, after, limit)
            same = col(RevokedRow.serial) == col(CertificateRow.serial)
            query = select(CertificateRow, RevokedRow).outerjoin(RevokedRow, same)
            found = session.execute(query.where(col(CertificateRow.id).in_(ids))).all()
        by_id = {
            row.id: certificate_of(row, revoked, self._above(row.authority, row.station), now) for row, revoked in found
        }
        return [by_id[one] for one in ids]


def matching_ids(
    session: Session, wanted: CertificateFilter, now: datetime, after: str | None, limit: int
) -> list[int]:
    """The row ids of one page in order; `after` is the last serial number of the page before.

    Only ids: the database then sorts numbers, where it must sort at all, and not whole certificates.
    Raises UnknownCertificate when `after` names none.
    """
    order = _order_of(wanted)
    query = ids_query(session.get_bind().dialect.name, wanted, now)
    if after is not None:
        query = query.where(_beyond(session, order, after))
    return list(session.execute(query.limit(limit)).scalars())


def ids_query(dialect: str, wanted: CertificateFilter, now: datetime) -> "Select[Any]":
    """The ids of all that match, in order. `dialect` is the database's name."""
    order = _order_of(wanted)
    query = select(col(CertificateRow.id)).where(*_conditions(dialect, wanted, order))
    same = col(RevokedRow.serial) == col(CertificateRow.serial)
    if order is _Order.REVOKED:
        query = query.select_from(RevokedRow).join(CertificateRow, same)
    elif wanted.state is not None or wanted.in_use:
        query = query.outerjoin(RevokedRow, same)
    if wanted.state is not None:
        end = col(CertificateRow.not_after)
        query = query.where(is_in(wanted.state, now, end if order is _Order.ENDED else _aside(end)))
    if wanted.in_use:
        query = query.where(is_in_use())
    columns, rises = _SORTED_BY[order]
    return query.order_by(*(column.asc() if rises else column.desc() for column in columns))


def is_in_use() -> ColumnElement[bool]:
    """A station's certificate that is neither revoked nor superseded: what its end means is that the station is out.

    For queries that outer join RevokedRow. A held one counts, since it can come back; so does one that has ended.
    """
    newer, its_revocation = aliased(CertificateRow), aliased(RevokedRow)
    withdrawn = exists(
        select(1).where(
            col(its_revocation.serial) == col(newer.serial),
            col(its_revocation.reason) != RevocationReason.CERTIFICATE_HOLD.value,
        )
    )
    superseded = exists(
        select(1).where(
            col(newer.station) == col(CertificateRow.station), col(newer.id) > col(CertificateRow.id), ~withdrawn
        )
    )
    not_revoked = or_(
        col(RevokedRow.serial).is_(None), col(RevokedRow.reason) == RevocationReason.CERTIFICATE_HOLD.value
    )
    return and_(col(CertificateRow.station).is_not(None), not_revoked, ~superseded)


def _conditions(dialect: str, wanted: CertificateFilter, order: _Order) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.serial is not None:
        # Every digit sorts before "g", in every collation.
        found += [col(CertificateRow.serial) >= wanted.serial, col(CertificateRow.serial) < wanted.serial + "g"]
    if wanted.common_name is not None:
        found.append(_is_called(dialect, wanted.common_name))
    by_revocation = order is _Order.REVOKED
    for column, value in (
        (col(CertificateRow.station), wanted.station),
        (col(CertificateRow.spki_sha256), wanted.spki_sha256),
        (col(RevokedRow.authority) if by_revocation else col(CertificateRow.authority), wanted.authority),
        (_aside(col(CertificateRow.profile)) if by_revocation else col(CertificateRow.profile), wanted.profile),
    ):
        if value is not None:
            found.append(column == value)
    end = col(CertificateRow.not_after) if order is _Order.ENDING else _aside(col(CertificateRow.not_after))
    if wanted.ends_from is not None:
        found.append(end >= wanted.ends_from)
    if wanted.ends_before is not None:
        found.append(end < wanted.ends_before)
    return found


def _aside(column: Mapped[Kind]) -> SQLColumnExpression[Kind]:
    """The column so that it cannot lure the database away from the index that gives the order."""
    return func.coalesce(column, column)


def _is_called(dialect: str, name: str) -> ColumnElement[bool]:
    column = col(CertificateRow.common_name)
    if not name.endswith(ANY_ENDING):
        return column == name
    beginning = name.rstrip(ANY_ENDING)
    if dialect == "sqlite":  # its LIKE knows no difference between A and a, and so no index
        return and_(column >= beginning, column < beginning + chr(0x10FFFF))
    return column.startswith(beginning, autoescape=True)


def _beyond(session: Session, order: _Order, after: str) -> ColumnElement[bool]:
    columns, rises = _SORTED_BY[order]
    query = select(*columns).select_from(CertificateRow).where(col(CertificateRow.serial) == after)
    if order is _Order.REVOKED:
        query = query.join(RevokedRow, col(RevokedRow.serial) == col(CertificateRow.serial))
    last = session.execute(query).one_or_none()
    if last is None:
        raise UnknownCertificate(after)
    if len(columns) == 1:
        beyond: ColumnElement[bool] = columns[0] < last[0]
        return beyond
    first, second = columns
    # Said twice, so that the index is entered at the right place: SQLite does not see it in the pair alone.
    if rises:
        return and_(first >= last[0], or_(first > last[0], second > last[1]))
    return and_(first <= last[0], or_(first < last[0], second < last[1]))

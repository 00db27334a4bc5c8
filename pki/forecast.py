"""What ends when: stations' certificates counted by ISO 8601 week (UTC), and everything of ours that has an end.

A station's certificate counts while it is in use: it is the newest one of its station that is not revoked for good. The
predecessors that a renewal left behind say nothing about the station.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography import x509
from sqlalchemy import ColumnElement, case, func, select
from sqlmodel import Session, col

from pki.certificate_search import is_in_use
from pki.store import Store
from pki.tables import (
    AnchorRow,
    AuthorityRow,
    CertificateRow,
    CredentialRow,
    CrlRow,
    CrossCertificateRow,
    RevokedRow,
)

WEEK = timedelta(weeks=1)
LONGEST = 104  # weeks
_KEPT = timedelta(minutes=1)  # with a million certificates it takes most of a second
STILL_MISSED = timedelta(days=30)
"""A station that is out longer is not expected back, and going through all that ever ended would take long."""
_BEFORE, _AFTER = -1, LONGEST + 1


class EndingKind(StrEnum):
    """What of ours, or of others whom we trust, has an end."""

    ROOT = "root"
    ISSUING = "issuing"
    CROSS_CERTIFICATE = "cross-certificate"
    ANCHOR = "anchor"
    CREDENTIAL = "credential"
    SIGNER = "signer"
    CRL = "crl"


@dataclass(frozen=True, slots=True)
class Ending:
    """One thing and its end. `serial` is hex; of an anchor its SHA-256, of a list empty."""

    kind: EndingKind
    name: str
    serial: str
    not_before: datetime | None
    not_after: datetime

    @property
    def renews_itself(self) -> bool:
        """Whether the service sees to it, so that nobody has to."""
        return self.kind in (EndingKind.CREDENTIAL, EndingKind.CRL)


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week and how many stations' certificates end in it. `first_end` is None when there are none."""

    name: str  # 2026-W50
    begins: datetime
    by_authority: Mapping[str, int]
    first_end: datetime | None

    @property
    def total(self) -> int:
        """All authorities together."""
        return sum(self.by_authority.values())


@dataclass(frozen=True, slots=True)
class Forecast:
    """As it was at `as_of`.

    `overdue`: how many, by authority, ended in the last 30 days; `later`: how many end after the last week.
    """

    as_of: datetime
    weeks: tuple[Week, ...]
    overdue: Mapping[str, int] = field(default_factory=dict)
    later: Mapping[str, int] = field(default_factory=dict)
    endings: tuple[Ending, ...] = ()


def week_begins(moment: datetime) -> datetime:
    """The Monday, at midnight UTC, of the ISO week that `moment` is in."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def week_name(moment: datetime) -> str:
    """The ISO week of a moment, as `2026-W50`."""
    year, week, _ = moment.astimezone(UTC).isocalendar()
    return f"{year:04d}-W{week:02d}"


class Forecasts:
    """Makes forecasts, and keeps the last one for a minute."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: Forecast | None = None

    def forecast(self, weeks: int, now: datetime, at_most_old: timedelta = _KEPT) -> Forecast:
        """The current week and those after it, `weeks` in all (1 to LONGEST)."""
        with self._lock:  # one makes it, the others take what it made
            kept = self._kept
            if kept is None or not timedelta(0) <= now - kept.as_of <= at_most_old:
                self._kept = kept = self._make(now)
        return _shortened(kept, weeks)

    def count_in_use(self, begin: datetime) -> int:
        """How many in use end, or ended, in the week that begins then."""
        window = (col(CertificateRow.not_after) >= begin, col(CertificateRow.not_after) < begin + WEEK)
        with self._store.reading() as session:
            return int(session.execute(_of_stations(func.count()).where(*window)).scalar_one())

    def _make(self, now: datetime) -> Forecast:
        first = week_begins(now)
        begins = [first + number * WEEK for number in range(LONGEST)]
        counts: list[dict[str, int]] = [{} for _ in begins]
        firsts: list[datetime | None] = [None for _ in begins]
        overdue: dict[str, int] = {}
        later: dict[str, int] = {}
        with self._store.reading() as session:
            for bucket, authority, number, first_end in session.execute(_by_week(begins, now)):
                if bucket == _BEFORE:
                    overdue[authority] = number
                elif bucket == _AFTER:
                    later[authority] = number
                else:
                    counts[bucket][authority] = number
                    firsts[bucket] = min(firsts[bucket] or first_end, first_end)
            endings = tuple(sorted(_endings(session), key=lambda one: (one.not_after, one.kind, one.name)))
        weeks = tuple(Week(week_name(begin), begin, counts[n], firsts[n]) for n, begin in enumerate(begins))
        return Forecast(now, weeks, overdue, later, endings)


def _of_stations(*columns: Any) -> Any:
    """A query over the certificates in use."""
    same = col(RevokedRow.serial) == col(CertificateRow.serial)
    return select(*columns).select_from(CertificateRow).outerjoin(RevokedRow, same).where(is_in_use())


def _by_week(begins: list[datetime], now: datetime) -> Any:
    """Counted by the database: the number of the week, and how many of which authority end in it."""
    end = col(CertificateRow.not_after)
    bounds: list[tuple[ColumnElement[bool], int]] = [(end < now, _BEFORE)]
    bounds += [(end < begin + WEEK, number) for number, begin in enumerate(begins)]
    bucket = case(*bounds, else_=_AFTER).label("bucket")
    query = _of_stations(bucket, col(CertificateRow.authority), func.count(), func.min(end))
    return query.where(end >= now - STILL_MISSED).group_by(bucket, col(CertificateRow.authority))


def _endings(session: Session) -> Iterable[Ending]:
    standing = select(AuthorityRow).where(col(AuthorityRow.status) != "retired")
    for authority in session.execute(standing).scalars():
        kind = EndingKind(authority.kind)
        yield Ending(kind, authority.name, authority.serial, authority.not_before, authority.not_after)
    for cross in _newest(
        session.execute(select(CrossCertificateRow)).scalars(), lambda row: (row.authority, row.issuer)
    ):
        name = f"{cross.authority} by {cross.issuer}"
        yield Ending(EndingKind.CROSS_CERTIFICATE, name, cross.serial, _beginning(cross.der), cross.not_after)
    for anchor in session.execute(select(AnchorRow)).scalars():
        yield Ending(EndingKind.ANCHOR, anchor.name, anchor.sha256, _beginning(anchor.der), anchor.not_after)
    by_hand = _certified_elsewhere(session)
    for credential in _newest(session.execute(select(CredentialRow)).scalars(), lambda row: row.slot):
        begins = by_hand.get(credential.serial)
        kind = EndingKind.SIGNER if begins else EndingKind.CREDENTIAL
        yield Ending(kind, credential.slot, credential.serial, begins, credential.not_after)
    query = select(col(CrlRow.authority), func.min(col(CrlRow.next_update))).where(col(CrlRow.next_update).is_not(None))
    for name, next_update in session.execute(query.group_by(col(CrlRow.authority))):
        yield Ending(EndingKind.CRL, name, "", None, next_update)


def _certified_elsewhere(session: Session) -> dict[str, datetime]:
    """Of our firmware signers under a root that is elsewhere: the serial number, and from when on each is good."""
    query = (
        select(col(CredentialRow.serial), col(CertificateRow.not_before))
        .join(CertificateRow, col(CertificateRow.serial) == col(CredentialRow.serial))
        .join(AuthorityRow, col(AuthorityRow.name) == col(CertificateRow.authority))
        .where(col(AuthorityRow.custody) == "elsewhere")
    )
    return {row.serial: row.not_before for row in session.execute(query)}


def _beginning(der: bytes) -> datetime:
    return x509.load_der_x509_certificate(der).not_valid_before_utc


def _newest(rows: Iterable[Any], key: Callable[[Any], Any]) -> Iterable[Any]:
    """Of each key the row that ends last: those before it have been replaced."""
    found: dict[Any, Any] = {}
    for row in rows:
        known = found.get(key(row))
        if known is None or row.not_after > known.not_after:
            found[key(row)] = row
    return found.values()


def _shortened(whole: Forecast, weeks: int) -> Forecast:
    shown, hidden = whole.weeks[:weeks], whole.weeks[weeks:]
    later = dict(whole.later)
    for week in hidden:
        for authority, number in week.by_authority.items():
            later[authority] = later.get(authority, 0) + number
    return Forecast(whole.as_of, shown, whole.overdue, later, whole.endings)

"""Every station's allowance of certificate requests in the database: it outlives restarts, and nodes share it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select

from csms_bridge.errors import StationRefused, UnknownStation
from csms_bridge.renewal.accounts import QUIET_ENOUGH, SERVICE, Accounts, account_of, locked, put, released
from csms_bridge.renewal.allowance import MANY_KEYS, Limits, Standing, fresh, is_over, is_worth_noting, refilled
from csms_bridge.renewal.rows import CertificateAllowanceRow
from csms_bridge.tables import StationRow
from pki.alarms import AlarmKind, Alarms
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.store import Store

_AT_ONCE = 100
"""Pauses that one round ends."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a station has left. `paused_until`: unless it asks again; None when it is not paused."""

    station: str
    standing: Standing
    since: datetime
    left: int
    keys: int
    asked_at: datetime
    paused_until: datetime | None


class Allowances:
    """The door to them."""

    def __init__(self, store: Store, trail: AuditTrail, alarms: Alarms, clock: Clock, limits: Limits) -> None:
        self._store = store
        self._trail = trail
        self._alarms = alarms
        self._clock = clock
        self.limits = limits

    # --- where requests come in

    def paused(self, stations: Collection[str]) -> set[str]:
        """Those whose requests are not even read. That they asked again is noted, every now and then."""
        now = self._clock()
        query = select(CertificateAllowanceRow).where(
            col(CertificateAllowanceRow.station).in_(set(stations)),
            CertificateAllowanceRow.standing == Standing.PAUSED.value,
        )
        with self._store.reading() as session:
            rows = [row for row in session.exec(query) if not is_over(account_of(row), self.limits, now)]
        stale = [row.station for row in rows if is_worth_noting(account_of(row), self.limits, now)]
        if stale:
            with self._store.writing() as session:
                for row in locked(session, stale):
                    if row.standing == Standing.PAUSED:
                        row.at = now
        return {row.station for row in rows}

    def of_these(self, session: Session, stations: Collection[str]) -> Accounts:
        """Their accounts, for the caller's transaction."""
        return Accounts.of(session, stations, self.limits, self._clock())

    def took(self, stations: Collection[str]) -> None:
        """These stations took certificates.

        In a transaction of its own: whoever takes requests in locks the accounts first, and what was delivered
        last. When it is lost with its process, a station has a request less.
        """
        with self._store.writing() as session:
            accounts = self.of_these(session, stations)
            for station in sorted(stations):
                accounts.took(station)
            self._trail.record_all(session, accounts.entries, self._clock())
        self.tell(accounts.news)

    def tell(self, stations: Collection[str]) -> None:
        """Raise the alarms that these stations deserve, and end those that they do not any more."""
        for station in sorted(stations):
            with self._store.reading() as session:
                row = session.get(CertificateAllowanceRow, station)
            if row is not None:
                self._tell(row)

    # --- for people

    def of(self, station: str) -> Allowance | None:
        """What a station has left; None when it never asked."""
        with self._store.reading() as session:
            row = session.get(CertificateAllowanceRow, station)
        return None if row is None else self._view(row)

    def page(self, standing: Standing, after: str | None, limit: int) -> list[Allowance]:
        """Stations that are slowed or paused, by identity."""
        query = select(CertificateAllowanceRow).where(*self._standing(standing))
        if after is not None:
            query = query.where(col(CertificateAllowanceRow.station) > after)
        query = query.order_by(col(CertificateAllowanceRow.station)).limit(limit)
        with self._store.reading() as session:
            return [self._view(row) for row in session.exec(query)]

    def count(self, standing: Standing) -> int:
        """How many are slowed, or paused."""
        query = select(func.count()).select_from(CertificateAllowanceRow).where(*self._standing(standing))
        with self._store.reading() as session:
            return session.exec(query).one()

    def release(self, station: str, by: str, reason: str) -> Allowance:
        """Let a station ask again. Raises UnknownStation, StationRefused when it is neither slowed nor paused."""
        now = self._clock()
        with self._store.writing() as session:
            if session.get(StationRow, station) is None:
                raise UnknownStation(station)
            entries: list[Entry] = []
            if not release_in(session, station, self.limits, by, reason, entries, now):
                raise StationRefused("id", f"the certificate requests of {station!r} are neither slowed nor paused")
            self._trail.record_all(session, entries, now)
        self.tell([station])
        found = self.of(station)
        if found is None:
            raise UnknownStation(station)
        return found

    # --- every now and then

    def round(self) -> int:
        """End the pauses of those that are quiet, and tell what a dead process has not told; how many were released."""
        now, quiet_since = self._clock(), self._clock() - self.limits.quiet
        paused = CertificateAllowanceRow.standing == Standing.PAUSED.value
        at = col(CertificateAllowanceRow.at)
        # A time to come is of a clock that was set back since: it counts from now on.
        query = select(CertificateAllowanceRow).where(paused, or_(at <= quiet_since, at > now + _HOUR))
        free: list[str] = []
        with self._store.writing() as session:
            entries: list[Entry] = []
            for row in session.exec(query.limit(_AT_ONCE).with_for_update(skip_locked=True)).all():
                if row.at > now:
                    row.at = now
                    continue
                entries.append(released(row.station, SERVICE, QUIET_ENOUGH))
                put(row, fresh(self.limits, now))
                free.append(row.station)
            self._trail.record_all(session, entries, now)
        self.tell({*free, *self._untold()})
        return len(free)

    def _untold(self) -> list[str]:
        row = CertificateAllowanceRow
        pauses = (col(row.standing) == Standing.PAUSED.value) & col(row.alarmed).is_(False)
        ends = (col(row.standing) != Standing.PAUSED.value) & col(row.alarmed).is_(True)
        keys = (col(row.keys) >= MANY_KEYS) & col(row.keys_alarmed).is_(False)
        good_keys = (col(row.keys) < MANY_KEYS) & col(row.keys_alarmed).is_(True)
        with self._store.reading() as session:
            owed = select(row.station).where(or_(pauses, ends, keys, good_keys))
            return list(session.exec(owed.limit(_AT_ONCE)))

    def _tell(self, row: CertificateAllowanceRow) -> None:
        """An alarm first, and then the note that it was raised: at worst it is raised twice, and counts up."""
        is_paused, many_keys = row.standing == Standing.PAUSED, row.keys >= MANY_KEYS
        if is_paused and not row.alarmed:
            self._alarms.sound(AlarmKind.CERTIFICATE_REQUESTS, row.station, self._sentence(row))
        if not is_paused and row.alarmed:
            self._alarms.settle(AlarmKind.CERTIFICATE_REQUESTS, row.station)
        if many_keys and not row.keys_alarmed:
            words = f"station {row.station!r} asked {row.keys} times in a row over another key and took no certificate"
            self._alarms.sound(AlarmKind.CERTIFICATE_KEYS, row.station, f"{words}: it may not keep its keys")
        if row.keys_alarmed and not many_keys:
            self._alarms.settle(AlarmKind.CERTIFICATE_KEYS, row.station)
        told = (is_paused, many_keys)
        if (row.alarmed, row.keys_alarmed) != told:
            with self._store.writing() as session:
                for known in locked(session, [row.station]):
                    known.alarmed, known.keys_alarmed = told

    def _sentence(self, row: CertificateAllowanceRow) -> str:
        hours = self.limits.quiet / _HOUR
        return (
            f"station {row.station!r} goes on asking for certificates, after more than {self.limits.per_hour} within "
            f"an hour: its requests are refused unread until it was quiet for {hours:g} h, or you release it"
        )

    def _standing(self, standing: Standing) -> Sequence[ColumnElement[bool]]:
        conditions = [col(CertificateAllowanceRow.standing) == standing.value]
        if standing is Standing.SLOWED:  # an hour later the bucket is full
            conditions.append(col(CertificateAllowanceRow.at) > self._clock() - _HOUR)
        return conditions

    def _view(self, row: CertificateAllowanceRow) -> Allowance:
        account = account_of(row)
        now = refilled(account, self.limits, self._clock())
        until = account.at + self.limits.quiet if account.standing is Standing.PAUSED else None
        left = 0 if until else int(now.tokens)
        return Allowance(row.station, now.standing, now.since, left, account.keys, account.at, until)


def release_in(
    session: Session, station: str, limits: Limits, by: str, reason: str, entries: list[Entry], now: datetime
) -> bool:
    """In the caller's transaction, which records the `entries`: a full bucket; whether it was slowed or paused."""
    row = session.get(CertificateAllowanceRow, station, with_for_update=True, populate_existing=True)
    if row is None:
        return False
    held = row.standing != Standing.FREE
    if held:
        entries.append(released(station, by, reason))
    put(row, fresh(limits, now))
    session.add(row)
    return held


def is_paused_in(session: Session, station: str) -> bool:
    """Whether a station's requests are refused unread."""
    row = session.get(CertificateAllowanceRow, station, populate_existing=True)
    return row is not None and row.standing == Standing.PAUSED

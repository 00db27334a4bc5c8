"""The accounts of some stations while their requests are taken in: theirs alone until the transaction ends."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Self

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.renewal.allowance import (
    MANY_KEYS,
    Account,
    Limits,
    Standing,
    asked,
    fresh,
    is_over,
    refused,
    taken,
)
from csms_bridge.renewal.rows import CertificateAllowanceRow
from pki.audit import Entry

SERVICE = "service"
QUIET_ENOUGH = "it was quiet for long enough"


_ACTS = {Standing.SLOWED: FleetAct.REQUESTS_SLOWED, Standing.PAUSED: FleetAct.REQUESTS_PAUSED}


@dataclass(slots=True)
class Accounts:
    """Made by `of`."""

    _limits: Limits
    _now: datetime
    _rows: dict[str, CertificateAllowanceRow]
    entries: list[Entry] = field(default_factory=list)
    news: set[str] = field(default_factory=set)
    """Stations that a person is to be told of."""

    @classmethod
    def of(cls, session: Session, stations: Collection[str], limits: Limits, now: datetime) -> Self:
        """Their rows, locked in one order. On PostgreSQL two nodes wait for each other here, for a moment."""
        rows = {row.station: row for row in locked(session, stations)}
        if missing := sorted(set(stations) - rows.keys()):
            _begin(session, missing, fresh(limits, now))
            rows |= {row.station: row for row in locked(session, missing)}
        return cls(limits, now, rows)

    def ask(self, station: str, key: str) -> bool:
        """One more request for a certificate over `key`; whether it is taken in."""
        account = self._open(station)
        after, good = asked(account, self._limits, key, self._now)
        self._put(station, account, after)
        return good

    def refuse(self, station: str) -> bool:
        """One more request that is refused; whether a row may say so."""
        account = self._open(station)
        after, may = refused(account, self._limits, self._now)
        if may:
            self._put(station, account, after)
        return may

    def took(self, station: str) -> None:
        """The station took a certificate."""
        account = self._open(station)
        if self._rows[station].keys_alarmed:
            self.news.add(station)
        self._put(station, account, taken(account, self._limits, self._now))

    def _open(self, station: str) -> Account:
        row = self._rows[station]
        account = account_of(row)
        if not is_over(account, self._limits, self._now):
            return account
        self.entries.append(released(station, SERVICE, QUIET_ENOUGH))
        self.news.add(station)
        return put(row, fresh(self._limits, self._now))

    def _put(self, station: str, before: Account, after: Account) -> None:
        if before.standing is not after.standing and after.standing in _ACTS:
            words = f"more than {self._limits.per_hour} certificate requests within an hour"
            details = {"keys": after.keys}
            self.entries.append(Entry(_ACTS[after.standing], SERVICE, "station", station, words, details))
        if after.standing is Standing.PAUSED or after.keys >= MANY_KEYS:
            self.news.add(station)
        put(self._rows[station], after)


def locked(session: Session, stations: Collection[str]) -> Sequence[CertificateAllowanceRow]:
    """Their rows, which nobody else changes until the transaction ends."""
    query = select(CertificateAllowanceRow).where(col(CertificateAllowanceRow.station).in_(set(stations)))
    query = query.order_by(col(CertificateAllowanceRow.station)).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).all()


def account_of(row: CertificateAllowanceRow) -> Account:
    """The value of a row."""
    return Account(row.tokens, row.refusals, row.at, row.since, Standing(row.standing), row.strikes, row.key, row.keys)


def _begin(session: Session, stations: Sequence[str], account: Account) -> None:
    """A row for each; another node may be faster."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    columns = {"alarmed": False, "keys_alarmed": False, **_columns(account)}
    values = [{"station": station, **columns} for station in stations]
    session.execute(insert(CertificateAllowanceRow).values(values).on_conflict_do_nothing())


def _columns(account: Account) -> dict[str, object]:
    return {**asdict(account), "standing": account.standing.value}


def put(row: CertificateAllowanceRow, account: Account) -> Account:
    """Write a value into its row."""
    row.sqlmodel_update(_columns(account))
    return account


def released(station: str, by: str, reason: str) -> Entry:
    """What the audit trail is to say."""
    return Entry(FleetAct.REQUESTS_RELEASED, by, "station", station, reason)

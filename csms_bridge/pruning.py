"""Deleting what is old enough: OCPP messages, admissions, security events, what came of commands and requests.

In small batches, each its own transaction, so that nobody waits long for the write lock; and only so many in a round.
The audit trail and certificates stay. Of every table the newest row stays too, so that the database
never gives its number to another row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel, col

from csms_bridge.certificate_asks import AskState
from csms_bridge.settings import BridgeSettings
from csms_bridge.station_roots.entries import REFUSALS, SAID
from csms_bridge.station_roots.rows import RootActRow
from csms_bridge.tables import AdmissionRow, CertificateAskRow, CommandRow, MessageRow, SecurityEventRow, TransactionRow
from pki.clock import Clock
from pki.store import Store

log = structlog.get_logger()

BATCH = 500  # rows of one transaction: some milliseconds
_BATCHES = 40  # of one table in one round
_STATIONS = 100  # looked at for the cap in one round; the others' turn comes
_SETTLED = (AskState.TAKEN, AskState.REJECTED, AskState.REFUSED)


@dataclass(frozen=True, slots=True)
class _Rule:
    """Rows of `table` are deleted when `at` is older than `kept`, if `done` holds. Their numbers rise with `at`."""

    table: Any
    at: Any
    kept: timedelta
    done: Any = None


def rules_of(settings: BridgeSettings) -> Sequence[_Rule]:
    """What is deleted when."""
    outcomes = settings.keep_outcomes
    return (
        _Rule(MessageRow, col(MessageRow.at), settings.keep_messages),
        _Rule(SecurityEventRow, col(SecurityEventRow.received_at), settings.keep_events),
        _Rule(AdmissionRow, col(AdmissionRow.at), settings.keep_admissions),
        _Rule(CommandRow, col(CommandRow.created_at), outcomes, col(CommandRow.state).in_(("answered", "failed"))),
        _Rule(RootActRow, col(RootActRow.at), outcomes, _came_to_nothing()),
        _Rule(CertificateAskRow, col(CertificateAskRow.asked_at), outcomes, col(CertificateAskRow.state).in_(_SETTLED)),
        _Rule(TransactionRow, col(TransactionRow.began_at), outcomes, col(TransactionRow.ended_at).is_not(None)),
    )


def _came_to_nothing() -> ColumnElement[bool]:
    """Of what was done about stations' roots, that which says nothing of what they hold.

    What a station took says it, and so does what it refused until it says something else of the same root: a root
    that it would not take must not be thought of as one that nobody has tried.
    """
    row, later = RootActRow, aliased(RootActRow)
    same = (
        col(later.station) == col(row.station), col(later.name) == col(row.name),
        col(later.kinds) == col(row.kinds), col(later.deed) == col(row.deed),
    )  # fmt: skip
    said_since = select(col(later.id)).where(*same, col(later.id) > col(row.id), col(later.state).in_(SAID)).exists()
    refused = col(row.state).in_(REFUSALS)
    return and_(
        col(row.settled_at).is_not(None),
        or_(col(row.deed) == "list", and_(col(row.state) != "done", or_(~refused, said_since))),
    )


class Pruning:
    """Deletes bit by bit; where it stopped it knows while the process lives, and finds out again afterwards."""

    def __init__(self, store: Store, settings: BridgeSettings, clock: Clock) -> None:
        self._store = store
        self._rules = rules_of(settings)
        self._cap = settings.keep_rows_per_station
        self._clock = clock
        self._places: dict[str, int] = {}
        self._stations: dict[str, str] = {}

    def round(self) -> int:
        """To be called every few seconds; how many rows were deleted."""
        now = self._clock()
        deleted = sum(self._prune(rule, now - rule.kept) for rule in self._rules)
        deleted += sum(self._cap_stations(table) for table in (MessageRow, AdmissionRow, SecurityEventRow))
        if deleted:
            log.info("pruned", rows=deleted)
        return deleted

    def _prune(self, rule: _Rule, limit: datetime) -> int:
        name, deleted = str(rule.table.__tablename__), 0
        for _ in range(_BATCHES):
            seen, old = self._look(rule, self._places.get(name, 0), limit)
            if old:
                deleted += self._delete(rule.table, old)
            if len(seen) < BATCH:  # all that is old enough has been looked at: begin again next time
                self._places.pop(name, None)
                break
            self._places[name] = seen[-1]
        return deleted

    def _look(self, rule: _Rule, after: int, limit: datetime) -> tuple[list[int], list[int]]:
        """The next numbers, up to the first row that is too young; and those of them that may go.

        The age is compared here and not in the query: that would read the whole table when nothing is old.
        """
        number = col(rule.table.id)
        newest = select(func.max(number)).scalar_subquery()
        may_go: ColumnElement[bool] = rule.done if rule.done is not None else number.is_not(None)
        query = select(number, rule.at, may_go).where(number > after, number < newest).order_by(number).limit(BATCH)
        seen, old = [], []
        with self._store.reading() as session:
            for row, at, done in session.execute(query):
                if done and at >= limit:
                    break
                seen.append(row)
                if done:
                    old.append(row)
        return seen, old

    def _cap_stations(self, table: type[SQLModel]) -> int:
        """Of the next stations, what is more than the cap."""
        name, station = str(table.__tablename__), col(table.station)  # type: ignore[attr-defined]
        deleted = 0
        for _ in range(_STATIONS):
            last = self._stations.get(name, "")
            with self._store.reading() as session:
                following = session.execute(select(func.min(station)).where(station > last)).scalar_one()
            if following is None:
                self._stations.pop(name, None)
                break
            self._stations[name] = following
            deleted += self._cap_one(table, following)
        return deleted

    def _cap_one(self, table: type[SQLModel], name: str) -> int:
        number, station = col(table.id), col(table.station)  # type: ignore[attr-defined]
        beyond = select(number).where(station == name).order_by(number.desc()).offset(self._cap).limit(BATCH)
        deleted = 0
        for _ in range(_BATCHES):
            with self._store.reading() as session:
                old = list(session.execute(beyond).scalars())
            if not old:
                break
            deleted += self._delete(table, old)
        return deleted

    def _delete(self, table: Any, numbers: Sequence[int]) -> int:
        with self._store.writing() as session:
            session.execute(delete(table).where(col(table.id).in_(numbers)))
        return len(numbers)

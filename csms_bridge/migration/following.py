"""What was seen of stations that are expected back, and what is set at them before: every few seconds, judged."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import col, select

from csms_bridge.acts import FleetAct
from csms_bridge.migration.book import end, expected_of, held_row, note, row_of, seen_of
from csms_bridge.migration.preparing import CLOSED, Preparing, is_refused
from csms_bridge.migration.rows import MigrationRow
from csms_bridge.migration.rules import Judgement, judge
from csms_bridge.migration.states import OPEN, MigrationState
from csms_bridge.orders import Orders
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.tables import CommandRow, StationRow
from pki.alarms import AlarmKind, Alarms
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

_AT_ONCE = 200
_PREPARING = MigrationState.PREPARING.value


class Following:
    """Several processes may do it at the same time: each change is made by one of them."""

    def __init__(
        self, store: Store, trail: AuditTrail, alarms: Alarms, rotations: PasswordRotations, preparing: Preparing,
        orders: Orders, clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._alarms = alarms
        self._rotations = rotations
        self._preparing = preparing
        self._orders = orders
        self._clock = clock

    def round(self) -> None:
        """Everybody with news, a portion at a time."""
        after = 0
        while True:
            with self._store.reading() as session:
                found = session.exec(_with_news(after, self._clock())).all()
            for migration, state in found:
                if state == _PREPARING:
                    self._prepare(migration or 0)
                self._follow(migration or 0)
            if len(found) < _AT_ONCE:
                return
            after = found[-1][0] or 0

    def _follow(self, migration: int) -> None:
        with self._store.reading() as session:
            row = row_of(session, migration)
            station = session.get(StationRow, row.station)
        if station is None or row.state not in OPEN:
            return
        found = self._judge(row, station)
        if found.rotate:  # asking again is harmless: one that is under way is left alone
            self._rotations.ask([row.station], f"migration:{row.id}", restart=True)
        if row.state == _PREPARING and found.state is MigrationState.EXPECTED:
            return
        if found.state != row.state or found.reason != row.reason:
            self._move(migration, found)

    def _judge(self, row: MigrationRow, station: StationRow) -> Judgement:
        rotation = next(iter(self._rotations.progress([row.station])), None)
        is_since = rotation is not None and rotation.asked_at is not None and rotation.asked_at >= row.began_at
        seen = seen_of(row, station, rotation.state if rotation is not None and is_since else None)
        found = judge(expected_of(row, station.serial), seen, self._clock())
        if row.state == _PREPARING and found.state is MigrationState.FAILED and not seen.came:
            return replace(found, reason="it was not there to be prepared in time")
        return found

    def _prepare(self, migration: int) -> None:
        """What was put down for it has come to its end: the next message, or it may come."""
        now = self._clock()
        with self._store.writing() as session:
            row = held_row(session, migration)
            station = session.get(StationRow, row.station, populate_existing=True)
            if row.state != _PREPARING or station is None:
                return
            self._preparing.go_on(session, station, row, "service", now)
            session.add(row)
            if row.state != _PREPARING:
                note(session, self._trail, FleetAct.MIGRATION_PREPARED, row, "service", row.prepared, now)
            elif is_refused(row):
                end(session, self._trail, row, MigrationState.FAILED, row.prepared, "service", now)
        if row.state == MigrationState.FAILED:
            self._alarms.sound(AlarmKind.MIGRATION_FAILED, row.station, f"{row.station}: {row.reason}")
        self._orders.wake_those_here([row.station])

    def _move(self, migration: int, found: Judgement) -> None:
        now = self._clock()
        with self._store.writing() as session:
            row = held_row(session, migration)
            if row.state not in OPEN:
                return
            if found.state in (MigrationState.WELL, MigrationState.FAILED):
                self._preparing.give_up(session, row, found.reason)
                end(session, self._trail, row, found.state, found.reason, "service", now)
            else:
                is_news = row.state != found.state
                row.state, row.reason = found.state.value, found.reason
                row.arrived_at = row.arrived_at or (now if found.state is MigrationState.ARRIVED else None)
                session.add(row)
                if is_news:
                    note(session, self._trail, FleetAct.MIGRATION_ARRIVED, row, "service", found.reason, now)
        if found.state is MigrationState.FAILED:
            self._alarms.sound(AlarmKind.MIGRATION_FAILED, row.station, f"{row.station}: {found.reason}")


def _with_news(after: int, now: datetime) -> Any:
    """Open ones whose station was there since, whose message has come to its end, or whose time is over."""
    row, station, command = MigrationRow, StationRow, CommandRow
    answered = select(command.id).where(col(command.id) == col(row.command), col(command.state).in_(CLOSED)).exists()
    is_next = and_(col(row.state) == _PREPARING, or_(col(row.command).is_(None), answered))
    came = col(station.connected_at) > col(row.began_at)
    query: Any = select(row.id, row.state).join(station, col(station.id) == row.station)
    query = query.where(col(row.state).in_(OPEN), col(row.id) > after, or_(came, is_next, col(row.until) < now))
    return query.order_by(col(row.id)).limit(_AT_ONCE)

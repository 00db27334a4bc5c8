"""Messages that people and scripts want sent to a station. A row each: the node with the socket sends it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import UnknownCommand, UnknownStation
from csms_bridge.redaction import redact
from csms_bridge.sealed_payloads import PayloadSeal, SealBroken
from csms_bridge.station import CommandOrder
from csms_bridge.tables import CommandRow, StationRow
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

log = structlog.get_logger(__name__)

QUEUED_FOR = timedelta(days=30)
SENT_FOR = timedelta(minutes=10)
"""Longer than any command takes, also one that ends in several messages: its process died meanwhile."""
OPEN = ("queued", "waiting", "sent")
AT_ONCE = 200
"""Stations in one transaction: the write lock is free again after some milliseconds."""


class Ending(StrEnum):
    """How a command came to its end."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """With a CALLERROR."""
    SILENT = "silent"
    """It was sent and no answer came: what the station did is unknown."""
    UNSENT = "unsent"


@dataclass(frozen=True, slots=True)
class Closed:
    """A command at its end."""

    order: CommandOrder
    ending: Ending


class Orders:
    """Commands in the database: waiting → sent → answered or failed."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock, seal: PayloadSeal) -> None:
        self._seal = seal
        self._store = store
        self._trail = trail
        self._clock = clock
        self._listeners: list[Callable[[Closed], None]] = []

    def subscribe(self, listener: Callable[[Closed], None]) -> None:
        """Call `listener` after each command that this process closed, in the thread that did so."""
        self._listeners.append(listener)

    def place(self, station: str, action: str, payload: Mapping[str, object], by: str, reason: str) -> CommandOrder:
        """Write a command down; what is secret in it is sealed until it is sent. Raises UnknownStation."""
        now, shown = self._clock(), json.dumps(redact(dict(payload)))
        sealed = self._seal.seal(station, payload) if shown != json.dumps(dict(payload)) else None
        with self._store.writing() as session:
            if session.get(StationRow, station) is None:
                raise UnknownStation(station)
            row = CommandRow(
                station=station, action=action, payload=shown, sealed=sealed, state="waiting", answer="null", by=by,
                created_at=now, updated_at=now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            self._trail.record(
                session, FleetAct.COMMAND_ORDERED, by=by, kind="station", thing=station, reason=reason, now=now,
                details={"command": row.id, "action": action, "payload": shown},
            )  # fmt: skip
            return order_of(row)

    def enlist(
        self,
        session: Session,
        station: StationRow,
        action: str,
        payload: Mapping[str, object],
        by: str,
        now: datetime,
        *,
        errand: str = "",
    ) -> CommandRow:
        """In the caller's transaction, which also audits it: a command that waits, also for a station that is away."""
        row = CommandRow(
            station=station.id, action=action, payload=json.dumps(payload), errand=errand, answer="null", by=by,
            state="waiting" if station.online else "queued", created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row

    def order(self, command: int) -> CommandOrder:
        """One command. Raises UnknownCommand."""
        with self._store.reading() as session:
            row = session.get(CommandRow, command)
            if row is None:
                raise UnknownCommand(command)
            return order_of(row)

    def claim(self, stations: set[str]) -> list[CommandOrder]:
        """Commands that wait for one of these stations, marked as sent before anything goes out.

        Two nodes may both think that they have a station's line; a command goes to one of them (SKIP LOCKED).
        """
        waiting = select(CommandRow.id, CommandRow.station).where(CommandRow.state == "waiting")
        with self._store.writing() as session:
            ours = [
                number for number, station in session.exec(waiting.order_by(col(CommandRow.id))) if station in stations
            ]
            query = select(CommandRow).where(col(CommandRow.id).in_(ours[:AT_ONCE]), CommandRow.state == "waiting")
            rows = session.exec(query.order_by(col(CommandRow.id)).with_for_update(skip_locked=True)).all()
            orders = [self._opened(session, row) for row in rows]
            return [order for order in orders if order is not None]

    def _opened(self, session: Session, row: CommandRow) -> CommandOrder | None:
        """A command to be sent, secrets and all; None for one that cannot be read any more."""
        try:
            secret = self._seal.open(row.station, row.sealed) if row.sealed is not None else None
        except SealBroken:
            self._close(session, row, Ending.UNSENT, "null", "it was sealed with another key and cannot be read")
            return None
        row.state, row.sealed, row.updated_at = "sent", None, self._clock()
        session.add(row)
        order = order_of(row)
        return order if secret is None else replace(order, payload=secret)

    def wake(self, station: str) -> None:
        """The station is back and ready to be asked: what was queued for it waits from now on."""
        queued = (col(CommandRow.state) == "queued", col(CommandRow.station) == station)
        with self._store.reading() as session:
            if session.exec(select(CommandRow.id).where(*queued).limit(1)).first() is None:
                return
        with self._store.writing() as session:
            session.execute(update(CommandRow).where(*queued).values(state="waiting", updated_at=self._clock()))

    def wake_those_here(self, stations: Sequence[str]) -> None:
        """A station that came just when it was asked may have looked for what is queued a moment too early."""
        for start in range(0, len(stations), AT_ONCE):
            part = stations[start : start + AT_ONCE]
            query = select(StationRow.id).where(col(StationRow.id).in_(part), col(StationRow.online).is_(True))
            with self._store.reading() as session:
                there = session.exec(query).all()
            for station in there:
                self.wake(station)

    def put_back(self, order: CommandOrder) -> None:
        """It cannot be carried out now: it is queued until the station is woken again."""
        with self._store.writing() as session:
            row = session.get(CommandRow, order.id)
            if row is not None and row.state == "sent":
                row.state, row.updated_at = "queued", self._clock()
                session.add(row)

    def give_up_stale(self) -> int:
        """Close what was queued too long for stations that do not come back, and what a dead process sent; how many."""
        away = f"the station did not come back within {QUEUED_FOR.days} days"
        cut_off = "the process that sent it ended before an answer came: what the station did is unknown"
        queued = self._give_up("queued", col(CommandRow.created_at), QUEUED_FOR, Ending.UNSENT, away)
        return queued + self._give_up("sent", col(CommandRow.updated_at), SENT_FOR, Ending.SILENT, cut_off)

    def _give_up(self, state: str, since: Mapped[datetime], after: timedelta, ending: Ending, why: str) -> int:
        stale = (col(CommandRow.state) == state, since < self._clock() - after)
        with self._store.reading() as session:
            found = session.exec(select(CommandRow.id).where(*stale).limit(AT_ONCE)).all()
        for command in found:
            self._end(command or 0, (state,), ending, why)
        return len(found)

    def any_waiting(self) -> bool:
        """Whether any command waits."""
        with self._store.reading() as session:
            return session.exec(select(CommandRow.id).where(CommandRow.state == "waiting").limit(1)).first() is not None

    def finish(self, order: CommandOrder, answer: object, error: str = "", ending: Ending | None = None) -> None:
        """What the station answered, without secrets, or why there is no answer. What was sent is redacted too.

        Without an `ending` an error means that no answer came; with an answer it is a remark on it.
        """
        ending = ending or (Ending.SILENT if error else Ending.ANSWERED)
        self._end(order.id, OPEN, ending, error, json.dumps(redact(answer)))

    def withdraw(self, command: int, why: str) -> CommandOrder:
        """Give up on a command that was not sent yet; one that was sent is left to its end. Raises UnknownCommand."""
        order = self.order(command)
        self._end(command, ("waiting",), Ending.UNSENT, why)
        return self.order(order.id)

    def withdraw_in(self, session: Session, command: int, why: str) -> bool:
        """In the caller's transaction: give up on a command that was not sent yet; whether it was not.

        Nobody who listens is told; they find it closed.
        """
        row = session.get(CommandRow, command, populate_existing=True)
        if row is None or row.state not in ("queued", "waiting"):
            return False
        self._close(session, row, Ending.UNSENT, "null", why)
        return True

    def _end(self, command: int, states: Sequence[str], ending: Ending, error: str, answer: str = "null") -> None:
        """Close a command, if it is in one of these states."""
        with self._store.writing() as session:
            row = session.get(CommandRow, command, populate_existing=True)
            if row is None or row.state not in states:
                return
            self._close(session, row, ending, answer, error)
        closed = Closed(order_of(row), ending)
        for listener in self._listeners:
            try:
                listener(closed)
            except Exception:  # the command is closed and on record; whoever listens catches up by itself
                log.exception("command_listener_failed", command=command)

    def _close(self, session: Session, row: CommandRow, ending: Ending, answer: str, error: str) -> None:
        now = self._clock()
        answered = ending is Ending.ANSWERED
        row.state = "answered" if answered else "failed"
        row.answer, row.error, row.ending, row.updated_at = answer, error, ending.value, now
        row.payload, row.sealed = json.dumps(redact(json.loads(row.payload))), None
        session.add(row)
        by = f"station:{row.station}" if answered else "service"
        self._trail.record(
            session, FleetAct.COMMAND_ANSWERED, by=by, kind="station", thing=row.station, reason=error, now=now,
            details={"command": row.id, "action": row.action, "state": row.state},
        )  # fmt: skip


def ending_of(row: CommandRow) -> Ending:
    """How a command that is closed came to its end. Those that were closed before it was kept may have been sent."""
    return Ending(row.ending or (Ending.ANSWERED if row.state == "answered" else Ending.SILENT))


def order_of(row: CommandRow) -> CommandOrder:
    """The domain object of a row."""
    return CommandOrder(
        id=row.id or 0,
        station=row.station,
        action=row.action,
        payload=json.loads(row.payload),
        state=row.state,
        answer=json.loads(row.answer),
        error=row.error,
        by=row.by,
        created_at=row.created_at,
        errand=row.errand,
    )

"""Changing Basic passwords outside walks (A01), and following what comes of it.

A rotation is an errand: the password is made when it is sent, and lies nowhere. One for a station that is away, or that
charges a vehicle, is `queued`. What is known of it stands in one row for each station, the last rotation's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.commands import Answer, Outcome
from csms_bridge.errands import Errand
from csms_bridge.orders import AT_ONCE, Orders
from csms_bridge.station import CommandOrder, OcppVersion, SecurityProfile
from csms_bridge.tables import CommandRow, PasswordRotationRow, StationRow, WalkRow
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.store import Store

_PATIENCE = timedelta(minutes=10)  # one that is sent and has no end by then died with its process
_ACTION = {OcppVersion.V16: "ChangeConfiguration", OcppVersion.V201: "SetVariables", OcppVersion.V21: "SetVariables"}


class RotationState(StrEnum):
    """How far a rotation is."""

    QUEUED = "queued"
    """The station is away or charges; it gets its password when it is back and idle."""
    SENT = "sent"
    """The new password is on its way: old and new are good."""
    ACCEPTED = "accepted"
    """The station took it; the old one is refused. It has not been seen with the new one."""
    RESTART_NEEDED = "restart-needed"
    """It uses the new one after its next restart: old and new are good."""
    UNANSWERED = "unanswered"
    """Nobody knows whether it took it: old and new are good until one is used."""
    ROTATED = "rotated"
    """It has connected with the new password."""
    FAILED = "failed"
    UNABLE = "unable"
    """It was not asked, since it cannot."""


UNDER_WAY = (RotationState.QUEUED, RotationState.SENT)


@dataclass(frozen=True, slots=True)
class Rotation:
    """One station's last rotation; `command` is None when it was not asked."""

    station: str
    state: RotationState
    reason: str = ""
    command: int | None = None
    asked_at: datetime | None = None
    asked_by: str = ""


class PasswordRotations:
    """Rotations in the database."""

    def __init__(self, store: Store, trail: AuditTrail, orders: Orders, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._orders = orders
        self._clock = clock

    # --- for people and scripts

    def ask(self, stations: Sequence[str], by: str, *, restart: bool = False) -> list[Rotation]:
        """Have each of them get a new password; for each what was done, in the given order.

        One that is being changed is left alone. With `restart` a station that wants one is restarted when it is idle.
        """
        names = list(dict.fromkeys(stations))
        found: list[Rotation] = []
        for start in range(0, len(names), AT_ONCE):
            with self._store.writing() as session:
                entries: list[Entry] = []
                found += [self.ask_in(session, name, by, restart, entries) for name in names[start : start + AT_ONCE]]
                self._trail.record_all(session, entries, self._clock())
        self._orders.wake_those_here([one.station for one in found if one.state is RotationState.QUEUED])
        return found

    def progress(self, stations: Sequence[str]) -> list[Rotation]:
        """How far the last rotation of each of them is; those without one are left out."""
        with self._store.reading() as session:
            return self.progress_in(session, stations)

    def progress_in(self, session: Session, stations: Sequence[str]) -> list[Rotation]:
        """The same in the caller's transaction."""
        rows = [row for name in stations if (row := session.get(PasswordRotationRow, name)) is not None]
        return [self._progress(session, row) for row in rows]

    def page(self, after: str | None, limit: int) -> list[Rotation]:
        """Rotations by station, from `after` on."""
        query = select(PasswordRotationRow).order_by(col(PasswordRotationRow.station)).limit(limit)
        if after is not None:
            query = query.where(col(PasswordRotationRow.station) > after)
        with self._store.reading() as session:
            return [self._progress(session, row) for row in session.exec(query)]

    # --- for the line that carries it out

    def objection(self, station: str) -> str:
        """Why the password must not be changed now; empty when it may. Asked again just before it is sent."""
        with self._store.reading() as session:
            return _objection(session, session.get(StationRow, station))

    def offered(self, order: CommandOrder, password: str) -> None:
        """The new password's hash is stored; it goes out next."""
        with self._store.writing() as session:
            row = self._of(session, order)
            if row is not None:
                row.password = password
                session.add(row)

    def answered(self, order: CommandOrder, answer: Answer | None) -> None:
        """What the station said to it; None for nothing."""
        with self._store.writing() as session:
            row = self._of(session, order)
            if row is not None and row.seen_at is None:
                row.outcome = _UNANSWERED if answer is None else answer.outcome
                row.reason = "" if answer is None else answer.words
                session.add(row)

    def seen(self, station: str, password: str) -> None:
        """The station has connected with this password."""
        with self._store.reading() as session:
            row = session.get(PasswordRotationRow, station)
        if row is None or row.password is None or row.seen_at is not None:
            return
        if row.password != password and row.outcome != _UNANSWERED:
            return
        with self._store.writing() as session:
            row = session.get(PasswordRotationRow, station, populate_existing=True)
            if row is not None and row.password == password:
                row.seen_at = self._clock()
            elif row is not None:
                row.outcome, row.reason = Outcome.FAILED, "it did not answer, and came back with the old password"
            session.add(row)

    def restart_due(self) -> list[str]:
        """Stations that are to be restarted, for the new password to count."""
        with self._store.reading() as session:
            return list(session.exec(select(PasswordRotationRow.station).where(*_RESTART_DUE)))

    def restarting(self, station: str) -> bool:
        """The station is restarted next: recorded before it is; False when that is not wanted any more."""
        now = self._clock()
        due = select(PasswordRotationRow).where(PasswordRotationRow.station == station, *_RESTART_DUE)
        with self._store.writing() as session:
            row = session.exec(due).first()
            if row is None:
                return False
            row.restarted_at = now
            session.add(row)
            self._trail.record(
                session, FleetAct.COMMAND_ORDERED, by=row.asked_by, kind="station", thing=station,
                reason="the new password counts after a restart", details={"action": "Reset"}, now=now,
            )  # fmt: skip
            return True

    def ask_in(self, session: Session, name: str, by: str, restart: bool, entries: list[Entry]) -> Rotation:
        """One of them in the caller's transaction, which records the `entries` and wakes the station afterwards."""
        station = session.get(StationRow, name, populate_existing=True)
        if why := _objection(session, station):
            return Rotation(name, RotationState.UNABLE, why)
        known = session.get(PasswordRotationRow, name, populate_existing=True)
        if known is not None and self._is_being_asked(session, known):
            return self._progress(session, known)
        if station is None or station.ocpp_version is None:
            raise AssertionError("_objection has refused it")
        now = self._clock()
        action = _ACTION[OcppVersion(station.ocpp_version)]
        command = self._orders.enlist(session, station, action, {}, by, now, errand=Errand.ROTATE_PASSWORD)
        fresh = PasswordRotationRow(
            station=name, command=command.id or 0, restart=restart, asked_by=by, asked_at=now,
            password=None, outcome="", reason="", restarted_at=None, seen_at=None,
        )  # fmt: skip
        row = session.merge(fresh)
        details = {"command": command.id, "action": action, "queued": not station.online}
        entries.append(Entry(FleetAct.COMMAND_ORDERED, by, "station", name, "password rotation", details))
        session.flush()
        return self._progress(session, row)

    def _is_being_asked(self, session: Session, row: PasswordRotationRow) -> bool:
        state = self._progress(session, row).state
        if state is RotationState.QUEUED:
            return True
        return state is RotationState.SENT and self._clock() - row.asked_at < _PATIENCE

    def _of(self, session: Session, order: CommandOrder) -> PasswordRotationRow | None:
        row = session.get(PasswordRotationRow, order.station, populate_existing=True)
        return row if row is not None and row.command == order.id else None

    def _progress(self, session: Session, row: PasswordRotationRow) -> Rotation:
        state, reason = _state(row, session.get(CommandRow, row.command))
        return Rotation(row.station, state, reason, row.command, row.asked_at, row.asked_by)


_UNANSWERED = "unanswered"
_RESTART_DUE = (
    col(PasswordRotationRow.outcome) == Outcome.REBOOT_REQUIRED,
    col(PasswordRotationRow.restart).is_(True),
    col(PasswordRotationRow.restarted_at).is_(None),
    col(PasswordRotationRow.seen_at).is_(None),
)
_OF_OUTCOME = {
    Outcome.ACCEPTED: (RotationState.ACCEPTED, ""),
    Outcome.REBOOT_REQUIRED: (RotationState.RESTART_NEEDED, "it uses the new password after its next restart"),
    _UNANSWERED: (RotationState.UNANSWERED, "no answer came: old and new are good until one is used"),
}


def _state(row: PasswordRotationRow, command: CommandRow | None) -> tuple[RotationState, str]:
    """What is known of a rotation: the furthest first."""
    if row.seen_at is not None:
        return RotationState.ROTATED, ""
    if row.outcome:
        return _OF_OUTCOME.get(row.outcome) or (RotationState.FAILED, row.reason or "the station refused it")
    if command is None:
        return RotationState.FAILED, "what was asked is not kept any more"
    if command.state == "queued":
        return RotationState.QUEUED, "it is away or charges, and gets its password when it is back and idle"
    if command.state == "failed":
        return RotationState.FAILED, command.error
    return RotationState.SENT, ""


def _objection(session: Session, station: StationRow | None) -> str:
    """Why a station's password cannot be changed; empty when it can."""
    if station is None:
        return "it is not registered"
    if station.ocpp_version is None or station.profile is None:
        return "it has never connected, so that its version of OCPP is not known"
    if station.profile == SecurityProfile.NONE:
        return "it is on security profile 0 and proves nothing: walk it up"
    active = select(WalkRow.id).where(WalkRow.station == station.id, col(WalkRow.outcome).in_(ACTIVE_WALKS))
    if session.exec(active.limit(1)).first() is not None:
        return "a walk of it is under way or on hold; a walk changes the password by itself"
    return ""

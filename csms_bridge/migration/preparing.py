"""What is set at a station before its firmware changes: sent, its answers read, and the next message put down."""

import json
from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.dialects import DIALECTS
from csms_bridge.migration.beforehand import Beforehand, Deed, Kind, begin, command_of, following
from csms_bridge.migration.rows import MigrationRow
from csms_bridge.migration.states import MigrationState
from csms_bridge.orders import Orders
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import CommandRow, StationRow
from pki.audit import AuditTrail

CLOSED = ("answered", "failed")
_PRUNED = "what it answered is not on record any more"


class Preparing:
    """Everything happens in the caller's transaction, with the migration: a crash neither forgets nor repeats it."""

    def __init__(self, trail: AuditTrail, orders: Orders, quirks: StationQuirks, url: Callable[[], str]) -> None:
        self._trail = trail
        self._orders = orders
        self._quirks = quirks
        self._url = url

    def begin(self, session: Session, station: StationRow, row: MigrationRow, by: str, now: datetime) -> None:
        """Put down what is to be sent first; a migration without any is expected at once."""
        kind = self._kind(session, station)
        self._write(session, station, row, kind, begin(kind), by, now)

    def go_on(self, session: Session, station: StationRow, row: MigrationRow, by: str, now: datetime) -> None:
        """When the message that was put down has come to its end: the next one, or the end of it."""
        order = session.get(CommandRow, row.command, populate_existing=True) if row.command is not None else None
        if order is not None and order.state not in CLOSED:
            return
        kind = self._kind(session, station, OcppVersion(row.from_version))
        at = _read(row)
        answer, why = None, order.error if order is not None else _PRUNED
        if order is not None and order.state == "answered":
            payload = json.loads(order.answer)
            answer = DIALECTS[kind.version].answer(command_of(at, kind), payload if isinstance(payload, dict) else {})
        self._write(session, station, row, kind, following(at, kind, answer, why), by, now)

    def give_up(self, session: Session, row: MigrationRow, why: str) -> None:
        """What was not sent yet is withdrawn."""
        if row.command is not None:
            self._orders.withdraw_in(session, row.command, why)

    # --- inside

    def _write(
        self, session: Session, station: StationRow, row: MigrationRow, kind: Kind, at: Beforehand, by: str,
        now: datetime,
    ) -> None:  # fmt: skip
        row.preparing, row.prepared = json.dumps({"deed": at.deed.value, "facts": dict(at.facts)}), at.words
        row.command = None
        if at.deed is Deed.REFUSED:
            row.reason = at.words
        elif at.deed is Deed.DONE:
            row.state, row.until = MigrationState.EXPECTED.value, now + (row.until - row.began_at)
        else:
            row.state = MigrationState.PREPARING.value
            row.command = self._send(session, station, kind, at, by, now)

    def _send(
        self, session: Session, station: StationRow, kind: Kind, at: Beforehand, by: str, now: datetime
    ) -> int | None:
        request = DIALECTS[kind.version].request(command_of(at, kind))
        row = self._orders.enlist(session, station, request.action, request.payload, by, now)
        self._trail.record(
            session, FleetAct.COMMAND_ORDERED, by=by, kind="station", thing=station.id, now=now,
            reason="before a change of version",
            details={"command": row.id, "action": request.action, "payload": row.payload},
        )  # fmt: skip
        return row.id

    def _kind(self, session: Session, station: StationRow, version: OcppVersion | None = None) -> Kind:
        return Kind(
            station.id, version or OcppVersion(station.ocpp_version or ""), SecurityProfile(station.profile or 0),
            self._quirks.in_session(session, station), self._url(),
        )  # fmt: skip


def is_refused(row: MigrationRow) -> bool:
    """Whether the station must not be sent its firmware."""
    return _read(row).deed is Deed.REFUSED


def is_being_prepared(session: Session, station: str) -> bool:
    """Whether a new firmware has to wait, since something is being set at the station for another version."""
    row = MigrationRow
    query = select(row.id).where(row.station == station, row.state == MigrationState.PREPARING.value)
    return session.exec(query.limit(1)).first() is not None


def why_no_firmware(session: Session, station: str, campaign: str) -> str:
    """Why a station must not get the firmware of this campaign: it could not be prepared. Empty when it may."""
    row = MigrationRow
    query = select(row).where(row.station == station, row.campaign == campaign).order_by(col(row.id).desc())
    last = session.exec(query.limit(1)).first() if campaign else None
    if last is None or last.state != MigrationState.FAILED or _read(last).deed is Deed.DONE:
        return ""
    return f"it was not prepared for OCPP {last.to_version}: {last.reason}"


def _read(row: MigrationRow) -> Beforehand:
    if not row.preparing:  # from before there was anything but to announce it
        return Beforehand(Deed.DONE, row.prepared)
    stored = json.loads(row.preparing)
    return Beforehand(Deed(stored["deed"]), row.prepared, stored["facts"])

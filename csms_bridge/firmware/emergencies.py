"""Ways back: an older release may be installed in an emergency, for a while, when two people agreed to it.

Neither of them is whoever asked, nor the same person with another token: as for signatures, a person counts once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import EmergencyRefused, UnknownEmergency
from csms_bridge.firmware.rows import FirmwareEmergencyRow, FirmwareEmergencyVoteRow
from pki.audit import JSON, AuditTrail
from pki.authority import Authority
from pki.clock import Clock
from pki.firmware_tables import FirmwareRow
from pki.store import Store

NEEDED = 2
LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Emergency:
    """A way back to a release. `state`: asked, open, over or withdrawn; `approvals` are the people who agreed."""

    id: int
    firmware: str
    vendor: str
    model: str
    version: str
    reason: str
    state: str
    approvals: tuple[str, ...]
    missing: int
    asked_by: str
    asked_at: datetime
    until: datetime


class Emergencies:
    """Asked, agreed to, and looked up by the guard."""

    def __init__(self, store: Store, trail: AuditTrail, authority: Authority, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._authority = authority
        self._clock = clock

    def ask(self, firmware: str, reason: str, life: timedelta, by: str, person: str = "") -> Emergency:
        """Ask for a way back to a release. Raises UnknownFirmware, EmergencyRefused."""
        order, now = self._authority.firmware(firmware), self._clock()
        if not timedelta() < life <= LONGEST:
            raise EmergencyRefused("a way back is open for a week at most")
        if not reason.strip():
            raise EmergencyRefused("an emergency needs a reason")
        with self._store.writing() as session:
            row = FirmwareEmergencyRow(
                firmware=order.id, vendor=order.vendor, model=order.model, version=order.version, reason=reason,
                asked_by=by, asked_for=person or by, asked_at=now, until=now + life,
            )  # fmt: skip
            session.add(row)
            session.flush()
            self._record(session, FleetAct.EMERGENCY_ASKED, row, by, reason, {"until": row.until.isoformat()})
            return self._view(session, row)

    def approve(self, emergency: int, by: str, person: str = "") -> Emergency:
        """Agree. Raises UnknownEmergency, EmergencyRefused."""
        person, now = person or by, self._clock()
        with self._store.writing() as session:
            row = self._held(session, emergency)
            if self._state(session, row) not in ("asked", "open"):
                raise EmergencyRefused(f"the emergency {emergency} is over")
            if {by, person} & {row.asked_by, row.asked_for}:
                raise EmergencyRefused("whoever asked for a way back never approves it", "Two others must.")
            if person not in _people(session, emergency):
                session.add(FirmwareEmergencyVoteRow(emergency=emergency, person=person, by=by, at=now))
                session.flush()
                missing = NEEDED - len(_people(session, emergency))
                details: dict[str, JSON] = {"person": person, "missing": max(0, missing)}
                self._record(session, FleetAct.EMERGENCY_APPROVED, row, by, "", details)
            return self._view(session, row)

    def withdraw(self, emergency: int, reason: str, by: str) -> Emergency:
        """Close a way back before its time. Raises UnknownEmergency, EmergencyRefused."""
        with self._store.writing() as session:
            row = self._held(session, emergency)
            if self._state(session, row) not in ("asked", "open"):
                raise EmergencyRefused(f"the emergency {emergency} is over")
            row.withdrawn_at = self._clock()
            session.add(row)
            self._record(session, FleetAct.EMERGENCY_WITHDRAWN, row, by, reason, {})
            return self._view(session, row)

    def page(self, firmware: str | None = None, before: int | None = None, limit: int = 100) -> list[Emergency]:
        """The newest first, from below the number `before`."""
        query = select(FirmwareEmergencyRow).order_by(col(FirmwareEmergencyRow.id).desc()).limit(limit)
        if firmware is not None:
            query = query.where(FirmwareEmergencyRow.firmware == firmware)
        if before is not None:
            query = query.where(col(FirmwareEmergencyRow.id) < before)
        with self._store.reading() as session:
            return [self._view(session, row) for row in session.exec(query)]

    def open_in(self, session: Session, firmware: str, now: datetime) -> int | None:
        """The number of an emergency that allows this release now, whatever the scheme; None when there is none."""
        order = session.get(FirmwareRow, firmware)
        if order is None:
            return None
        query = select(FirmwareEmergencyRow).where(
            FirmwareEmergencyRow.vendor == order.vendor, FirmwareEmergencyRow.model == order.model,
            FirmwareEmergencyRow.version == order.version, col(FirmwareEmergencyRow.until) > now,
            col(FirmwareEmergencyRow.withdrawn_at).is_(None),
        )  # fmt: skip
        for row in session.exec(query.order_by(col(FirmwareEmergencyRow.id))):
            if len(_people(session, row.id or 0)) >= NEEDED:
                return row.id
        return None

    # --- inside

    def _held(self, session: Session, emergency: int) -> FirmwareEmergencyRow:
        row = session.get(FirmwareEmergencyRow, emergency, populate_existing=True, with_for_update=True)
        if row is None:
            raise UnknownEmergency(emergency)
        return row

    def _state(self, session: Session, row: FirmwareEmergencyRow) -> str:
        if row.withdrawn_at is not None:
            return "withdrawn"
        if self._clock() >= row.until:
            return "over"
        return "open" if len(_people(session, row.id or 0)) >= NEEDED else "asked"

    def _view(self, session: Session, row: FirmwareEmergencyRow) -> Emergency:
        people = _people(session, row.id or 0)
        return Emergency(
            id=row.id or 0, firmware=row.firmware, vendor=row.vendor, model=row.model, version=row.version,
            reason=row.reason, state=self._state(session, row), approvals=tuple(people),
            missing=max(0, NEEDED - len(people)), asked_by=row.asked_by, asked_at=row.asked_at, until=row.until,
        )  # fmt: skip

    def _record(
        self, session: Session, act: FleetAct, row: FirmwareEmergencyRow, by: str, reason: str,
        details: dict[str, JSON],
    ) -> None:  # fmt: skip
        named: dict[str, JSON] = {"emergency": row.id, "version": row.version}
        self._trail.record(
            session, act, by=by, kind="firmware", thing=row.firmware, reason=reason, details=named | details,
            now=self._clock(),
        )  # fmt: skip


def _people(session: Session, emergency: int) -> Sequence[str]:
    query = select(FirmwareEmergencyVoteRow.person).where(FirmwareEmergencyVoteRow.emergency == emergency)
    return session.exec(query.order_by(col(FirmwareEmergencyVoteRow.at))).all()

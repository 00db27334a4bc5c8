"""What a walk does on our side, in the transaction that stores its progress: who is let in, and with what."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import CursorResult, delete
from sqlmodel import Session, col

from csms_bridge.acts import FleetAct
from csms_bridge.password_book import OFFERED
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import PasswordRow, StationRow
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.steps import Do
from pki.audit import JSON, AuditTrail


class OurSide:
    """Floors and offered passwords, each change with its audit record."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    def do(self, session: Session, act: Do, walk: WalkUnderWay, now: datetime) -> None:
        """Do it, when it is for us to do; `walk` as it stood before."""
        match act:
            case Do.BAR_BELOW:
                self._bar_below(session, walk, now)
            case Do.PERMIT_LOWER:
                self._permit(session, walk, now)
            case Do.WITHDRAW_OFFER:
                self._withdraw(session, walk, now)

    def _bar_below(self, session: Session, walk: WalkUnderWay, now: datetime) -> None:
        """From here on the lower profiles are refused (A05.FR.07, 1.6 A05.FR.09)."""
        leg = _leg_of(walk, Do.BAR_BELOW)
        row = session.get(StationRow, walk.station)
        if row is None or row.settled_floor >= leg:
            return
        row.floor, row.settled_floor, row.updated_at = max(row.floor, int(leg)), int(leg), now
        session.add(row)
        self._record(session, FleetAct.FLOOR_RAISED, walk, now, details={"profile": int(leg)})

    def _permit(self, session: Session, walk: WalkUnderWay, now: datetime) -> None:
        """On an operator's word the station is let in on the lower profile too (2.0.1 errata 2025-01, A05.FR.08)."""
        leg, facts = _leg_of(walk, Do.PERMIT_LOWER), walk.at.facts
        row = session.get(StationRow, walk.station)
        if row is None or row.floor <= leg:
            return
        row.floor = row.settled_floor = row.wanted_profile = int(leg)
        row.updated_at = now
        session.add(row)
        self._record(
            session, FleetAct.FLOOR_PERMITTED, walk, now, by=facts.get("permitted_by", "service"),
            reason=facts.get("permitted_for", ""), details={"profile": int(leg)},
        )  # fmt: skip

    def _withdraw(self, session: Session, walk: WalkUnderWay, now: datetime) -> None:
        """The station goes on with its old password: what it was offered is good for nothing from now on."""
        offers = (col(PasswordRow.station) == walk.station, col(PasswordRow.state) == OFFERED)
        gone = session.execute(delete(PasswordRow).where(*offers))
        if isinstance(gone, CursorResult) and gone.rowcount:
            self._record(session, FleetAct.PASSWORD_WITHDRAWN, walk, now)

    def _record(
        self, session: Session, act: FleetAct, walk: WalkUnderWay, now: datetime, *, by: str = "service",
        reason: str = "", details: Mapping[str, JSON] | None = None,
    ) -> None:  # fmt: skip
        self._trail.record(
            session, act, by=by, kind="station", thing=walk.station, reason=reason, now=now,
            details={"walk": walk.id, **(details or {})},
        )  # fmt: skip


def _leg_of(walk: WalkUnderWay, act: Do) -> SecurityProfile:
    """The profile that the next such step is about."""
    return next(step.leg for step in walk.walk.steps[walk.at.index :] if step.do is act)

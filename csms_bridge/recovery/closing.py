"""A way back comes to its end: the station is back, its time is over, or somebody closed it."""

from datetime import datetime, timedelta

from sqlmodel import Session

from csms_bridge.acts import FleetAct
from csms_bridge.admission import Admitted
from csms_bridge.password_book import PasswordBook
from csms_bridge.recovery.rows import RecoveryRow
from csms_bridge.recovery.words import Proof, RecoveryState
from csms_bridge.standing import Lane
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import StationRow
from pki.audit import AuditTrail

CLOCKS_DIFFER = timedelta(minutes=1)


class Closing:
    """Each in the caller's transaction, with the station's row locked."""

    def __init__(self, trail: AuditTrail, passwords: PasswordBook) -> None:
        self._trail = trail
        self._passwords = passwords

    def came_in(self, session: Session, station: StationRow, address: str, now: datetime) -> None:
        """Somebody is in the lane that is open for the station."""
        row = session.get(RecoveryRow, station.recovery) if station.recovery else None
        if row is None:
            return
        row.came_at, row.came_from = now, address
        row.unfinished = row.unfinished or is_to_walk(row)
        session.add(row)

    def back(
        self, session: Session, station: StationRow, admitted: Admitted, password: str | None, now: datetime
    ) -> None:
        """The station is in for good. If it came by what it has now, nothing is to be recovered any more."""
        row = session.get(RecoveryRow, station.recovery) if station.recovery else None
        if row is None or not self._is_back(session, row, admitted, password):
            return
        serial = admitted.certificate_serial
        shown = f"certificate {serial}" if serial else "what it proves itself by now"
        self.close(session, station, row, RecoveryState.DONE, "service", f"it is back with {shown}", now)
        row.unfinished = (bool(row.revokes != "[]") and row.revoked_at is None) or (
            is_to_walk(row) and admitted.profile < (row.then_walk or 0)
        )

    def close(
        self, session: Session, station: StationRow, row: RecoveryRow, state: RecoveryState, by: str, why: str,
        now: datetime,
    ) -> None:  # fmt: skip
        """It lets nobody in any more. What it put aside is put back, unless the station came by it."""
        act = FleetAct.RECOVERY_REFUSED if state is RecoveryState.REFUSED else FleetAct.RECOVERY_ENDED
        row.state, row.ended_at, row.ended_by, row.ended_why = state.value, now, by, why
        if state is RecoveryState.DONE:
            self._passwords.keep_recovery(session, station.id, now)
        else:
            self._passwords.put_back(session, station.id)
        if station.recovery == row.id:
            station.recovery = station.recovery_lane = station.recovery_maker = ""
            station.recovery_until = station.recovery_since = None
            station.recovery_reason = station.recovery_by = ""
        station.updated_at = now
        session.add(row)
        session.add(station)
        self._trail.record(
            session, act, by=by, kind="station", thing=station.id, reason=why, now=now,
            details={"recovery": row.id, "state": state.value},
        )  # fmt: skip

    def _is_back(self, session: Session, row: RecoveryRow, admitted: Admitted, password: str | None) -> bool:
        """By a certificate of ours, a new one; by the password that was made for it; or where nothing counts."""
        if admitted.profile in (SecurityProfile.MUTUAL_TLS, SecurityProfile.NONE):
            return True
        is_by_password = row.proof == Proof.PASSWORD and password is not None
        return is_by_password and self._passwords.is_for_recovery(session, password or "0")


def is_to_walk(row: RecoveryRow) -> bool:
    """Whether a walk is still to be started for it."""
    has_come = row.state == RecoveryState.DONE or (row.state == RecoveryState.OPEN and row.came_at is not None)
    return has_come and row.then_walk is not None and not row.walk


def is_open(station: StationRow, lane: Lane, now: datetime) -> bool:
    """Whether a way back through this lane is open for the station."""
    return station.recovery_lane == lane and is_recovering(station.recovery_since, station.recovery_until, now)


def is_recovering(since: datetime | None, until: datetime | None, now: datetime) -> bool:
    """Whether what was opened at `since` to last until `until` is open now; None: it was not opened.

    A clock that went back by more than two nodes' clocks differ finds it closed: else it would stay open for longer
    than anybody agreed to.
    """
    if since is None or until is None:
        return False
    return since - CLOCKS_DIFFER <= now < until

"""How far renewals are, written into their rows, so that the database can count them.

What is true stands in many rows (command, request, connection); a look at those under way every few seconds is enough.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from csms_bridge.certificate_asks import AskState
from csms_bridge.renewals import Renewal, Renewals, RenewalState
from csms_bridge.tables import CertificateAskRow, CommandRow, RenewalAskRow, StationRow
from pki.clock import Clock
from pki.store import Store

_AT_ONCE = 500
_AWAKE = (RenewalState.SENT, RenewalState.ACCEPTED, RenewalState.ISSUED)
NO_REQUEST = timedelta(hours=1)
"""After it said Accepted; it has a key to make, and some make RSA ones."""


class RenewalNews:
    """Looks at those on their way, and at a part of those that wait for their station."""

    def __init__(self, store: Store, renewals: Renewals, clock: Clock) -> None:
        self._store = store
        self._renewals = renewals
        self._clock = clock
        self._after = ""

    def round(self) -> int:
        """To be called every few seconds; how many moved."""
        now = self._clock()
        with self._store.reading() as session:
            awake = select(RenewalAskRow).where(col(RenewalAskRow.state).in_(_AWAKE))
            rows = list(session.exec(awake.order_by(col(RenewalAskRow.asked_at).desc()).limit(_AT_ONCE)))
            rows += self._some_asleep(session)
            moved = [(row, after) for row, after in self._looked_at(session, rows, now) if _differs(row, after)]
        if moved:
            self._write(moved, now)
        return len(moved)

    def _some_asleep(self, session: Session) -> Sequence[RenewalAskRow]:
        queued = select(RenewalAskRow).where(
            RenewalAskRow.state == RenewalState.QUEUED.value, col(RenewalAskRow.station) > self._after
        )
        found = session.exec(queued.order_by(col(RenewalAskRow.station)).limit(_AT_ONCE)).all()
        self._after = found[-1].station if len(found) == _AT_ONCE else ""
        return found

    def _looked_at(
        self, session: Session, rows: Sequence[RenewalAskRow], now: datetime
    ) -> list[tuple[RenewalAskRow, Renewal]]:
        """What is found of each; what they need is read for all of them together first."""
        names = [row.station for row in rows]
        stations = session.exec(select(StationRow).where(col(StationRow.id).in_(names))).all()
        commands = session.exec(select(CommandRow).where(col(CommandRow.id).in_([row.command for row in rows]))).all()
        waiting = select(CertificateAskRow.station).where(
            col(CertificateAskRow.station).in_(names), CertificateAskRow.state == AskState.ASKED.value
        )
        unsigned = set(session.exec(waiting))
        found = {one.station: one for one in self._renewals.progress_in(session, names)}
        del stations, commands  # they were in the session's memory for that
        return [(row, _in_time(found[row.station], row.station in unsigned, now)) for row in rows]

    def _write(self, moved: Sequence[tuple[RenewalAskRow, Renewal]], now: datetime) -> None:
        with self._store.writing() as session:
            for row, after in moved:
                same = (col(RenewalAskRow.station) == row.station, col(RenewalAskRow.command) == row.command)
                values = {"state": after.state.value, "reason": after.reason, "serial": after.serial, "moved_at": now}
                session.execute(update(RenewalAskRow).where(*same).values(values))


def _differs(row: RenewalAskRow, after: Renewal) -> bool:
    return (row.state, row.reason, row.serial) != (after.state.value, after.reason, after.serial)


def _in_time(found: Renewal, unsigned: bool, now: datetime) -> Renewal:
    """One that said Accepted and sent nothing has failed; what waits for the authority has not."""
    asked_at = found.asked_at or now
    if found.state is not RenewalState.ACCEPTED or unsigned or now - asked_at < NO_REQUEST:
        return found
    words = "the station said Accepted and sent no request"
    return Renewal(found.station, RenewalState.FAILED, words, found.command, None, asked_at, found.asked_by)

"""Quiet stations: those that are sent nothing unasked.

Some stations, and every certification tool, fail when they are asked something that the test at hand does not hold
(reference §8.5.28). Whatever the service would send by itself, it does not send to a quiet station; what people
ordered, walks, and answers go out as ever.

One message looks unasked and is not: who came through a lane was told Pending, is proved now, and may send nothing
until it has booted once more, so it is asked for that (TriggerMessage). The lane was ordered, and that is its end.
"""

from sqlmodel import Session

from csms_bridge.acts import FleetAct
from csms_bridge.errors import UnknownStation
from csms_bridge.tables import StationRow
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store


class QuietMode:
    """The flag of each station, in the database."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock

    def is_on(self, station: str) -> bool:
        """Whether nothing may be sent to the station unasked; true as well for one that is not on record."""
        with self._store.reading() as session:
            row = session.get(StationRow, station)
            return row is None or row.quiet

    def turn(self, station: str, on: bool, by: str, reason: str) -> None:
        """Make a station quiet, or talk to it again. What was so already leaves no record. Raises UnknownStation."""
        now = self._clock()
        with self._store.writing() as session:
            row = _row(session, station)
            if row.quiet == on:
                return
            row.quiet, row.updated_at = on, now
            session.add(row)
            act = FleetAct.QUIET_ON if on else FleetAct.QUIET_OFF
            self._trail.record(session, act, by=by, kind="station", thing=station, reason=reason, now=now)


def _row(session: Session, station: str) -> StationRow:
    row = session.get(StationRow, station)
    if row is None:
        raise UnknownStation(station)
    return row

"""Who is let in as Pending only, written down: lanes opened and closed, and who came through them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from csms_bridge.acts import FleetAct
from csms_bridge.admission import Admitted
from csms_bridge.errors import StationRefused, UnknownStation
from csms_bridge.quirks.quirks import QuirksOf, nothing_odd
from csms_bridge.standing import Lane
from csms_bridge.tables import CertificateAskRow, StationRow
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=30)
MOST_REQUESTS = 10
"""Certificate requests of one station in a day that a lane lets through: a station gone mad costs no more."""
_DAY = timedelta(days=1)


class Lanes:
    """Lanes in the database."""

    def __init__(self, store: Store, trail: AuditTrail, clock: Clock, quirks_of: QuirksOf = nothing_odd) -> None:
        self._quirks_of = quirks_of
        self._store = store
        self._trail = trail
        self._clock = clock

    def open_recovery(self, station: str, life: timedelta, by: str, reason: str) -> None:
        """Let the station in with its expired certificate, as Pending, for `life` from now on.

        Again for one that is in the lane already: the new end counts. Raises UnknownStation, StationRefused.
        """
        if not SHORTEST <= life <= LONGEST:
            raise StationRefused("for", "a recovery lane is open for 5 minutes to 30 days")
        now = self._clock()
        with self._store.writing() as session:
            row = _row(session, station)
            row.recovery_since, row.recovery_until = now, now + life
            row.recovery_reason, row.recovery_by, row.updated_at = reason, by, now
            session.add(row)
            details = {"until": (now + life).isoformat(timespec="seconds")}
            self._record(session, FleetAct.RECOVERY_OPENED, station, by, now, reason, details)

    def end_recovery(self, station: str, by: str, reason: str) -> None:
        """Close the lane. Raises UnknownStation, StationRefused when it is not open."""
        now = self._clock()
        with self._store.writing() as session:
            row = _row(session, station)
            if row.recovery_until is None:
                raise StationRefused("id", f"station {station!r} is not in the recovery lane")
            _close(row, now)
            session.add(row)
            self._record(session, FleetAct.RECOVERY_ENDED, station, by, now, reason)

    def allow_bootstrap(self, station: str, vendor: str, by: str, reason: str) -> None:
        """Let a certificate of this maker alone begin; an empty `vendor` ends that. Raises UnknownStation."""
        now = self._clock()
        with self._store.writing() as session:
            row = _row(session, station)
            row.bootstrap, row.updated_at = vendor, now
            session.add(row)
            act = FleetAct.BOOTSTRAP_ALLOWED if vendor else FleetAct.BOOTSTRAP_ENDED
            self._record(session, act, station, by, now, reason, {"vendor": vendor})

    def entered(self, session: Session, row: StationRow, lane: Lane, admitted: Admitted, address: str) -> None:
        """A station came in through a lane; part of the transaction that notes the connection."""
        now = self._clock()
        if row.lane != lane:
            details = {"lane": lane.value, "address": address}
            by = f"station:{row.id}"
            self._record(session, FleetAct.LANE_ENTERED, row.id, by, now, admitted.reason, details)
        row.lane = lane.value

    def left(self, session: Session, row: StationRow, admitted: Admitted) -> None:
        """A station came in for good; with a certificate of its own no recovery is needed any more."""
        row.lane = ""
        if row.recovery_until is None or admitted.certificate_serial is None:
            return
        now = self._clock()
        _close(row, now)
        reason = f"it is back with certificate {admitted.certificate_serial}"
        self._record(session, FleetAct.RECOVERY_ENDED, row.id, "service", now, reason)

    def closed_among(self, lines: Mapping[str, Lane]) -> dict[str, str]:
        """Of stations on a line in a lane, those whose lane is not open any more, with the reason."""
        now = self._clock()
        with self._store.reading() as session:
            rows = {row.id: row for row in session.exec(select(StationRow).where(col(StationRow.id).in_(lines)))}
        found = {station: _why_closed(rows.get(station), lane, now) for station, lane in lines.items()}
        return {station: why for station, why in found.items() if why}

    def works_when_accepted(self, station: str) -> bool:
        """Whether the station does no certificate work while it is Pending: it was found so, or such stations are."""
        with self._store.reading() as session:
            row = session.get(StationRow, station)
            if row is not None and row.works_when_accepted:
                return True
        return not self._quirks_of([station])[station].works_while_pending

    def remember_works_when_accepted(self, station: str, words: str) -> None:
        """It refused certificate work while Pending, in these words: it will be told Accepted, and held to the lane."""
        now = self._clock()
        with self._store.writing() as session:
            row = session.get(StationRow, station)
            if row is None or row.works_when_accepted:
                return
            row.works_when_accepted = True
            session.add(row)
            self._record(session, FleetAct.WORKS_WHEN_ACCEPTED, station, "service", now, words)

    def hindered(self, station: str, reason: str) -> None:
        """The lane leads nowhere now, and why."""
        with self._store.writing() as session:
            self._record(session, FleetAct.LANE_HINDERED, station, "service", self._clock(), reason)

    def may_request(self, station: str) -> bool:
        """Whether the station may ask for one more certificate today."""
        mine = (col(CertificateAskRow.station) == station, col(CertificateAskRow.asked_at) > self._clock() - _DAY)
        with self._store.reading() as session:
            return session.exec(select(func.count()).select_from(CertificateAskRow).where(*mine)).one() < MOST_REQUESTS

    def _record(
        self, session: Session, act: FleetAct, station: str, by: str, now: datetime, reason: str = "",
        details: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._trail.record(session, act, by=by, kind="station", thing=station, reason=reason, details=details, now=now)


def is_recovering(until: datetime | None, now: datetime) -> bool:
    """Whether a recovery lane that is open until then is open now; None: it was not opened."""
    return until is not None and now < until


def _why_closed(row: StationRow | None, lane: Lane, now: datetime) -> str:
    if row is None:
        return "it is not registered any more"
    if lane is Lane.RECOVERY and not is_recovering(row.recovery_until, now):
        return "its recovery lane is closed"
    if lane is Lane.BOOTSTRAP and not row.bootstrap:
        return "its maker's certificate does not count any more"
    return ""


def _close(row: StationRow, now: datetime) -> None:
    row.recovery_until = row.recovery_since = None
    row.recovery_reason = row.recovery_by = ""
    row.updated_at = now


def _row(session: Session, station: str) -> StationRow:
    row = session.get(StationRow, station)
    if row is None:
        raise UnknownStation(station)
    return row

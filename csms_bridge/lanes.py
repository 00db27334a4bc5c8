"""Who is let in as Pending only, written down: lanes opened and closed, and who came through them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from csms_bridge.acts import FleetAct
from csms_bridge.admission import Admitted
from csms_bridge.errors import UnknownStation
from csms_bridge.quirks.quirks import QuirksOf, nothing_odd
from csms_bridge.recovery.closing import Closing, is_open
from csms_bridge.standing import Lane
from csms_bridge.tables import CertificateAskRow, StationRow
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store

MOST_REQUESTS = 10
"""Certificate requests of one station in a day that a lane lets through: a station gone mad costs no more."""
_DAY = timedelta(days=1)


class Lanes:
    """Lanes in the database."""

    def __init__(
        self, store: Store, trail: AuditTrail, clock: Clock, closing: Closing, quirks_of: QuirksOf = nothing_odd
    ) -> None:
        self._closing = closing
        self._quirks_of = quirks_of
        self._store = store
        self._trail = trail
        self._clock = clock

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
        self._closing.came_in(session, row, address, now)

    def left(self, session: Session, row: StationRow, admitted: Admitted, password: str | None) -> None:
        """A station came in for good; by what it has now, it needs no way back any more."""
        row.lane = ""
        self._closing.back(session, row, admitted, password, self._clock())

    def is_open(self, row: StationRow, lane: Lane) -> bool:
        """Whether this lane is open for the station now; quarantine is for those that have no row."""
        return not _why_closed(row, lane, self._clock())

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
        """Whether the station may ask for one more certificate today; what it asked for before its loss is over."""
        with self._store.reading() as session:
            row = session.get(StationRow, station)
            opened = row.recovery_since if row is not None else None
            since = max(self._clock() - _DAY, opened) if opened is not None else self._clock() - _DAY
            mine = (col(CertificateAskRow.station) == station, col(CertificateAskRow.asked_at) > since)
            return session.exec(select(func.count()).select_from(CertificateAskRow).where(*mine)).one() < MOST_REQUESTS

    def _record(
        self, session: Session, act: FleetAct, station: str, by: str, now: datetime, reason: str = "",
        details: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._trail.record(session, act, by=by, kind="station", thing=station, reason=reason, details=details, now=now)


def _why_closed(row: StationRow | None, lane: Lane, now: datetime) -> str:
    if row is None:
        return "it is not registered any more"
    if is_open(row, lane, now):
        return ""
    if lane is not Lane.BOOTSTRAP:
        return f"its {lane} lane is closed"
    is_first_contact = row.bootstrap and row.newest_used is None
    return "" if is_first_contact else "its maker's certificate does not count any more"


def _row(session: Session, station: str) -> StationRow:
    row = session.get(StationRow, station)
    if row is None:
        raise UnknownStation(station)
    return row

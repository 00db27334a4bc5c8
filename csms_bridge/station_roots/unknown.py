"""Certificates on stations that nobody here knows: an alarm for each, once, which ends when it is gone or known."""

from collections.abc import Sequence

from sqlalchemy import update
from sqlmodel import Session, col, select

from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.inventory import note_recognised, rows_of, told_of
from csms_bridge.station_roots.known import KnownCertificates
from csms_bridge.station_roots.rows import StationRootRow
from pki.alarms import AlarmKind, Alarms, Severity
from pki.store import Store

MANY = 10
"""So many of one station have an alarm each; beyond it is a bundle of public CAs, and gets one alarm for all."""

_AT_ONCE = 500


class UnknownRoots:
    """Raises and settles the alarms."""

    def __init__(self, store: Store, alarms: Alarms, known: KnownCertificates) -> None:
        self._store = store
        self._alarms = alarms
        self._known = known
        self._compared: frozenset[tuple[str, str]] = frozenset()
        self._place = 0

    def look(self, station: str) -> None:
        """Raise what is to be raised about a station, and end what is over."""
        with self._store.reading() as session:
            rows = rows_of(session, station, gone=True)
        strange = [row for row in rows if row.gone_at is None and not row.known_as]
        self._tell_of_many(station, strange)
        room = max(0, MANY - sum(row.alarmed for row in strange))
        fresh = [row for row in strange if not row.alarmed][:room]
        for row in fresh:
            self._alarms.sound(AlarmKind.UNKNOWN_ROOT, _thing(row), _sentence(row), _severity(row))
        over = [row for row in rows if row.alarmed and (row.gone_at is not None or row.known_as)]
        for row in over:
            self._alarms.settle(AlarmKind.UNKNOWN_ROOT, _thing(row))
        self._mark(fresh, alarmed=True)
        self._mark(over, alarmed=False)

    def forget(self, station: str) -> None:
        """The station is no more."""
        with self._store.reading() as session:
            rows = rows_of(session, station, gone=True)
        for thing in (_many(station), *(_thing(row) for row in rows)):
            self._alarms.settle(AlarmKind.UNKNOWN_ROOT, thing)

    def compare_again(self) -> int:
        """To be called every few seconds: when we know other certificates than before, look at the unknown ones again.

        So many rows at a time; how many were looked at.
        """
        known = frozenset((one.known_as.value, one.name) for one in self._known.everywhere())
        if known == self._compared:
            return 0
        with self._store.reading() as session:
            rows = self._next_rows(session)
        moved = {row.station for row in rows if self._is_known_otherwise(row)}
        self._place = rows[-1].id or 0 if rows else 0
        if moved:
            with self._store.writing() as session:
                for row in rows:
                    if row.station in moved:
                        self._note(session, row)
        for station in sorted(moved):
            self.look(station)
        if len(rows) < _AT_ONCE:
            self._compared, self._place = known, 0
        return len(rows)

    def _mark(self, rows: Sequence[StationRootRow], *, alarmed: bool) -> None:
        if rows:
            ids = [row.id for row in rows]
            with self._store.writing() as session:
                session.execute(update(StationRootRow).where(col(StationRootRow.id).in_(ids)).values(alarmed=alarmed))

    def _next_rows(self, session: Session) -> Sequence[StationRootRow]:
        """Those that nobody knew, and those that were known by a name that may be gone."""
        query = select(StationRootRow).where(
            col(StationRootRow.gone_at).is_(None), col(StationRootRow.id) > self._place
        )
        return session.exec(query.order_by(col(StationRootRow.id)).limit(_AT_ONCE)).all()

    def _is_known_otherwise(self, row: StationRootRow) -> bool:
        found = self._known.recognise(told_of(row), row.station)
        return (row.known_as, row.known_name) != ((found.known_as.value, found.name) if found else ("", ""))

    def _note(self, session: Session, row: StationRootRow) -> None:
        fresh = session.get(StationRootRow, row.id, populate_existing=True)
        if fresh is not None:
            found = self._known.recognise(told_of(fresh), fresh.station)
            note_recognised(fresh, found)
            session.add(fresh)

    def _tell_of_many(self, station: str, strange: Sequence[StationRootRow]) -> None:
        if len(strange) <= MANY:
            self._alarms.settle(AlarmKind.UNKNOWN_ROOT, _many(station))
            return
        if not self._alarms.is_open(AlarmKind.UNKNOWN_ROOT, _many(station)):
            sentence = f"{station} lists {len(strange)} certificates that nobody here knows: perhaps a bundle of CAs"
            self._alarms.sound(AlarmKind.UNKNOWN_ROOT, _many(station), sentence)


def _thing(row: StationRootRow) -> str:
    return f"{row.station} {row.kind} {row.serial_number} {row.issuer_key_hash[:12].lower()}"


def _many(station: str) -> str:
    return f"{station} many"


def _sentence(row: StationRootRow) -> str:
    return (
        f"{row.station} lists a certificate ({row.kind or 'of an unknown kind'}) that nobody here knows: serial "
        f"number {row.serial_number}, issuer's key {row.issuer_key_hash[:16]}… ({row.algorithm})"
    )


def _severity(row: StationRootRow) -> Severity:
    """Whoever holds the key of a CSMS root can play the CSMS, of a manufacturer's root sign firmware."""
    weighty = (CertificateKind.CSMS, CertificateKind.MANUFACTURER, "")
    return Severity.WARNING if row.kind in weighty else Severity.NOTICE

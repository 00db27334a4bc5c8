"""A plan for each station that presents a certificate of ours: kept up with what stations present.

By what it presents and not by what was issued last: a certificate that a station never takes into use must not make
the one that it lives on be forgotten.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from csms_bridge.renewal.rows import RenewalPlanRow
from csms_bridge.renewal.schedule import due_at, late_at
from csms_bridge.tables import StationRow
from pki.alarms import AlarmKind, Alarms
from pki.clock import Clock
from pki.revocation import RevocationReason
from pki.store import Store, hold_lock
from pki.tables import CertificateRow, RevokedRow

_STRETCH = 2000
"""Stations of the register that are compared in one look, by the database."""
_LOOKS = 5
_AT_ONCE = 500
"""Plans that are written in one transaction."""
_OVERLAP = timedelta(seconds=30)  # a change is stamped before it is committed


class Plans:
    """Follows the register: what changed at once, and all of it again and again, a stretch at a time.

    What it remembers is where it was, and costs nothing when it is lost.
    """

    def __init__(self, store: Store, alarms: Alarms, clock: Clock) -> None:
        self._store = store
        self._alarms = alarms
        self._clock = clock
        self._since: datetime | None = None
        self._after: str | None = ""
        self._complete = False

    def keep_up(self) -> int:
        """To be called every few seconds; how many plans changed."""
        now = self._clock()
        changed = 0
        if self._since is not None:
            changed = self._write_all(col(StationRow.updated_at) >= self._since - _OVERLAP)
        self._since = now
        for _ in range(1 if self._complete else _LOOKS):
            changed += self._next_stretch()
            if self._after == "":
                break
        return changed

    def _next_stretch(self) -> int:
        after = self._after or ""
        ids = select(StationRow.id).where(col(StationRow.id) > after).order_by(col(StationRow.id)).limit(_STRETCH)
        with self._store.reading() as session:
            last = session.exec(select(func.max(ids.subquery().c.id))).one()
        if last is None:
            self._after, self._complete = "", True
            return 0
        self._after = last
        return self._write_all(col(StationRow.id) > after, col(StationRow.id) <= last)

    def _write_all(self, *where: Any) -> int:
        """Among these stations, all plans that are not as they should be."""
        changed = 0
        while True:
            with self._store.reading() as session:
                found = session.execute(_differences(*where).limit(_AT_ONCE)).all()
            if found:
                self._write(found)
            changed += len(found)
            if len(found) < _AT_ONCE:
                return changed

    def _write(self, found: Any) -> None:
        proved: list[str] = []
        with self._store.writing() as session:
            hold_lock(session, "renewal-plans")  # several nodes find the same differences
            for station, before, serial, not_before, not_after in found:
                known = session.get(RenewalPlanRow, station, populate_existing=True)
                if known is not None and known.serial != (before or ""):
                    continue  # another node has been faster
                if known is not None and known.unused:
                    proved.append(station)
                _replace(session, station, known, serial, not_before, not_after)
        for station in proved:
            self._alarms.settle(AlarmKind.CERTIFICATE_UNUSED, station)


def _differences(*where: Any) -> Any:
    """Stations whose plan is for another certificate than the good one of ours that they present, or for none."""
    presented = col(CertificateRow.serial) == col(StationRow.certificate_serial)
    revoked = (col(RevokedRow.serial) == col(CertificateRow.serial)) & (
        col(RevokedRow.reason) != RevocationReason.CERTIFICATE_HOLD.value
    )
    good = select(CertificateRow.serial).where(
        presented, CertificateRow.profile == "station", ~select(RevokedRow.serial).where(revoked).exists()
    )
    serial = good.correlate(StationRow).scalar_subquery()
    planned = func.coalesce(col(RenewalPlanRow.serial), "")
    return (
        sa.select(
            col(StationRow.id),
            col(RenewalPlanRow.serial),
            serial,
            col(CertificateRow.not_before),
            col(CertificateRow.not_after),
        )
        .select_from(StationRow)
        .outerjoin(CertificateRow, presented)
        .outerjoin(RenewalPlanRow, col(RenewalPlanRow.station) == col(StationRow.id))
        .where(*where, func.coalesce(serial, "") != planned)
        .order_by(col(StationRow.id))
    )


def _replace(
    session: Session, station: str, known: RenewalPlanRow | None, serial: str | None, not_before: Any, not_after: Any
) -> None:
    if serial is None:
        session.execute(delete(RenewalPlanRow).where(col(RenewalPlanRow.station) == station))
        return
    row = known or RenewalPlanRow(
        station=station, serial="", not_before=not_before, not_after=not_after, due_at=not_after, late_at=not_after
    )  # fmt: skip
    row.serial, row.not_before, row.not_after = serial, not_before, not_after
    row.due_at, row.late_at = due_at(serial, not_before, not_after), late_at(not_before, not_after)
    row.next_at, row.tries, row.why, row.unused, row.unused_since = None, 0, "", None, None
    session.add(row)

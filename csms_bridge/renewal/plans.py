"""A plan for each station that presents a certificate of ours: kept up with what stations present.

By what it presents and not by what was issued last: a certificate that a station never takes into use must not make
the one that it lives on be forgotten.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import delete, func
from sqlalchemy.dialects import postgresql, sqlite
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

    def _write(self, found: Sequence[Any]) -> None:
        with self._store.writing() as session:
            hold_lock(session, "renewal-plans")  # several nodes find the same differences
            known = _known(session, [station for station, *_ in found])
            still = [one for one in found if known.get(one[0], ("", None))[0] == (one[1] or "")]
            _put(session, [(station, *of_it) for station, _, *of_it in still if of_it[0] is not None])
            gone = [station for station, _, serial, *_ in still if serial is None]
            session.execute(delete(RenewalPlanRow).where(col(RenewalPlanRow.station).in_(gone)))
        for station, *_ in still:
            if known.get(station, ("", None))[1]:
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


def _known(session: Session, stations: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """For which certificate each has a plan, and which newer one it does not use."""
    query = select(RenewalPlanRow.station, RenewalPlanRow.serial, RenewalPlanRow.unused)
    rows = session.exec(query.where(col(RenewalPlanRow.station).in_(stations)))
    return {station: (serial, unused) for station, serial, unused in rows}


def _put(session: Session, plans: Sequence[tuple[str, str, datetime, datetime]]) -> None:
    """Plans for these stations and certificates, as nobody has been asked yet; one statement for all."""
    if not plans:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(RenewalPlanRow)
    columns = [name for name in RenewalPlanRow.model_fields if name != "station"]
    statement = statement.on_conflict_do_update(
        index_elements=["station"], set_={name: statement.excluded[name] for name in columns}
    )
    session.connection().execute(statement, [_values(*plan) for plan in plans])


def _values(station: str, serial: str, not_before: datetime, not_after: datetime) -> dict[str, object]:
    return {
        "station": station,
        "serial": serial,
        "not_before": not_before,
        "not_after": not_after,
        "due_at": due_at(serial, not_before, not_after),
        "late_at": late_at(not_before, not_after),
        "next_at": None,
        "tries": 0,
        "why": "",
        "unused": None,
        "unused_since": None,
    }

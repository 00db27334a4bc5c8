"""Certificates that a station took and does not use: told, since the old one ends all the same.

Accepted is no proof (reference, station-quirks 5), and some stations use the certificate that ends last instead of the
newest (reference, station-everest). Until its end the old one keeps working; after that only the recovery lane does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import func, update
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from csms_bridge.certificate_asks import AskState
from csms_bridge.renewal.rows import RenewalPlanRow
from csms_bridge.tables import CertificateAskRow, StationRow
from pki.alarms import AlarmKind, Alarms
from pki.clock import Clock
from pki.store import Store
from pki.tables import CertificateRow, RevokedRow

BORNE = timedelta(days=1)
"""A station may take a certificate into use only when its connection ends for another reason."""
_STRETCH, _AT_ONCE = 2000, 100


@dataclass(frozen=True, slots=True)
class Unused:
    """A station, what it uses and until when, what it took and does not use, and whether it has come back since."""

    station: str
    serial: str
    not_after: datetime
    newer: str
    newer_ends: datetime
    came_back: bool

    @property
    def sentence(self) -> str:
        """For the alarm."""
        since = "connects with" if self.came_back else "has not connected anew since, and is on"
        earlier = "; the new one ends earlier, and some stations use what ends last" * (
            self.newer_ends < self.not_after
        )
        return (
            f"station {self.station!r} took certificate {self.newer} and {since} {self.serial}{earlier}: "
            f"that one works until {self.not_after:%Y-%m-%d}; after it only the recovery lane lets the station in "
            f"(voltward station recover {self.station})"
        )


class UnusedCertificates:
    """Looks through all plans, a stretch at a time."""

    def __init__(self, store: Store, alarms: Alarms, clock: Clock) -> None:
        self._store = store
        self._alarms = alarms
        self._clock = clock
        self._after = ""

    def round(self) -> int:
        """To be called every few seconds; how many were found."""
        now = self._clock()
        ids = select(RenewalPlanRow.station).where(col(RenewalPlanRow.station) > self._after)
        ids = ids.order_by(col(RenewalPlanRow.station)).limit(_STRETCH)
        with self._store.reading() as session:
            last = session.exec(select(func.max(ids.subquery().c.station))).one()
            if last is None:
                self._after = ""
                return 0
            found = [Unused(*row) for row in session.execute(_unused(self._after, last, now)).all()]
        for one in found:
            self._tell(one, now)
        if len(found) < _AT_ONCE:
            self._after = last
        return len(found)

    def _tell(self, one: Unused, now: datetime) -> None:
        """The alarm first: a process that dies in between is followed by one that raises it once more."""
        self._alarms.sound(AlarmKind.CERTIFICATE_UNUSED, one.station, one.sentence)
        same = (col(RenewalPlanRow.station) == one.station, col(RenewalPlanRow.serial) == one.serial)
        with self._store.writing() as session:
            session.execute(update(RenewalPlanRow).where(*same).values(unused=one.newer, unused_since=now))


def _unused(after: str, last: str, now: datetime) -> Any:
    old, new = aliased(CertificateRow), aliased(CertificateRow)
    newest = (
        select(func.max(new.id))
        .where(col(new.station) == col(RenewalPlanRow.station), col(new.id) > col(old.id))
        .where(~select(RevokedRow.serial).where(col(RevokedRow.serial) == col(new.serial)).exists())
        .correlate(RenewalPlanRow, old)
        .scalar_subquery()
    )
    took = select(CertificateAskRow.id).where(
        col(CertificateAskRow.station) == col(RenewalPlanRow.station),
        CertificateAskRow.state == AskState.TAKEN.value,
        col(CertificateAskRow.serial) == col(new.serial),
        col(CertificateAskRow.updated_at) <= now - BORNE,
        col(StationRow.last_seen) >= col(CertificateAskRow.updated_at),
    )
    return (
        sa.select(
            col(RenewalPlanRow.station), col(RenewalPlanRow.serial), col(RenewalPlanRow.not_after), col(new.serial),
            col(new.not_after),
            col(StationRow.connected_at) > col(new.created_at),
        )
        .join(StationRow, col(StationRow.id) == col(RenewalPlanRow.station))
        .join(old, col(old.serial) == col(RenewalPlanRow.serial))
        .join(new, col(new.id) == newest)
        .where(col(RenewalPlanRow.station) > after, col(RenewalPlanRow.station) <= last)
        .where(col(RenewalPlanRow.unused).is_distinct_from(col(new.serial)))
        .where(func.coalesce(col(StationRow.newest_used) < col(new.created_at), True), took.exists())
        .order_by(col(RenewalPlanRow.station))
        .limit(_AT_ONCE)
    )  # fmt: skip

"""The door to migrations: announced, followed, ended; a record each, for firmware campaigns and for people.

What a campaign of firmware does with it, station by station:

1. `expect_in` in the transaction that begins the station, and `committed` after it. It raises MigrationRefused for a
   station that cannot be expected back, which is then left alone.
2. The errand that sends a firmware looks by itself whether the station is prepared, and sends none to one that could
   not be (`preparing.is_being_prepared`, `preparing.why_no_firmware`).
3. The rows tell what came of it: WELL, FAILED with the reason, or CANCELLED; `why_stop` whether a campaign goes on.
4. A station that is given up, or tried once more, is expected no more: `give_up_in`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlmodel import Session, col, func, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import MigrationRefused, UnknownStation
from csms_bridge.migration.book import Migration, end, held_row, migration_of, note, objection, row_of
from csms_bridge.migration.following import Following
from csms_bridge.migration.preparing import Preparing
from csms_bridge.migration.rows import MigrationRow
from csms_bridge.migration.rules import Criteria, RollBack, Tally, why_stop
from csms_bridge.migration.states import OPEN, MigrationState
from csms_bridge.orders import Orders
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.station import OcppVersion
from csms_bridge.tables import StationRow
from pki.alarms import AlarmKind, Alarms
from pki.audit import AuditTrail
from pki.clock import Clock
from pki.store import Store, hold_lock


class Migrations:
    """Safe to use from several threads and processes."""

    def __init__(
        self, store: Store, trail: AuditTrail, alarms: Alarms, rotations: PasswordRotations, preparing: Preparing,
        orders: Orders, clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._alarms = alarms
        self._preparing = preparing
        self._following = Following(store, trail, alarms, rotations, preparing, orders, clock)
        self._orders = orders
        self._clock = clock

    # --- announcing

    def expect(
        self,
        stations: Sequence[str],
        to: OcppVersion,
        within: timedelta,
        by: str,
        why: str = "",
        *,
        campaign: str = "",
        criteria: Criteria | None = None,
    ) -> list[Migration]:
        """These stations will come back with another version: all are announced, or none.

        From now on that version is chosen when they offer it, and what the old firmware can prepare is set.
        `within` is how long each has to come back well, from the moment that it is prepared. `campaign` is what they
        are counted under for `why_stop`. Raises UnknownStation, MigrationRefused.
        """
        with self._store.writing() as session:
            made = {
                name: self.expect_in(session, name, to, within, by, why, campaign=campaign, criteria=criteria)
                for name in sorted(stations)  # in one order, so that no two wait for each other
            }
        self.committed(stations)
        return [made[name] for name in stations]

    def expect_in(
        self,
        session: Session,
        station: str,
        to: OcppVersion,
        within: timedelta,
        by: str,
        why: str = "",
        *,
        campaign: str = "",
        criteria: Criteria | None = None,
    ) -> Migration:
        """The same for one station in the caller's transaction, which calls `committed` afterwards.

        Raises UnknownStation, MigrationRefused.
        """
        if within <= timedelta():
            raise MigrationRefused("the time that a station gets must be longer than none")
        hold_lock(session, f"migrating:{station}")
        row = session.get(StationRow, station, populate_existing=True)
        if row is None:
            raise UnknownStation(station)
        if against := objection(session, row, to):
            raise MigrationRefused(f"station {station!r}: {against}")
        return migration_of(self._begin(session, row, to, within, by, why, campaign, criteria or Criteria()))

    def committed(self, stations: Sequence[str]) -> None:
        """After the transaction of `expect_in`: alarms of before end, and what is to be set is sent to who is there."""
        for station in stations:
            self._alarms.settle(AlarmKind.MIGRATION_FAILED, station)
        self._orders.wake_those_here(stations)

    def cancel(self, migration: int, why: str, by: str) -> Migration:
        """It is not expected any more. Raises UnknownMigration, MigrationRefused."""
        with self._store.writing() as session:
            if not self.cancel_in(session, migration, why, by):
                raise MigrationRefused(f"the migration {migration} is {row_of(session, migration).state}")
            return migration_of(row_of(session, migration))

    def cancel_in(self, session: Session, migration: int, why: str, by: str) -> bool:
        """The same in the caller's transaction; False for one that has ended. Raises UnknownMigration."""
        row = held_row(session, migration)
        if row.state not in OPEN:
            return False
        self._preparing.give_up(session, row, why)
        end(session, self._trail, row, MigrationState.CANCELLED, why, by, self._clock())
        return True

    def give_up_in(self, session: Session, station: str, campaign: str, why: str, by: str) -> None:
        """What a campaign expected of a station is expected no more; in the caller's transaction."""
        row = MigrationRow
        query = select(row.id).where(row.station == station, row.campaign == campaign, col(row.state).in_(OPEN))
        for migration in session.exec(query).all():
            self.cancel_in(session, migration or 0, why, by)

    # --- looking

    def find(self, migration: int) -> Migration:
        """Raises UnknownMigration."""
        with self._store.reading() as session:
            return migration_of(row_of(session, migration))

    def search(
        self, *, station: str = "", campaign: str = "", state: MigrationState | None = None,
        before: int | None = None, limit: int = 100,
    ) -> list[Migration]:  # fmt: skip
        """The newest first; `before` is the last id of the page before."""
        query = select(MigrationRow).order_by(col(MigrationRow.id).desc()).limit(limit)
        for wanted, column in ((station, MigrationRow.station), (campaign, MigrationRow.campaign)):
            query = query.where(col(column) == wanted) if wanted else query
        query = query.where(MigrationRow.state == state.value) if state is not None else query
        query = query.where(col(MigrationRow.id) < before) if before is not None else query
        with self._store.reading() as session:
            return [migration_of(row) for row in session.exec(query)]

    def tally(self, campaign: str) -> Tally:
        """How many of a campaign's are how far."""
        with self._store.reading() as session:
            return self.tally_in(session, campaign)

    def tally_in(self, session: Session, campaign: str) -> Tally:
        """The same in the caller's transaction."""
        query = select(MigrationRow.state, func.count()).where(MigrationRow.campaign == campaign)
        return Tally(**dict(session.exec(query.group_by(MigrationRow.state)).all()))

    def why_stop(self, campaign: str, when: RollBack) -> str:
        """Why a campaign is to stop, and the old firmware to be brought back; empty when it goes on."""
        return why_stop(self.tally(campaign), when)

    def round(self) -> None:
        """To be called every few seconds: what was seen of those that are expected, judged."""
        self._following.round()

    def _begin(
        self, session: Session, station: StationRow, to: OcppVersion, within: timedelta, by: str, why: str,
        campaign: str, criteria: Criteria,
    ) -> MigrationRow:  # fmt: skip
        now = self._clock()
        row = MigrationRow(
            station=station.id, from_version=station.ocpp_version or "", to_version=to.value, campaign=campaign,
            state=MigrationState.EXPECTED.value, criteria=json.dumps(asdict(criteria)), profile=station.profile,
            firmware=station.firmware, until=now + within, began_at=now, began_by=by, why=why,
        )  # fmt: skip
        station.expected_version = to.value
        session.add(station)
        self._preparing.begin(session, station, row, by, now)
        note(session, self._trail, FleetAct.MIGRATION_EXPECTED, row, by, why, now)
        return row

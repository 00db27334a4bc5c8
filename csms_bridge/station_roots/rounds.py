"""What happens to stations' roots by itself: lists that are due, answers that were left lying, new knowledge."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.charging_book import busy
from csms_bridge.orders import Orders, ending_of, order_of
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.answers import Answers, Said
from csms_bridge.station_roots.asking import Asking, hold_station
from csms_bridge.station_roots.entries import OPEN, Deed
from csms_bridge.station_roots.rows import RootActRow, RootListingRow
from csms_bridge.station_roots.unknown import UnknownRoots
from csms_bridge.tables import CommandRow, StationRow, WalkRow
from pki.clock import Clock
from pki.store import Store

PACE = 10
"""Stations asked in one round: a fleet that comes back is not asked all at once."""

BY = "service"
_SETTLED = timedelta(seconds=2)
_CALM = timedelta(seconds=30)
"""A station that has just come has other things to say."""
_PATIENCE = timedelta(minutes=10)
_SHORT = timedelta(minutes=2)
_AT_ONCE = 100


class Rounds:
    """One for each process; it asks only stations whose line is here. `every` zero: nothing is asked for its age."""

    def __init__(
        self,
        store: Store,
        asking: Asking,
        answers: Answers,
        orders: Orders,
        unknown: UnknownRoots,
        every: timedelta,
        clock: Clock,
        node: str,
    ) -> None:
        self._store = store
        self._asking = asking
        self._answers = answers
        self._orders = orders
        self._unknown = unknown
        self._every = every
        self._clock = clock
        self._node = node

    def round(self, barred: Sequence[str]) -> None:
        """To be called every few seconds; the `barred` are not asked."""
        self._catch_up()
        self._unknown.compare_again()
        self._ask_what_is_due(barred)
        self._ask_the_old(barred)

    def _ask_what_is_due(self, barred: Sequence[str]) -> None:
        """After a change the station is to list what it holds."""
        now = self._clock()
        query = (
            select(RootListingRow.station, RootListingRow.kind)
            .join(StationRow, col(StationRow.id) == col(RootListingRow.station))
            .where(col(RootListingRow.due_at) <= now, *self._reachable(now - _SETTLED, barred))
            .limit(PACE)
        )
        with self._store.reading() as session:
            due = session.exec(query).all()
        for station, kind in due:
            self._ask(station, (CertificateKind(kind),))

    def _ask_the_old(self, barred: Sequence[str]) -> None:
        """Those of whom we know nothing, or nothing fresh. Walks ask for CSMS roots alone: another kind tells."""
        if not self._every:
            return
        now = self._clock()
        asked = select(RootListingRow.station).where(
            col(RootListingRow.station) == col(StationRow.id),
            RootListingRow.kind == CertificateKind.MANUFACTURER.value,
            col(RootListingRow.asked_at) > now - self._every,
        )
        query = select(StationRow.id).where(*self._reachable(now - _CALM, barred), ~asked.exists()).limit(PACE)
        with self._store.reading() as session:
            stations = session.exec(query).all()
        for station in stations:
            self._ask(station, ())

    def _reachable(self, since: datetime, barred: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
        """Connected here since then, accepted, not quiet, charging nobody, and not in a walk, which asks by itself."""
        active = select(WalkRow.id).where(
            col(WalkRow.station) == col(StationRow.id), col(WalkRow.outcome).in_(ACTIVE_WALKS)
        )
        return (
            col(StationRow.online).is_(True),
            col(StationRow.id).not_in(barred),
            col(StationRow.node) == self._node,
            col(StationRow.quiet).is_(False),
            col(StationRow.booted_at).is_not(None),
            col(StationRow.ocpp_version).is_not(None),
            col(StationRow.connected_at) <= since,
            ~active.exists(),
            ~busy(),
        )

    def _ask(self, station: str, kinds: Sequence[CertificateKind]) -> None:
        with self._store.writing() as session:
            hold_station(session, station)
            row = session.get(StationRow, station, populate_existing=True)
            if row is not None and row.online and not row.quiet:
                self._asking.for_lists(session, row, kinds, BY, self._clock())

    # --- what was left lying

    def _catch_up(self) -> None:
        """Answers that came when a process died, and messages that went down with one."""
        now = self._clock()
        query = (
            select(RootActRow, CommandRow)
            .outerjoin(CommandRow, col(CommandRow.id) == col(RootActRow.command))
            .where(col(RootActRow.state).in_(OPEN), col(RootActRow.at) < now - _SHORT)
            .order_by(col(RootActRow.id))
            .limit(_AT_ONCE)
        )
        with self._store.reading() as session:
            found = session.exec(query).all()
        for act, command in found:
            self._settle(act, command, now)

    def _settle(self, act: RootActRow, command: CommandRow | None, now: datetime) -> None:
        if command is None:
            self._answers.lose(act.id or 0, "what was sent is not kept any more")
        elif command.state in ("answered", "failed"):
            order = order_of(command)
            self._answers.take(
                Said(act.station, order.action, order.payload, ending_of(command), order.answer, order.error, order.by,
                     order.id)
            )  # fmt: skip
        elif command.state == "sent" and command.updated_at < now - _PATIENCE:
            self._answers.lose(act.id or 0, "the process that sent it ended before an answer came")
        elif command.state == "waiting" and act.deed == Deed.DELETE:
            # It was weighed against what the station held then.
            self._orders.withdraw(order_of(command).id, "it was not sent in time and is withdrawn")

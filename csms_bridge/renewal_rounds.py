"""Renewal by itself: stations whose certificate has two thirds of its life behind it are asked, at a measured pace.

One that is away is asked when it is back, a quiet one like any other, one that charges in a later round. Each is
locked while it is asked, so that two nodes ask it once.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from csms_bridge.certificate_asks import AskState
from csms_bridge.charging_book import busy
from csms_bridge.orders import Orders
from csms_bridge.renewal_schedule import Pace, due_at, may_ask_again, room
from csms_bridge.renewals import Renewals, RenewalState
from csms_bridge.tables import CertificateAskRow, CommandRow, RenewalAskRow, StationRow
from pki.audit import AuditTrail, Entry
from pki.authority import Authority, Certificate, CertificateFilter, CertificateState
from pki.clock import Clock
from pki.errors import UnknownCertificate
from pki.store import Store

BY = "renewal"
_PAGE, _PAGES = 200, 5
_WINDOW = timedelta(days=366) * (1 / 3)
"""No station certificate lives longer than a year, so that none which ends later is due."""
_MINUTE, _PAUSE = timedelta(minutes=1), timedelta(days=1)
_ON_THE_WAY = timedelta(hours=1)
"""A command that was sent longer ago has an end, or died with its process."""


class RenewalRounds:
    """The rounds of one process. A page of certificates after the other, and from the start again."""

    def __init__(
        self, store: Store, trail: AuditTrail, authority: Authority, orders: Orders, renewals: Renewals, pace: Pace,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._authority = authority
        self._orders = orders
        self._renewals = renewals
        self._pace = pace
        self._clock = clock
        self._after: str | None = None

    def round(self) -> int:
        """Ask those that are due, as many as may be asked now; how many."""
        free, asked = self._room(), 0
        for page in self._pages():
            if asked >= free:
                return asked
            due = [one.station for one in page if one.station and self._is_due(one)]
            asked += self._ask(due, free - asked)
        return asked

    def _pages(self) -> Iterator[Sequence[Certificate]]:
        ends = self._clock() + _WINDOW
        wanted = CertificateFilter(
            state=CertificateState.GOOD, profile="station", in_use=True, ends_before=ends
        )  # fmt: skip
        for _ in range(_PAGES):
            try:
                page = self._authority.search_certificates(wanted, after=self._after, limit=_PAGE)
            except UnknownCertificate:
                page = []
            yield page
            self._after = page[-1].serial if len(page) == _PAGE else None
            if self._after is None:
                return

    def _is_due(self, one: Certificate) -> bool:
        return due_at(one.serial, one.not_before, one.not_after) <= self._clock()

    def _room(self) -> int:
        """What is on its way counts, and what waits for the authority."""
        now = self._clock()
        asks = select(func.count()).select_from(RenewalAskRow).where(RenewalAskRow.asked_by == BY)
        sent = asks.join(CommandRow, col(CommandRow.id) == col(RenewalAskRow.command)).where(
            col(CommandRow.state).in_(("waiting", "sent")), col(CommandRow.updated_at) >= now - _ON_THE_WAY
        )
        waiting = select(func.count()).select_from(CertificateAskRow).where(CertificateAskRow.state == AskState.ASKED)
        with self._store.reading() as session:
            lately = session.exec(asks.where(col(RenewalAskRow.asked_at) > now - _MINUTE)).one()
            return room(self._pace, lately, session.exec(sent).one() + session.exec(waiting).one())

    def _ask(self, stations: Sequence[str], most: int) -> int:
        """Ask those of them that may be asked, `most` at the most."""
        if not stations:
            return 0
        now, entries, queued = self._clock(), list[Entry](), list[str]()
        with self._store.writing() as session:
            free = [name for name in self._locked(session, stations) if self._may_ask(session, name, now)][:most]
            asked = [self._renewals.ask_in(session, name, BY, entries) for name in free]
            queued = [one.station for one in asked if one.state is RenewalState.QUEUED]
            self._trail.record_all(session, entries, now)
        self._orders.wake_those_here(queued)
        return len(entries)

    def _locked(self, session: Session, stations: Sequence[str]) -> list[str]:
        """Those of them that nobody charges at, and that no other node is asking just now."""
        query = select(StationRow).where(col(StationRow.id).in_(stations), ~busy()).order_by(col(StationRow.id))
        return [row.id for row in session.exec(query.with_for_update(skip_locked=True))]

    def _may_ask(self, session: Session, station: str, now: datetime) -> bool:
        known = session.get(RenewalAskRow, station, populate_existing=True)
        return may_ask_again(known.asked_at if known else None, now, _PAUSE)

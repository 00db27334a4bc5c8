"""What is left to do for a way back once it is on record: certificates revoked, a walk begun or given up."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, and_, col, or_, select

from csms_bridge.acts import FleetAct
from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.errors import UnknownStation, WalkRefused
from csms_bridge.recovery.book import locked
from csms_bridge.recovery.closing import Closing, is_to_walk
from csms_bridge.recovery.rows import RecoveryRow
from csms_bridge.recovery.rules import revokes_as
from csms_bridge.recovery.words import Loss, Proof, Recovery, RecoveryState
from csms_bridge.standing import Lane
from csms_bridge.station import SecurityProfile
from csms_bridge.tables import StationRow, WalkRow
from csms_bridge.walks.ledger import Ledger
from pki.audit import AuditTrail
from pki.authority import Authority
from pki.clock import Clock
from pki.errors import PkiError
from pki.store import Store

log = structlog.get_logger(__name__)

_AT_ONCE = 200


class Finishing:
    """Does it, again and again until it is done. `facts_of`: what a walk of this station begins with."""

    def __init__(
        self, store: Store, trail: AuditTrail, authority: Authority, ledger: Ledger, closing: Closing,
        facts_of: Callable[[str], Mapping[str, str]], clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._authority = authority
        self._ledger = ledger
        self._closing = closing
        self._facts_of = facts_of
        self._clock = clock

    def due(self, now: datetime, lapses_after: timedelta) -> list[str]:
        """The ids of those that something is to be done about, the longest overdue first."""
        state = col(RecoveryRow.state)
        over = and_(state == RecoveryState.OPEN, col(RecoveryRow.until) <= now)
        lapsed = and_(state == RecoveryState.WAITING, col(RecoveryRow.asked_at) <= now - lapses_after)
        query = select(RecoveryRow.id).where(or_(over, lapsed, col(RecoveryRow.unfinished).is_(True)))
        with self._store.reading() as session:
            return list(session.exec(query.order_by(col(RecoveryRow.asked_at)).limit(_AT_ONCE)))

    def close(
        self, session: Session, station: StationRow, row: RecoveryRow, state: RecoveryState, by: str, why: str,
        now: datetime,
    ) -> None:  # fmt: skip
        """Before the station was back: its walk through the lane leads nowhere any more."""
        self._closing.close(session, station, row, state, by, why, now)
        walk = session.get(WalkRow, row.walk) if row.walk else None
        if walk is not None and walk.outcome in ACTIVE_WALKS:
            self._ledger.cancel_in(session, walk.id, f"its way back is closed: {why}", by, as_it_is=True)

    def finish(self, recovery: Recovery) -> None:
        """Whatever is left. A signer or a database that is away leaves it for the next round."""
        with self._store.reading() as session:
            row = session.get_one(RecoveryRow, recovery.id)
            serials, is_revoked = json.loads(row.revokes), row.revoked_at is not None
        if serials and not is_revoked:
            self._revoke(recovery, serials)
        if recovery.then_walk is not None and not recovery.walk:
            self._walk(recovery)

    def _revoke(self, recovery: Recovery, serials: list[str]) -> None:
        reason = revokes_as(Loss(recovery.loss))
        if reason is None:
            return
        try:
            self._authority.revoke_each(serials, reason, recovery.asked_by, f"{recovery.loss}: {recovery.reason}")
        except PkiError as fault:
            log.warning("recovery_not_revoked", recovery=recovery.id, fault=fault.sentence)
            return
        with self._store.writing() as session:
            _, row = locked(session, recovery.id)
            row.revoked_at = row.revoked_at or self._clock()
            row.unfinished = is_to_walk(row)
            session.add(row)

    def _walk(self, recovery: Recovery) -> None:
        facts = self._facts_of(recovery.station)
        try:
            with self._store.writing() as session:
                _, row = locked(session, recovery.id)
                if is_to_walk(row) and row.unfinished:
                    row.walk = self._begun(session, row, facts)
                    row.unfinished = False
                    session.add(row)
        except (WalkRefused, UnknownStation) as refusal:
            self._give_walk_up(recovery, refusal.sentence)

    def _begun(self, session: Session, row: RecoveryRow, facts: Mapping[str, str]) -> str:
        """From profile 2 for one that is in the lane: higher it was seen before it lost what proved it there."""
        is_in_lane = row.state == RecoveryState.OPEN and Proof(row.proof).lane is Lane.PASSWORD
        start = SecurityProfile.TLS_BASIC if is_in_lane else None
        goal = row.then_walk or int(SecurityProfile.MUTUAL_TLS)
        return self._ledger.start_in(session, row.station, goal, facts, row.asked_by, start=start).id

    def _give_walk_up(self, recovery: Recovery, why: str) -> None:
        """A person must: the station's page says why it was not walked."""
        with self._store.writing() as session:
            _, row = locked(session, recovery.id)
            row.unfinished = False
            session.add(row)
            self._trail.record(
                session, FleetAct.LANE_HINDERED, by="service", kind="station", thing=recovery.station,
                reason=f"its walk to profile {recovery.then_walk} could not begin: {why}", now=self._clock(),
            )  # fmt: skip

"""The door to ways back: asked for, approved, opened, closed, and what follows from them."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.admission import Admitted
from csms_bridge.errors import RecoveryNotNow, StationRefused, UnknownStation
from csms_bridge.password_book import PasswordBook
from csms_bridge.recovery.book import RecoveryBook, ask_of, locked, locked_station, people_of, row_under_way
from csms_bridge.recovery.closing import Closing
from csms_bridge.recovery.finishing import Finishing
from csms_bridge.recovery.opening import Opening, walks_of
from csms_bridge.recovery.rows import RecoveryRow, RecoveryVoteRow
from csms_bridge.recovery.rules import Facts, check, revokes_as, says, walk_after
from csms_bridge.recovery.words import UNDER_WAY, Ask, Proof, Recovery, RecoveryState
from csms_bridge.renewal.allowance import Limits
from csms_bridge.station import SecurityProfile, Station
from csms_bridge.tables import StationRow, WalkRow
from csms_bridge.walks.ledger import Ledger
from pki.alarms import AlarmKind, Severity
from pki.audit import JSON, AuditTrail
from pki.authority import Authority
from pki.certificates import CertificateState
from pki.clock import Clock
from pki.errors import ApproverRefused
from pki.secret_text import Secret
from pki.store import Store

log = structlog.get_logger(__name__)

APPROVE_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Asked:
    """A way back, open or waiting for approval; `password` is there once, when one was made for it."""

    recovery: Recovery
    password: Secret | None


@dataclass(frozen=True, slots=True)
class Custom:
    """How ways back are dealt with here: how many other people must approve, whose certificates may vouch, and how many
    requests for a certificate a station begins anew with. A line that is silent for `dead_after` counts as gone.
    """

    approvals: int
    dead_after: timedelta
    makers: Callable[[], Sequence[str]]
    limits: Limits


@dataclass(frozen=True, slots=True)
class _Known:
    """What the authority knows, read before the station's row is locked. `good`: what is to be revoked."""

    good: tuple[str, ...]
    had_certificate: bool
    makers: frozenset[str]


class Recoveries:
    """Safe to use from several threads and processes."""

    def __init__(
        self, store: Store, trail: AuditTrail, authority: Authority, passwords: PasswordBook, ledger: Ledger,
        closing: Closing, finishing: Finishing, custom: Custom, clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._authority = authority
        self._passwords = passwords
        self._closing = closing
        self._opening = Opening(trail, passwords, ledger, custom.limits)
        self._finishing = finishing
        self._custom = custom
        self._clock = clock
        self.book = RecoveryBook(store)

    def preview(self, ask: Ask) -> tuple[str, ...]:
        """What opening it would mean, in sentences. Raises what `ask` raises."""
        known = self._known(ask)
        with self._store.reading() as session:
            facts = self._facts(session, _station(session, ask.station), ask, known)
            check(ask, facts)
            return says(ask, facts)

    def ask(self, ask: Ask, by: str, person: str = "") -> Asked:
        """Ask for a way back. It is open at once, or waits until enough other people have approved it.

        A password that is made for it is good for nothing before it is open. Raises UnknownStation, StationRefused,
        and RecoveryNotNow when the station has one already, or is connected and so has lost nothing.
        """
        known, now = self._known(ask), self._clock()
        with self._store.writing() as session:
            station = locked_station(session, ask.station)
            if other := row_under_way(session, ask.station):
                raise RecoveryNotNow(
                    f"station {ask.station!r} has a way back already: {other.id}, {other.state}, {other.loss}",
                    f"close it first: voltward station recover {ask.station} --end --reason WHY",
                )
            facts = self._facts(session, station, ask, known)
            check(ask, facts)
            row = self._row(ask, facts, by, person or by, now)
            session.add(row)
            session.flush()
            password = None
            if ask.by_proof is Proof.PASSWORD and facts.floor > SecurityProfile.NONE:
                password = self._passwords.make_for_recovery(session, ask.station, now)
            self._act(session, FleetAct.RECOVERY_ASKED, row, by, ask.reason, now, {"approvals": row.approvals})
            if not row.approvals:
                self._opening.open(session, station, row, known.good, by, now)
            recovery = row.id
        self._follow_up(recovery)
        return Asked(self.book.find(recovery), password)

    def approve(self, recovery: str, by: str, person: str = "", note: str = "") -> Recovery:
        """Agree. With the last approval that was wanting it is open.

        Raises UnknownRecovery, RecoveryNotNow, ApproverRefused for whoever asked, and what `ask` raises when the
        station's case is another one by now.
        """
        waiting = self.book.find(recovery)
        known, now = self._known(_ask_of(waiting)), self._clock()
        with self._store.writing() as session:
            station, row = locked(session, recovery)
            if row.state == RecoveryState.WAITING and _has_lapsed(row, now):
                self._closing.close(session, station, row, RecoveryState.LAPSED, "service", _LAPSED, now)
            if row.state == RecoveryState.WAITING and self._count(session, row, by, person or by, note, now):
                check(ask_of(row), self._facts(session, station, ask_of(row), known))
                self._opening.open(session, station, row, known.good, by, now)
            state = row.state
        self._follow_up(recovery)
        if state not in UNDER_WAY:
            raise RecoveryNotNow(f"the way back {recovery} is {state}")
        return self.book.find(recovery)

    def refuse(self, recovery: str, reason: str, by: str) -> Recovery:
        """Say no for good; it may be asked for anew. Raises UnknownRecovery, RecoveryNotNow."""
        with self._store.writing() as session:
            station, row = locked(session, recovery)
            if row.state != RecoveryState.WAITING:
                raise RecoveryNotNow(f"the way back {recovery} does not wait for approval: it is {row.state}")
            self._closing.close(session, station, row, RecoveryState.REFUSED, by, reason, self._clock())
        self._follow_up(recovery)
        return self.book.find(recovery)

    def end(self, station: str, reason: str, by: str) -> Recovery:
        """Close a station's way back, or ask for it no more. Raises UnknownStation, StationRefused without one."""
        with self._store.writing() as session:
            found = locked_station(session, station)
            row = row_under_way(session, station)
            if row is None:
                raise StationRefused("id", f"no way back of station {station!r} is open or waits for approval")
            recovery = row.id
            self._finishing.close(session, found, row, RecoveryState.ENDED, by, reason, self._clock())
        self._follow_up(recovery)
        return self.book.find(recovery)

    def forget(self, station: str) -> None:
        """The station is about to be removed: its alarms end."""
        for kind in (AlarmKind.RECOVERY_WAITING, AlarmKind.RECOVERY_CONTESTED):
            self._authority.alarms.settle(kind, station)

    def check_by_oneself(self, station: Station) -> None:
        """Raise RecoveryNotNow where others must approve what lets a station back in that was seen already."""
        if self._custom.approvals and station.last_seen is not None:
            raise RecoveryNotNow(
                "here other people must approve what lets a station back in",
                f"ask them: voltward station recover {station.id} --loss reset --reason WHY",
            )

    def round(self) -> int:
        """To be called every few seconds: closes what is over, and does what is left to do; how many there were."""
        recoveries = self._finishing.due(self._clock(), APPROVE_WITHIN)
        for recovery in recoveries:
            try:
                self._close_overdue(recovery)
                self._follow_up(recovery)
            except Exception:
                log.exception("recovery_round_failed", recovery=recovery)  # the others' turn comes all the same
        return len(recoveries)

    def contested(self, station: str, admitted: Admitted, address: str) -> None:
        """Somebody else is on the station's line; whoever came now was turned away."""
        reason = f"turned away, since somebody is on its line already; it showed: {admitted.reason}"
        with self._store.writing() as session:
            self._trail.record(
                session, FleetAct.STATION_REFUSED, by="service", kind="station", thing=station, reason=reason,
                details={"address": address}, now=self._clock(),
            )  # fmt: skip
        if admitted.lane is not None:
            sentence = f"{station}: two of them come through its {admitted.lane} lane, one from {address}"
            self._authority.alarms.sound(AlarmKind.RECOVERY_CONTESTED, station, sentence, Severity.CRITICAL)

    # --- inside

    def _row(self, ask: Ask, facts: Facts, by: str, person: str, now: datetime) -> RecoveryRow:
        asked = replace(ask, then_walk=walk_after(ask, facts.floor))
        return RecoveryRow(
            id=f"r{secrets.token_hex(6)}", station=ask.station, loss=ask.loss, proof=ask.by_proof,
            state=RecoveryState.WAITING, reason=ask.reason, maker=ask.maker, old_serial=facts.serial,
            new_serial=ask.new_serial, seconds=int(ask.life.total_seconds()), then_walk=asked.then_walk, asked_by=by,
            asked_for=person, asked_at=now, approvals=self._custom.approvals, says=json.dumps(says(asked, facts)),
        )  # fmt: skip

    def _count(self, session: Session, row: RecoveryRow, by: str, person: str, note: str, now: datetime) -> bool:
        """Take a vote; whether no more is wanted."""
        if {by, person} & {row.asked_by, row.asked_for}:
            raise ApproverRefused("whoever asked for a way back never approves it", "Somebody else must.")
        people = people_of(session, row.id)
        if person in people:
            return False
        session.add(RecoveryVoteRow(recovery=row.id, station=row.station, person=person, by=by, note=note, at=now))
        session.flush()
        missing = max(0, row.approvals - len(people) - 1)
        self._act(session, FleetAct.RECOVERY_APPROVED, row, by, note, now, {"person": person, "missing": missing})
        return missing == 0

    def _known(self, ask: Ask) -> _Known:
        makers = frozenset(self._custom.makers()) if ask.maker else frozenset[str]()
        if revokes_as(ask.loss) is None:
            return _Known((), bool(self._authority.certificates(station=ask.station, limit=1)), makers)
        # Those on hold as well: a hold may be released.
        held = self._authority.certificates(station=ask.station, state=CertificateState.HELD, limit=100)
        good = {*self._authority.serials_of_station(ask.station), *(one.serial for one in held)}
        return _Known(tuple(sorted(good)), True, makers)

    def _facts(self, session: Session, station: StationRow, ask: Ask, known: _Known) -> Facts:
        is_alive = station.last_seen is not None and station.last_seen > self._clock() - self._custom.dead_after
        namesake = select(StationRow.id).where(StationRow.serial == ask.new_serial, col(StationRow.id) != station.id)
        return Facts(
            serial=station.serial,
            floor=SecurityProfile(station.floor),
            is_connected=station.online and not station.lane and is_alive,
            had_certificate=known.had_certificate,
            taken=bool(ask.new_serial) and session.exec(namesake).first() is not None,
            good=len(known.good),
            makers=known.makers,
            is_walking=session.exec(select(WalkRow.id).where(*walks_of(station.id))).first() is not None,
        )

    def _close_overdue(self, recovery: str) -> None:
        now = self._clock()
        with self._store.writing() as session:
            station, row = locked(session, recovery)
            if row.state == RecoveryState.OPEN and row.until is not None and now >= row.until:
                self._finishing.close(session, station, row, RecoveryState.OVER, "service", "its time is over", now)
            elif row.state == RecoveryState.WAITING and _has_lapsed(row, now):
                self._closing.close(session, station, row, RecoveryState.LAPSED, "service", _LAPSED, now)

    def _follow_up(self, recovery: str) -> None:
        """What is done when it is on record: revoking, walking, telling people. Again by a round, should it fail."""
        found = self.book.find(recovery)
        self._finishing.finish(found)
        alarms = self._authority.alarms
        if found.state is RecoveryState.WAITING:
            sentence = f"{found.station}: {found.asked_by} asks to let it back in ({found.loss}, by {found.proof})"
            if not alarms.is_open(AlarmKind.RECOVERY_WAITING, found.station):
                alarms.sound(AlarmKind.RECOVERY_WAITING, found.station, sentence, Severity.NOTICE)
        else:
            alarms.settle(AlarmKind.RECOVERY_WAITING, found.station)
        if found.state not in UNDER_WAY:
            alarms.settle(AlarmKind.RECOVERY_CONTESTED, found.station)

    def _act(
        self, session: Session, act: FleetAct, row: RecoveryRow, by: str, reason: str, now: datetime,
        details: dict[str, JSON],
    ) -> None:  # fmt: skip
        told: dict[str, JSON] = {"recovery": row.id, "loss": row.loss, "proof": row.proof, **details}
        self._trail.record(session, act, by=by, kind="station", thing=row.station, reason=reason, details=told, now=now)


_LAPSED = "nobody decided in time"


def _has_lapsed(row: RecoveryRow, now: datetime) -> bool:
    return now >= row.asked_at + APPROVE_WITHIN


def _ask_of(one: Recovery) -> Ask:
    return Ask(
        one.station, one.loss, one.life, one.reason, one.proof, one.maker, one.new_serial, one.then_walk
    )  # fmt: skip


def _station(session: Session, station: str) -> StationRow:
    row = session.get(StationRow, station)
    if row is None:
        raise UnknownStation(station)
    return row

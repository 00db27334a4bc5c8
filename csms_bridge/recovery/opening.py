"""A way back is opened: what is on record of the station is made to fit what it lost."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, update
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.certificate_asks import OPEN, AskState
from csms_bridge.password_book import PasswordBook
from csms_bridge.posture.rows import POSTURE_ROWS
from csms_bridge.recovery.book import ask_of
from csms_bridge.recovery.rows import RecoveryRow
from csms_bridge.recovery.words import Ask, Loss, RecoveryState
from csms_bridge.renewal.allowance import Limits
from csms_bridge.renewal.allowances import release_in
from csms_bridge.station_roots.rows import RootActRow, RootListingRow, StationRootRow
from csms_bridge.tables import CertificateAskRow, PasswordRotationRow, StationRow, WalkRow
from csms_bridge.trust.rows import RootSightingRow
from csms_bridge.walks.ledger import Ledger
from pki.audit import JSON, AuditTrail, Entry
from pki.enrolment_codes import withdraw_open

_WHAT_IT_HELD = (StationRootRow, RootListingRow, RootActRow, RootSightingRow, *POSTURE_ROWS)


def walks_of(station: str) -> tuple[ColumnElement[bool], ...]:
    """The condition of the station's walks that are not over."""
    return col(WalkRow.station) == station, col(WalkRow.outcome).in_(ACTIVE_WALKS)


class Opening:
    """In the caller's transaction, with the station's row locked."""

    def __init__(self, trail: AuditTrail, passwords: PasswordBook, ledger: Ledger, limits: Limits) -> None:
        self._limits = limits
        self._trail = trail
        self._passwords = passwords
        self._ledger = ledger

    def open(
        self, session: Session, station: StationRow, row: RecoveryRow, good: Sequence[str], by: str, now: datetime
    ) -> None:
        """`good`: the serial numbers of certificates that are to be revoked, which is done when this is on record."""
        ask = ask_of(row)
        until = now + ask.life
        row.state, row.opened_at, row.until = RecoveryState.OPEN.value, now, until
        station.recovery, station.recovery_lane, station.recovery_maker = row.id, ask.by_proof.lane.value, ask.maker
        station.recovery_since, station.recovery_until = now, until
        station.recovery_reason, station.recovery_by, station.updated_at = ask.reason, by, now
        self._let_it_ask(session, station, by, now)
        if ask.loss is not Loss.EXPIRED:
            row.revokes, row.unfinished = json.dumps(list(good)), bool(good)
            self._forget_what_proved_it(session, station, ask, by, now)
        if ask.loss.is_a_new_start:
            self._forget_what_it_held(session, station)
        if ask.loss is Loss.SWAPPED:
            self._swap_board(session, station, ask, by, now)
        session.add(row)
        session.add(station)
        session.flush()
        self._record(session, FleetAct.RECOVERY_OPENED, station, by, ask.reason, now, {
            "recovery": row.id, "loss": ask.loss.value, "proof": ask.by_proof.value,
            "until": until.isoformat(timespec="seconds"), "revokes": list(good) if row.unfinished else [],
        })  # fmt: skip

    def _let_it_ask(self, session: Session, station: StationRow, by: str, now: datetime) -> None:
        """One that was paused for asking too often needs a certificate now."""
        entries: list[Entry] = []
        release_in(session, station.id, self._limits, by, "it is to come back", entries, now)
        self._trail.record_all(session, entries, now)

    def _forget_what_proved_it(self, session: Session, station: StationRow, ask: Ask, by: str, now: datetime) -> None:
        """Its certificates are revoked next; a maker's counts through this way alone from now on."""
        station.newest_used = station.certificate_serial = None
        station.bootstrap = ""
        self._passwords.set_aside(session, station.id)
        mine = (col(CertificateAskRow.station) == station.id, col(CertificateAskRow.state).in_(OPEN))
        why = {"state": AskState.REFUSED, "reason": f"what asked for it is {ask.loss}", "updated_at": now}
        session.execute(update(CertificateAskRow).where(*mine).values(why))
        withdraw_open(session, [station.id], now)  # of a label that went with the old board, or with the key
        session.execute(delete(PasswordRotationRow).where(col(PasswordRotationRow.station) == station.id))
        for walk in list(session.exec(select(WalkRow.id).where(*walks_of(station.id)))):
            self._ledger.cancel_in(session, walk, f"the station is to be recovered: {ask.loss}", by, as_it_is=True)

    def _forget_what_it_held(self, session: Session, station: StationRow) -> None:
        for table in _WHAT_IT_HELD:
            session.execute(delete(table).where(col(table.station) == station.id))
        station.takes_root = False

    def _swap_board(self, session: Session, station: StationRow, ask: Ask, by: str, now: datetime) -> None:
        """The identity, its place and its history stay; what the old board was and had does not."""
        details: dict[str, JSON] = {"old": station.serial, "new": ask.new_serial}
        station.serial = ask.new_serial
        station.vendor = station.model = station.firmware = ""
        station.boot_serial = station.boot_reason = station.booted_at = station.profile = None
        station.works_when_accepted = False
        self._passwords.forget_set_aside(session, station.id)
        self._record(session, FleetAct.BOARD_SWAPPED, station, by, ask.reason, now, details)

    def _record(
        self, session: Session, act: FleetAct, station: StationRow, by: str, reason: str, now: datetime,
        details: dict[str, JSON],
    ) -> None:  # fmt: skip
        self._trail.record(
            session, act, by=by, kind="station", thing=station.id, reason=reason, details=details, now=now
        )

"""Asking stations to renew their certificate now, and following what comes of it (2.0.1 A02, F06; 1.6 ed. 3 A02).

The request is a command like any other: a row that the node with the station's socket sends. One for a station that is
away is `queued` until the station is back. A station is asked once at a time.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.certificate_asks import AskState
from csms_bridge.commands import TriggerCertificateRequest
from csms_bridge.dialects import DIALECTS
from csms_bridge.orders import AT_ONCE, Orders
from csms_bridge.quirks.lookup import QuirksIn, usual
from csms_bridge.quirks.quirks import Asks
from csms_bridge.renewal.allowances import Allowances, is_paused_in, release_in
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import CertificateAskRow, CommandRow, RenewalAskRow, StationRow, WalkRow
from pki.audit import AuditTrail, Entry
from pki.clock import Clock
from pki.store import Store

_SERVICE = "service"
_TRIED_LATELY = timedelta(days=1)
_PATIENCE = timedelta(minutes=10)  # a request that is sent and has no end by then died with its process


class RenewalState(StrEnum):
    """How far a renewal is."""

    QUEUED = "queued"
    """The station is away; it is asked when it is back."""
    SENT = "sent"
    """The request is on its way."""
    ACCEPTED = "accepted"
    """The station will make a key, or has asked for the certificate already."""
    ISSUED = "issued"
    """The certificate was made; the station has not been seen with it."""
    RENEWED = "renewed"
    """The station has connected with it."""
    FAILED = "failed"
    UNABLE = "unable"
    """It was not asked, since it cannot."""


UNDER_WAY = (RenewalState.QUEUED, RenewalState.SENT, RenewalState.ACCEPTED, RenewalState.ISSUED)


@dataclass(frozen=True, slots=True)
class Renewal:
    """One station's renewal. `serial` is the new certificate's, once there is one; `command` is None if not asked."""

    station: str
    state: RenewalState
    reason: str = ""
    command: int | None = None
    serial: str | None = None
    asked_at: datetime | None = None
    asked_by: str = ""


class Renewals:
    """Renewals in the database."""

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        orders: Orders,
        clock: Clock,
        odd: QuirksIn = usual,
        allowances: Allowances | None = None,
    ) -> None:
        self._odd = odd
        self._allowances = allowances
        self._store = store
        self._trail = trail
        self._orders = orders
        self._clock = clock

    def ask(self, stations: Sequence[str], by: str) -> list[Renewal]:
        """Ask each of them once; for each what was done, in the given order. One that is being asked is left alone."""
        names = list(dict.fromkeys(stations))
        found: list[Renewal] = []
        for start in range(0, len(names), AT_ONCE):
            part = names[start : start + AT_ONCE]
            with self._store.writing() as session:
                hold_stations(session, part)
                entries: list[Entry] = []
                found += [self.ask_in(session, name, by, entries) for name in part]
                self._trail.record_all(session, entries, self._clock())
        self._orders.wake_those_here([one.station for one in found if one.state is RenewalState.QUEUED])
        return found

    def ask_after_discard(self, station: str) -> Renewal | None:
        """A renewed certificate did not work and the station went back to the one before: try once more (A02.FR.28).

        Not for a quiet station, and not soon after it was asked before: one that discards each is a person's work,
        for whom the security event is an alarm.
        """
        with self._store.reading() as session:
            row = session.get(StationRow, station)
            before = session.get(RenewalAskRow, station)
        if row is None or row.quiet:
            return None
        if before is not None and before.asked_by == _SERVICE and self._clock() - before.asked_at < _TRIED_LATELY:
            return None
        (renewal,) = self.ask([station], _SERVICE)
        return renewal

    def progress(self, stations: Sequence[str]) -> list[Renewal]:
        """How far the last renewal of each of them is; those that were never asked are left out."""
        with self._store.reading() as session:
            return self.progress_in(session, stations)

    def progress_in(self, session: Session, stations: Sequence[str]) -> list[Renewal]:
        """The same in the caller's transaction."""
        asks = [ask for name in stations if (ask := session.get(RenewalAskRow, name)) is not None]
        return [_progress(session, ask) for ask in asks]

    def page(self, after: str | None, limit: int) -> list[Renewal]:
        """Renewals by station, from `after` on."""
        query = select(RenewalAskRow).order_by(col(RenewalAskRow.station)).limit(limit)
        if after is not None:
            query = query.where(col(RenewalAskRow.station) > after)
        with self._store.reading() as session:
            return [_progress(session, ask) for ask in session.exec(query)]

    def moved_since(self, since: datetime, limit: int) -> list[tuple[Renewal, datetime]]:
        """Those that were found to have moved after `since`, and when, the oldest move first."""
        query = select(RenewalAskRow).where(col(RenewalAskRow.moved_at) > since)
        with self._store.reading() as session:
            rows = session.exec(query.order_by(col(RenewalAskRow.moved_at)).limit(limit)).all()
            return [(_progress(session, row), row.moved_at) for row in rows]

    def ask_in(self, session: Session, name: str, by: str, entries: list[Entry]) -> Renewal:
        """One of them in the caller's transaction, which records the `entries` and wakes the station afterwards."""
        station = session.get(StationRow, name, populate_existing=True)
        if why := _objection(session, station) or self._unasked(session, station):
            return Renewal(name, RenewalState.UNABLE, why)
        known = session.get(RenewalAskRow, name, populate_existing=True)
        if known is not None and self._is_being_asked(session, known):
            return _progress(session, known)
        if station is None or station.ocpp_version is None:
            raise AssertionError("_objection has refused it")
        now = self._clock()
        if known is not None:  # nobody has sent it yet: it must not reach the station beside the new one
            self._orders.withdraw_in(session, known.command, "the station is asked anew")
        if is_paused_in(session, name) and not _is_person(by):
            return Renewal(name, RenewalState.UNABLE, "its certificate requests are paused: it asked too often")
        if self._allowances is not None:
            release_in(session, name, self._allowances.limits, by, "asked to renew", entries, now)
        request = DIALECTS[OcppVersion(station.ocpp_version)].request(TriggerCertificateRequest())
        row = self._orders.enlist(session, station, request.action, request.payload, by, now)
        state = RenewalState.SENT if station.online else RenewalState.QUEUED
        fresh = RenewalAskRow(
            station=name, command=row.id or 0, asked_by=by, asked_at=now, state=state.value, moved_at=now
        )  # fmt: skip
        asked = session.merge(fresh)
        details = {"command": row.id, "action": request.action, "queued": not station.online}
        entries.append(Entry(FleetAct.COMMAND_ORDERED, by, "station", name, "renewal", details))
        session.flush()
        return _progress(session, asked)

    def _unasked(self, session: Session, station: StationRow | None) -> str:
        return "" if station is None else _UNASKED.get(self._odd(session, station).asks, "")

    def _is_being_asked(self, session: Session, ask: RenewalAskRow) -> bool:
        state = _progress(session, ask).state
        if state is RenewalState.QUEUED:
            return True
        return state in UNDER_WAY and self._clock() - ask.asked_at < _PATIENCE


def hold_stations(session: Session, stations: Sequence[str]) -> None:
    """Nobody else asks any of them until the transaction ends; in one order, as everybody does who locks several.

    Rows that name a station may be written meanwhile (FOR NO KEY UPDATE), else two would wait for each other.
    """
    query = select(StationRow.id).where(col(StationRow.id).in_(stations)).order_by(col(StationRow.id))
    session.exec(query.with_for_update(key_share=True)).all()


def _is_person(by: str) -> bool:
    """Whether somebody wants this one station to renew, and not a round or a campaign."""
    return by not in (_SERVICE, "renewal") and not by.startswith("campaign:")


_UNASKED = {
    Asks.BY_ITSELF: "by the quirk book such a station asks for its certificate when it finds the time right",
    Asks.AFTER_RESTART: "by the quirk book such a station asks for a certificate only after a restart: restart it",
}


def _objection(session: Session, station: StationRow | None) -> str:
    """Why a station cannot be asked; empty when it can."""
    if station is None:
        return "it is not registered"
    if station.ocpp_version is None or station.profile is None:
        return "it has never connected, so that its version of OCPP is not known"
    if station.profile != SecurityProfile.MUTUAL_TLS:
        return f"it is on security profile {station.profile} and presents no certificate: walk it to profile 3"
    active = select(WalkRow.id).where(WalkRow.station == station.id, col(WalkRow.outcome).in_(ACTIVE_WALKS))
    if session.exec(active.limit(1)).first() is not None:
        return "a walk of it is under way or on hold"
    return ""


def _progress(session: Session, ask: RenewalAskRow) -> Renewal:
    state, reason, serial = next(_findings(session, ask))
    return Renewal(ask.station, state, reason, ask.command, serial, ask.asked_at, ask.asked_by)


def _findings(session: Session, ask: RenewalAskRow) -> Iterator[tuple[RenewalState, str, str | None]]:
    """What is known of a renewal: the furthest first."""
    station = session.get(StationRow, ask.station)
    if station is not None and station.newest_used is not None and station.newest_used >= ask.asked_at:
        yield RenewalState.RENEWED, "", station.certificate_serial
    request = session.exec(
        select(CertificateAskRow)
        .where(CertificateAskRow.station == ask.station, col(CertificateAskRow.asked_at) >= ask.asked_at)
        .order_by(col(CertificateAskRow.id).desc())
    ).first()
    if request is not None:
        yield _OF_REQUEST[AskState(request.state)], request.reason, request.serial
    command = session.get(CommandRow, ask.command)
    if command is None:
        yield RenewalState.FAILED, "what was asked is not kept any more", None
    else:
        yield (*_of_command(command), None)


_OF_REQUEST = {
    AskState.ASKED: RenewalState.ACCEPTED,
    AskState.ISSUED: RenewalState.ISSUED,
    AskState.SENT: RenewalState.ISSUED,
    AskState.TAKEN: RenewalState.ISSUED,
    AskState.REJECTED: RenewalState.FAILED,
    AskState.REFUSED: RenewalState.FAILED,
}


def _of_command(command: CommandRow) -> tuple[RenewalState, str]:
    if command.state == "queued":
        return RenewalState.QUEUED, "it is offline, and is asked when it is back"
    if command.state in ("waiting", "sent"):
        return RenewalState.SENT, ""
    if command.state == "failed":
        return RenewalState.FAILED, command.error
    answer = json.loads(command.answer)
    status = answer.get("status") if isinstance(answer, dict) else None
    if status == "Accepted":
        return RenewalState.ACCEPTED, ""
    return RenewalState.FAILED, f"the station answered {status or 'nothing that we understand'}"

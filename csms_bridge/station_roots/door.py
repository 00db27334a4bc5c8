"""The door to the root certificates on stations: what is there, what ought to be, and changing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog
from sqlmodel import Session, col, func, select

from csms_bridge.dialects.wire import Request
from csms_bridge.errors import RootRefused, UnknownRoot
from csms_bridge.orders import Closed, Ending, Orders
from csms_bridge.quirks.lookup import QuirksIn, usual
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.answers import ROOT_MESSAGES, Answers, Said
from csms_bridge.station_roots.asking import Asking, hold_station, is_walking, registered, version_of
from csms_bridge.station_roots.book import act_of, acts_of, listings_of
from csms_bridge.station_roots.choosing import Choosing
from csms_bridge.station_roots.entries import Entry, KnownAs, Listing, RootAct
from csms_bridge.station_roots.holders import Holders, count_holders
from csms_bridge.station_roots.inventory import entry_of, rows_of
from csms_bridge.station_roots.known import KnownCertificates
from csms_bridge.station_roots.limits import limits_of, with_quirks
from csms_bridge.station_roots.needs import needs_of
from csms_bridge.station_roots.reckoning import Expected, reckon
from csms_bridge.station_roots.recorded import RecordedRoot, RecordedRoots
from csms_bridge.station_roots.rounds import Rounds
from csms_bridge.station_roots.rows import RootActRow, StationRootRow
from csms_bridge.station_roots.rules import (
    Limits,
    Root,
    check_beside,
    check_delete,
    check_fits,
    check_kind,
    check_room,
    choose_form,
)
from csms_bridge.station_roots.unknown import UnknownRoots
from csms_bridge.tables import StationRow
from pki.audit import AuditTrail
from pki.authority import Authority
from pki.clock import Clock
from pki.store import Store

log = structlog.get_logger(__name__)
_BY_HAND = "recorded when it was installed on a station"
_ACTS_LOOKED_AT, _ACTS_SHOWN, _GONE_SHOWN = 500, 20, 20


class RootSettings(Protocol):
    """What of the settings matters here."""

    @property
    def list_roots_every(self) -> timedelta:
        """How old a station's list may get; zero: never asked for by itself."""


@dataclass(frozen=True, slots=True)
class RootsOnStation:
    """All about one station's roots. `acts` are the newest; `gone` what it listed once."""

    station: str
    entries: tuple[Entry, ...]
    expected: tuple[Expected, ...]
    listings: tuple[Listing, ...]
    limits: Limits
    acts: tuple[RootAct, ...]
    gone: tuple[Entry, ...]

    @property
    def unknown(self) -> tuple[Entry, ...]:
        """What nobody here knows."""
        return tuple(entry for entry in self.entries if entry.recognised is None)


class StationRoots:
    """What pages, routes, sessions and walks call."""

    def __init__(
        self, store: Store, trail: AuditTrail, authority: Authority, orders: Orders, settings: RootSettings,
        clock: Clock, node: str, odd: QuirksIn = usual,
    ) -> None:  # fmt: skip
        self._odd = odd
        self._store = store
        self._authority = authority
        self._orders = orders
        self._clock = clock
        self.recorded = RecordedRoots(store, trail, clock)
        self._known = KnownCertificates(authority, self.recorded)
        self._unknown = UnknownRoots(store, authority.alarms, self._known)
        self._answers = Answers(store, trail, self._known, self._unknown, clock)
        self._asking = Asking(trail, orders)
        self._choosing = Choosing(authority, self.recorded, clock)
        self._rounds = Rounds(
            store, self._asking, self._answers, orders, self._unknown, settings.list_roots_every, clock, node
        )
        orders.subscribe(self._closed)

    # --- looking

    def view(self, station: str) -> RootsOnStation:
        """What it lists, what ought to be there, and what was done. Raises UnknownStation."""
        with self._store.reading() as session:
            row = registered(session, station)
            every = [entry_of(one) for one in rows_of(session, station, gone=True)]
            acts, listings = acts_of(session, station, _ACTS_LOOKED_AT), listings_of(session, station)
            limits = with_quirks(limits_of(session, row), self._odd(session, row))
        present = [entry for entry in every if entry.gone_at is None]
        gone = sorted((entry for entry in every if entry.gone_at is not None), key=lambda one: one.last_seen)
        return RootsOnStation(
            station=station,
            entries=tuple(present),
            expected=tuple(reckon(present, needs_of(self._authority, row), acts, listings)),
            listings=tuple(listings),
            limits=limits,
            acts=tuple(acts[:_ACTS_SHOWN]),
            gone=tuple(gone[::-1][:_GONE_SHOWN]),
        )

    def act(self, station: str, act: int) -> RootAct:
        """One thing that was done. Raises UnknownRoot."""
        with self._store.reading() as session:
            row = session.get(RootActRow, act)
            if row is None or row.station != station:
                raise UnknownRoot(str(act))
            return act_of(session, row)

    def holders(self, names: Sequence[str]) -> Mapping[str, Holders]:
        """For each of these roots of ours how many stations hold it, and of how many we do not know."""
        return count_holders(self._store, names)

    def unknown_count(self) -> int:
        """How many stations list a certificate that nobody here knows."""
        unknown = (col(StationRootRow.gone_at).is_(None), col(StationRootRow.known_as) == "")
        query = select(func.count(func.distinct(col(StationRootRow.station)))).where(*unknown)
        with self._store.reading() as session:
            return session.exec(query).one()

    def installable(self) -> list[str]:
        """The names that `install` takes, those of CSMS roots first."""
        return self._choosing.names()

    # --- changing

    def list_now(self, station: str, kinds: Sequence[CertificateKind], by: str) -> list[RootAct]:
        """Have the station list these kinds (none: all), now or when it is back. Raises UnknownStation, RootRefused."""
        with self._store.writing() as session:
            hold_station(session, station)
            row = registered(session, station)
            acts = self._asking.for_lists(session, row, kinds, by, self._clock())
        self._wake_if_there(station)
        return acts

    def install(
        self,
        station: str,
        kind: CertificateKind,
        by: str,
        *,
        name: str = "",
        pem: str = "",
        signed_by: str = "",
        reason: str = "",
    ) -> RootAct:
        """Have the station install a root by our name for it, or the one in `pem`, which is recorded.

        `signed_by` asks for the form that this authority certified across. Raises UnknownStation, UnknownRoot,
        RootRefused, AnchorRefused for a PEM that is no root.
        """  # fmt: skip
        forms = self._choosing.from_pem(pem) if pem else self._choosing.by_name(name, signed_by)
        with self._store.writing() as session:
            act = self.install_in(session, station, kind, forms, by, reason)
        self._known.reload()
        self._wake_if_there(station)
        return act

    def forms_of(self, name: str) -> Sequence[Root]:
        """The forms of a root by our name for it, for `install_in`. Raises UnknownRoot."""
        return self._choosing.by_name(name, "")

    def install_in(
        self, session: Session, station: str, kind: CertificateKind, forms: Sequence[Root], by: str, reason: str
    ) -> RootAct:
        """The same in the caller's transaction, which wakes the station afterwards."""
        now = self._clock()
        hold_station(session, station)
        row = registered(session, station)
        version = version_of(row)
        check_kind(forms[0], kind, version)
        present = self._held(session, station)
        limits = with_quirks(limits_of(session, row), self._odd(session, row))
        root = choose_form(forms, present, limits) if kind is CertificateKind.CSMS else forms[0]
        check_fits(root, version, now)
        check_room(root.name, kind, present, limits)
        if kind is CertificateKind.CSMS:
            check_beside(root.name, present, limits, needs_of(self._authority, row))
        if root.known_as is KnownAs.RECORDED:  # what somebody has installed, lists shall not call unknown
            self.recorded.put(session, root.der, root.name, _BY_HAND, by)
        return self._asking.to_install(session, row, kind, root, by, reason, now)

    def delete(self, station: str, entry: int, by: str, reason: str, *, force: bool = False) -> RootAct:
        """Have the station delete what it listed as this entry. Raises UnknownStation, UnknownRoot, RootRefused.

        What would strand the station is refused, with `force` or without; `force` is for an administrator.
        """
        with self._store.writing() as session:
            return self.delete_in(session, station, entry, by, reason, force=force)

    def delete_in(
        self, session: Session, station: str, entry: int, by: str, reason: str, *, force: bool = False
    ) -> RootAct:
        """The same in the caller's transaction."""
        hold_station(session, station)
        row = registered(session, station)
        version_of(row)
        present = self._held(session, station)
        found = next((one for one in present if one.id == entry), None)
        if found is None:
            raise UnknownRoot(str(entry))
        forced = self._check_delete(session, row, found, present, force=force)
        return self._asking.to_delete(session, row, found, by, reason, self._clock(), forced=forced)

    def why_not_delete(self, station: str, entry: int) -> str:
        """Why `delete` would be refused now, in words; empty when it would not. Raises UnknownStation."""
        with self._store.reading() as session:
            row = registered(session, station)
            present = self._held(session, station)
            found = next((one for one in present if one.id == entry), None)
            if found is None:
                return "it does not list it any more"
            try:
                self._check_delete(session, row, found, present, force=False)
            except RootRefused as refused:
                return refused.sentence
        return ""

    def withdraw(self, station: str, act: int) -> RootAct:
        """Give up on what was not sent yet. Raises UnknownRoot."""
        found = self.act(station, act)
        if found.command is not None and found.is_open:
            self._orders.withdraw(found.command, "it was not sent in time and is withdrawn")
        return self.act(station, act)

    # --- hearing

    def heard(self, station: str, request: Request, ending: Ending, answer: object, words: str) -> None:
        """What a station answered to a message of a walk. Never raises: the walk goes on all the same."""
        try:
            self._answers.take(
                Said(station, request.action, request.payload, ending, answer, words, "walk", asks_again=False)
            )
        except Exception:
            log.exception("roots_not_noted", station=station, action=request.action)

    def _closed(self, closed: Closed) -> None:
        order = closed.order
        if order.action in ROOT_MESSAGES:
            self._answers.take(
                Said(order.station, order.action, order.payload, closed.ending, order.answer, order.error, order.by,
                     order.id)
            )  # fmt: skip

    def round(self, barred: Sequence[str] = ()) -> None:
        """To be called every few seconds: what is due, what was left lying, what is known by now.

        `barred`: stations here that may not be asked, since they are not accepted (B02.FR.01, B03.FR.03).
        """
        self._rounds.round(barred)

    def forget(self, station: str) -> None:
        """The station is about to be removed: its alarms end."""
        self._unknown.forget(station)

    def record(self, content: bytes, name: str, note: str, by: str) -> RecordedRoot:
        """Say whose root it is that stations list (PEM or DER). Raises AnchorRefused, RootRefused."""
        made = self.recorded.add(content, name, note, by)
        self._known.reload()
        return made

    def forget_recorded(self, name: str, by: str, reason: str) -> None:
        """Where stations list it, it is unknown again. Raises UnknownRoot."""
        self.recorded.remove(name, by, reason)
        self._known.reload()

    def is_known(self, pem: str) -> bool:
        """Whether this is a root that we know; another one is recorded when it is installed. Raises AnchorRefused."""
        return self._choosing.is_known(pem)

    # --- inside

    def _held(self, session: Session, station: str) -> list[Entry]:
        return [entry_of(row) for row in rows_of(session, station)]

    def _check_delete(
        self, session: Session, row: StationRow, entry: Entry, present: Sequence[Entry], *, force: bool
    ) -> bool:
        """Whether it has to be forced. Raises RootRefused."""
        if not row.online:
            raise RootRefused("away", "it is not connected, and what it needs may be different when it is back")
        if is_walking(session, row.id):
            raise RootRefused("walking", "a walk of it is under way or on hold", "Let it end, or cancel it.")
        try:
            check_delete(entry, present, needs_of(self._authority, row))
        except RootRefused as refused:
            if force and refused.may_force:
                return True
            raise
        return False

    def _wake_if_there(self, station: str) -> None:
        """It may have come just then, and have looked for what is queued a moment too early."""
        with self._store.reading() as session:
            row = session.get(StationRow, station)
        if row is not None and row.online:
            self._orders.wake(station)

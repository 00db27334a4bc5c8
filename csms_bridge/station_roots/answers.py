"""What a station's answers about its certificates mean, whoever asked: walks, orders, or a message sent by hand."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.dialects.fields import object_in
from csms_bridge.dialects.hash_data import read_hash_data
from csms_bridge.dialects.wire import reason_of
from csms_bridge.hash_data import same
from csms_bridge.orders import Ending
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.asking import hold_station
from csms_bridge.station_roots.book import act_of_command, begun, heard_of, kinds_in, make_due, settle
from csms_bridge.station_roots.entries import OPEN, ActState, Deed, Entry, ListingState
from csms_bridge.station_roots.inventory import Taken, mark_gone, rows_of, take_in, told_of
from csms_bridge.station_roots.known import KnownCertificates, same_certificate
from csms_bridge.station_roots.messages import kept_text, kinds_asked, kinds_of, listed
from csms_bridge.station_roots.rows import RootActRow, StationRootRow
from csms_bridge.station_roots.unknown import UnknownRoots
from csms_bridge.tables import StationRow
from pki.audit import AuditTrail
from pki.audit import Entry as Told
from pki.clock import Clock
from pki.foreign_certificates import UNREADABLE
from pki.store import Store

LIST, INSTALL, DELETE = "GetInstalledCertificateIds", "InstallCertificate", "DeleteCertificate"
ROOT_MESSAGES = frozenset({LIST, INSTALL, DELETE})
_NOT_KNOWN = ("NotImplemented", "NotSupported")
_LATER = timedelta(seconds=5)
"""Many stations drop the line about a second after a change of their trust; a question then is lost."""

_INSTALLED: Mapping[str, tuple[ActState, str]] = {
    "Accepted": (ActState.DONE, "the station has taken it"),
    "Rejected": (
        ActState.REJECTED,
        "the station rejected it: it takes it for invalid, its store is full, or it takes none on its profile",
    ),
    "Failed": (ActState.FAILED, "the station could not install it, though it takes it for valid"),
}
_DELETED: Mapping[str, tuple[ActState, str]] = {
    "Accepted": (ActState.DONE, "the station has deleted it"),
    "Failed": (ActState.FAILED, "the station would not delete it: it is in use, the last of its kind, or its own"),
    "NotFound": (ActState.NOT_FOUND, "the station knows no such certificate, though it listed it so"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A message about certificates and what the station said to it: `answer` is JSON, `error` why there is none."""

    station: str
    action: str
    payload: Mapping[str, object]
    ending: Ending
    answer: object
    error: str
    by: str
    command: int | None = None
    asks_again: bool = True
    """Whether the station is to list its certificates after a change; a walk does so by itself."""


class Answers:
    """Takes them in: inventory, acts and audit in one transaction, then alarms."""

    def __init__(
        self, store: Store, trail: AuditTrail, known: KnownCertificates, unknown: UnknownRoots, clock: Clock
    ) -> None:
        self._store = store
        self._trail = trail
        self._known = known
        self._unknown = unknown
        self._clock = clock

    def take(self, said: Said) -> None:
        """Write down what it means. Taking the same thing twice changes nothing more."""
        if said.action not in ROOT_MESSAGES:
            return
        self._known.everywhere()  # read before the write lock is taken
        with self._store.writing() as session:
            hold_station(session, said.station)
            station = session.get(StationRow, said.station)
            if station is None or station.ocpp_version is None:
                return
            version = OcppVersion(station.ocpp_version)
            act = self._act(session, said, version)
            if act is not None and act.settled_at is not None and act.state != ActState.UNKNOWN:
                return
            if said.action == LIST:
                self._listed(session, said, act, version)
            else:
                self._changed(session, said, act)
        self._unknown.look(said.station)

    def lose(self, act: int, why: str) -> None:
        """No answer will come: what the station did shows when it lists its certificates."""
        with self._store.writing() as session:
            row = session.get(RootActRow, act, populate_existing=True)
            if row is None or row.state not in OPEN:
                return
            now = self._clock()
            if row.deed == Deed.LIST:
                settle(session, self._trail, row, ActState.FAILED, why, "service", now)
                return
            settle(session, self._trail, row, ActState.UNKNOWN, why, "service", now)
            make_due(session, row.station, kinds_in(row.kinds), now)

    def _act(self, session: Session, said: Said, version: OcppVersion) -> RootActRow | None:
        """The act that this is the end of. One that nobody began here (a walk's, one by hand) is begun now."""
        if said.command is not None and (found := act_of_command(session, said.command)) is not None:
            return found
        if said.action == LIST:
            return None
        kinds, now = kinds_asked(version, said.payload), self._clock()
        if said.action == INSTALL:
            name, sha256, signed_by = self._what(said.payload.get("certificate"))
            row = begun(said.station, Deed.INSTALL, kinds, said.by, now, name=name, sha256=sha256, signed_by=signed_by)
        else:
            entry = _entry_named(session, said)
            kinds = (CertificateKind(entry.kind),) if entry is not None and entry.kind else ()
            name = entry.known_name or entry.serial_number if entry is not None else ""
            row = begun(said.station, Deed.DELETE, kinds, said.by, now, name=name, entry=entry.id if entry else None)
        row.command = said.command
        session.add(row)
        session.flush()
        return row

    def _what(self, pem: object) -> tuple[str, str, str]:
        """What a certificate is called, its fingerprint, and who certified it across."""
        try:
            certificate = x509.load_pem_x509_certificate(str(pem).encode())
            der, subject = certificate.public_bytes(Encoding.DER), certificate.subject.rfc4514_string()
        except UNREADABLE:
            return "", "", ""
        known = same_certificate(der, self._known.everywhere())
        name = known.name if known is not None else subject[:200]
        return name, hashlib.sha256(der).hexdigest(), known.by if known is not None else ""

    # --- lists

    def _listed(self, session: Session, said: Said, act: RootActRow | None, version: OcppVersion) -> None:
        now, kinds = self._clock(), kinds_asked(version, said.payload)
        concerned = kinds or kinds_of(version)
        entries = listed(version, said.answer, kinds)
        state, sentence = _meaning_of_list(said, len(entries))
        for kind in concerned:
            count = sum(entry.kind is kind for entry in entries)
            words = _listing(count) if state is ListingState.LISTED else sentence
            heard_of(session, said.station, kind, state, words, now)
        if act is not None:
            settle(session, self._trail, act, _OF_LISTING[state], sentence, said.by, now)
        if state is not ListingState.LISTED:
            return
        taken = take_in(
            session, said.station, kinds, entries,
            lambda told: self._known.recognise(told, said.station), now,
        )  # fmt: skip
        self._record(session, said.station, taken)
        self._resolve(session, said.station, concerned, taken)

    def _record(self, session: Session, station: str, taken: Taken) -> None:
        """Audited when it changed something."""
        by, now = f"station:{station}", self._clock()
        if not taken.came and not taken.gone:
            return
        counts = {"count": len(taken.present), "came": len(taken.came), "gone": len(taken.gone)}
        entries = [Told(FleetAct.ROOTS_LISTED, by, "station", station, "", counts)]
        for entry in taken.came:
            if entry.recognised is None:
                about = {"kind": entry.kind or "", "serial": entry.hash_data.serial_number}
                about |= {"issuer_key_hash": entry.hash_data.issuer_key_hash, "algorithm": entry.hash_data.algorithm}
                entries.append(Told(FleetAct.ROOT_UNKNOWN, by, "station", station, "", about))
        self._trail.record_all(session, entries[:_MOST_TOLD], now)

    def _resolve(self, session: Session, station: str, kinds: Sequence[CertificateKind], taken: Taken) -> None:
        """What a lost answer left open, the list decides."""
        query = select(RootActRow).where(RootActRow.station == station, RootActRow.state == ActState.UNKNOWN.value)
        for row in session.exec(query.order_by(col(RootActRow.id))).all():
            if row.deed == Deed.LIST or not set(kinds_in(row.kinds)) & set(kinds):
                continue
            state, sentence = _shown(row, taken.present)
            if state is not None:
                settle(session, self._trail, row, state, sentence, f"station:{station}", self._clock())

    # --- installations and deletions

    def _changed(self, session: Session, said: Said, act: RootActRow | None) -> None:
        if act is None:
            return
        now = self._clock()
        meanings = _INSTALLED if said.action == INSTALL else _DELETED
        state, sentence = _meaning_of_change(said, meanings)
        settle(session, self._trail, act, state, sentence, said.by if state is ActState.UNSENT else _teller(said), now)
        if said.action == DELETE and state is ActState.DONE and act.entry is not None:
            mark_gone(session, act.entry, now)
        if said.asks_again and state not in (ActState.UNSENT, ActState.REFUSED):
            make_due(session, said.station, kinds_in(act.kinds), now + _LATER)


_LONGEST_INFO = 600
_MOST_TOLD = 50  # audit records about one list
_OF_LISTING = {
    ListingState.LISTED: ActState.DONE,
    ListingState.SILENT: ActState.DONE,
    ListingState.UNABLE: ActState.REFUSED,
    ListingState.FAILED: ActState.FAILED,
}


def _meaning_of_list(said: Said, count: int) -> tuple[ListingState, str]:
    if said.ending is not Ending.ANSWERED:
        unable = said.ending is Ending.REFUSED and said.error.startswith(_NOT_KNOWN)
        return (ListingState.UNABLE if unable else ListingState.FAILED), said.error or "no answer came"
    status = _status(said.answer)
    if count:
        return ListingState.LISTED, _listing(count)
    if status == "NotFound":
        return ListingState.LISTED, _listing(0)
    if status == "Accepted":
        return ListingState.SILENT, "it answered Accepted and listed nothing, so that it says nothing of what it holds"
    return ListingState.FAILED, f"it answered {status or 'nothing that we understand'}"


def _listing(count: int) -> str:
    return f"it lists {count or 'none'}"


def _meaning_of_change(said: Said, meanings: Mapping[str, tuple[ActState, str]]) -> tuple[ActState, str]:
    match said.ending:
        case Ending.UNSENT:
            return ActState.UNSENT, said.error
        case Ending.SILENT:
            return (
                ActState.UNKNOWN,
                f"{said.error or 'no answer came'}: what it did shows when it lists its certificates",
            )
        case Ending.REFUSED:
            return ActState.REFUSED, f"the station refused the message: {said.error}"
    status = _status(said.answer)
    state, sentence = meanings.get(status, (ActState.FAILED, f"it answered {status or 'nothing that we understand'}"))
    info = reason_of(said.answer.get("statusInfo")) if isinstance(said.answer, dict) else ""
    return state, f"{sentence} ({kept_text(info, _LONGEST_INFO)})" if info else sentence


def _shown(row: RootActRow, present: Sequence[Entry]) -> tuple[ActState | None, str]:
    """What the list shows of a change whose answer was lost; None when it cannot tell."""
    kinds = kinds_in(row.kinds)
    if row.deed == Deed.DELETE:
        there = any(entry.id == row.entry for entry in present)
        return (ActState.FAILED, "the list still shows it") if there else (ActState.DONE, "the list shows it no more")
    for entry in present:
        if entry.kind in kinds and entry.recognised is not None and entry.recognised.name == row.name:
            return ActState.DONE, "the list shows it"
    if row.signed_by:  # some stations cannot list one that is not signed by itself (reference §8.4.24)
        return None, ""
    return ActState.FAILED, "the list does not show it"


def _entry_named(session: Session, said: Said) -> StationRootRow | None:
    told = read_hash_data(object_in(said.payload, "certificateHashData"))
    return next((row for row in rows_of(session, said.station) if same(told_of(row), told)), None)


def _status(answer: object) -> str:
    return kept_text(str(answer.get("status", "")), 50) if isinstance(answer, dict) else ""


def _teller(said: Said) -> str:
    return "service" if said.ending is Ending.SILENT else f"station:{said.station}"

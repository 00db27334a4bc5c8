"""Revoking, holding and releasing. Only what is revoked has a row, so the cost does not grow with the fleet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import structlog
from sqlalchemy import select, update
from sqlmodel import Session, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.errors import AlreadyRevoked, NotHeld, RevocationRefused, UnknownCertificate
from pki.profiles import ROOT
from pki.store import Store, hold_lock
from pki.tables import CertificateRow, IntentRow, RevokedRow, SerialRow, StatusChangesRow

log = structlog.get_logger()


class RevocationReason(StrEnum):
    """Why a certificate is revoked (RFC 5280 §5.3.1, by the names it uses). `removeFromCRL` is not one we give."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    CERTIFICATE_HOLD = "certificateHold"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"
    AA_COMPROMISE = "aACompromise"

    @property
    def number(self) -> int:
        """The value of CRLReason (RFC 5280 §5.3.1); 7 is not used and 8 is removeFromCRL."""
        return _NUMBERS[self]


_NUMBERS = {
    RevocationReason.UNSPECIFIED: 0,
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.CA_COMPROMISE: 2,
    RevocationReason.AFFILIATION_CHANGED: 3,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
    RevocationReason.CERTIFICATE_HOLD: 6,
    RevocationReason.PRIVILEGE_WITHDRAWN: 9,
    RevocationReason.AA_COMPROMISE: 10,
}


@dataclass(frozen=True, slots=True)
class Revocable:
    """What a revocation needs to know of a serial number."""

    serial: str
    authority: str
    shard: int
    not_after: datetime


def mark_revoked(
    session: Session, what: Revocable, reason: RevocationReason, by: str, note: str, now: datetime
) -> None:
    """Write the row and count the change, inside the caller's transaction.

    A hold that becomes final keeps its date (X.509 §9.5.2.2). Raises AlreadyRevoked.
    """
    take_turns(session)
    row = session.get(RevokedRow, what.serial, populate_existing=True)
    if row is None:
        row = RevokedRow(
            serial=what.serial,
            authority=what.authority,
            shard=what.shard,
            not_after=what.not_after,
            revoked_at=now,
            recorded_at=now,
            reason=reason,
            note=note,
            by=by,
        )
    elif row.reason != RevocationReason.CERTIFICATE_HOLD or reason is RevocationReason.CERTIFICATE_HOLD:
        raise AlreadyRevoked(what.serial)
    row.reason, row.note, row.by, row.recorded_at = reason.value, note, by, now
    session.add(row)
    session.flush()
    count_change(session, what.authority, what.shard)


def take_turns(session: Session) -> None:
    """Let one transaction at a time change statuses, so that two cannot wait for each other's shards."""
    hold_lock(session, "revocations")


def count_change(session: Session, authority: str, shard: int) -> None:
    """Count a change of status: this calls for new lists, and tells other processes what they know no longer."""
    touched = (col(StatusChangesRow.authority) == authority, col(StatusChangesRow.shard).in_((shard, ALL_SHARDS)))
    counted = update(StatusChangesRow).where(*touched).values(changes=StatusChangesRow.changes + 1)
    found = set(session.execute(counted.returning(col(StatusChangesRow.shard))).scalars())
    for missing in {shard, ALL_SHARDS} - found:
        session.add(StatusChangesRow(authority=authority, shard=missing, changes=1))
    session.flush()


@dataclass(frozen=True, slots=True)
class RevocationReport:
    """What a revocation of many did, or would do: serial numbers, in the order they were asked for."""

    revoked: tuple[str, ...]
    already: tuple[str, ...]
    unknown: tuple[str, ...]


Listener: TypeAlias = Callable[[Sequence[str]], None]
ALL_SHARDS = -1  # in place of a shard's number: the full list, and what is counted for the whole authority
_AT_ONCE = 200  # revocations in one transaction: the write lock is free again after some milliseconds


class Revocations:
    """Revokes and releases, and tells those who asked to be told."""

    def __init__(self, store: Store, trail: AuditTrail) -> None:
        self._store = store
        self._trail = trail
        self._on_revocation: list[Listener] = []
        self._on_change: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with the serial numbers after each committed revocation or hold."""
        self._on_revocation.append(listener)

    def watch(self, listener: Listener) -> None:
        """Call `listener` with the serial numbers after each committed change of status, releases too."""
        self._on_change.append(listener)

    def revoke(self, serial: str, reason: RevocationReason, by: str, note: str, now: datetime) -> None:
        """Also what was intended and never recorded as issued: then it never will be.

        Raises UnknownCertificate, AlreadyRevoked, RevocationRefused.
        """
        with self._store.writing() as session:
            entry = _revoke(session, serial, reason, by, note, now)
            self._trail.record_all(session, [entry], now)
        self._tell_revoked([serial])

    def revoke_each(
        self, serials: Sequence[str], reason: RevocationReason, by: str, note: str, now: datetime
    ) -> RevocationReport:
        """Many, in transactions of some hundred; one that is unknown or revoked already does not stop the others.

        Broken off in the middle, it may be asked again: what was done is `already` then. Raises RevocationRefused
        for a root, before anything is done.
        """
        planned = self.plan(serials)
        for start in range(0, len(planned.revoked), _AT_ONCE):
            lot = planned.revoked[start : start + _AT_ONCE]
            with self._store.writing() as session:
                entries = [_revoke_unless_done(session, serial, reason, by, note, now) for serial in lot]
                self._trail.record_all(session, [entry for entry in entries if entry], now)
            self._tell_revoked(lot)
        return planned

    def plan(self, serials: Sequence[str]) -> RevocationReport:
        """What `revoke_each` would do now. Raises RevocationRefused for a root."""
        asked = tuple(dict.fromkeys(serials))
        with self._store.reading() as session:
            states = {serial: _standing(session, serial) for serial in asked}
        chosen = {kind: tuple(serial for serial in asked if states[serial] == kind) for kind in _Standing}
        return RevocationReport(chosen[_Standing.OPEN], chosen[_Standing.REVOKED], chosen[_Standing.UNKNOWN])

    def release(self, serial: str, by: str, note: str, now: datetime) -> None:
        """Take a certificate off hold. Raises UnknownCertificate, NotHeld."""
        with self._store.writing() as session:
            take_turns(session)
            found = _found(session, serial)
            revoked = session.get(RevokedRow, serial, populate_existing=True)
            if revoked is None or revoked.reason != RevocationReason.CERTIFICATE_HOLD:
                raise NotHeld(serial)
            session.delete(revoked)
            count_change(session, found.authority, found.shard)
            self._trail.record_all(session, [_entry(PkiAct.CERTIFICATE_RELEASED, found, by, note)], now)
        _tell(self._on_change, [serial])

    def _tell_revoked(self, serials: Sequence[str]) -> None:
        _tell(self._on_change, serials)
        _tell(self._on_revocation, serials)


def _tell(listeners: Sequence[Listener], serials: Sequence[str]) -> None:
    for listener in listeners:
        try:
            listener(serials)
        except Exception:  # the change stands; one deaf listener must not keep it from the others
            log.exception("revocation_listener_failed", serials=len(serials))


class _Standing(StrEnum):
    OPEN = "open"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Found(Revocable):
    """What is on record of a serial number: a certificate, or only the intent."""

    profile: str
    common_name: str
    station: str | None
    is_issued: bool


def _revoke(session: Session, serial: str, reason: RevocationReason, by: str, note: str, now: datetime) -> Entry:
    take_turns(session)
    found = _found(session, serial)
    _refuse_root(found)
    if not found.is_issued:  # whoever is still at it finds the intent given up, and hands nothing out
        session.execute(update(IntentRow).where(col(IntentRow.serial) == serial).values(settled="abandoned"))
    mark_revoked(session, found, reason, by, note, now)
    is_hold = reason is RevocationReason.CERTIFICATE_HOLD
    act = PkiAct.CERTIFICATE_HELD if is_hold else PkiAct.CERTIFICATE_REVOKED
    return _entry(act, found, by, note, reason=reason.value)


def _revoke_unless_done(
    session: Session, serial: str, reason: RevocationReason, by: str, note: str, now: datetime
) -> Entry | None:
    try:
        return _revoke(session, serial, reason, by, note, now)
    except AlreadyRevoked:  # somebody else did it since it was planned
        return None


def _standing(session: Session, serial: str) -> _Standing:
    try:
        _refuse_root(_found(session, serial))
    except UnknownCertificate:
        return _Standing.UNKNOWN
    reason = session.execute(select(col(RevokedRow.reason)).where(col(RevokedRow.serial) == serial)).scalar()
    return _Standing.OPEN if reason in (None, RevocationReason.CERTIFICATE_HOLD) else _Standing.REVOKED


def _refuse_root(found: _Found) -> None:
    if found.profile == ROOT:
        sentence = "a root cannot be revoked by a list that it signs itself"
        raise RevocationRefused(sentence, "Take the root out of the trust stores instead.")


def _found(session: Session, serial: str) -> _Found:
    """Raises UnknownCertificate."""
    query = select(CertificateRow).where(col(CertificateRow.serial) == serial)
    row: CertificateRow | None = session.execute(query).scalar_one_or_none()
    if row is not None:
        what = (row.serial, row.authority, row.crl_shard, row.not_after)
        return _Found(*what, row.profile, row.common_name, row.station, is_issued=True)
    pair = select(IntentRow, SerialRow).join(SerialRow, col(SerialRow.serial) == col(IntentRow.serial))
    intended = session.execute(pair.where(col(IntentRow.serial) == serial)).one_or_none()
    if intended is None:
        raise UnknownCertificate(serial)
    intent, claim = intended
    what = (serial, claim.authority, intent.crl_shard, intent.not_after)
    return _Found(*what, claim.profile, "", claim.station, is_issued=False)


def _entry(act: PkiAct, found: _Found, by: str, note: str, **details: str) -> Entry:
    named = {"common_name": found.common_name, "station": found.station or "", **details}
    return Entry(act, by, "certificate", found.serial, note, named)

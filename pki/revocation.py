"""Revoking, holding and releasing. Only what is revoked has a row, so the cost does not grow with the fleet."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import select, update
from sqlmodel import Session, col

from pki.audit import AuditTrail, PkiAct
from pki.errors import AlreadyRevoked, NotHeld, RevocationRefused, UnknownCertificate
from pki.profiles import ROOT
from pki.store import Store, hold_lock
from pki.tables import CertificateRow, CrlRow, RevokedRow

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
    """Write the row and call for a new CRL shard, inside the caller's transaction.

    A hold that becomes final keeps its date (X.509 §9.5.2.2). Raises AlreadyRevoked.
    """
    hold_lock(session, f"serial:{what.serial}")
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
    call_for_crl(session, what.authority, what.shard)


def call_for_crl(session: Session, authority: str, shard: int) -> None:
    """Mark a shard as due for a new list."""
    this_shard = (col(CrlRow.authority) == authority, col(CrlRow.shard) == shard)
    session.execute(update(CrlRow).where(*this_shard).values(dirty=True))


class Revocations:
    """Revokes and releases, and tells those who asked to be told."""

    def __init__(self, store: Store, trail: AuditTrail) -> None:
        self._store = store
        self._trail = trail
        self._listeners: list[Callable[[str], None]] = []

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the serial number after each committed revocation or hold."""
        self._listeners.append(listener)

    def revoke(self, serial: str, reason: RevocationReason, by: str, note: str, now: datetime) -> None:
        """Raises UnknownCertificate, AlreadyRevoked, RevocationRefused."""
        is_hold = reason is RevocationReason.CERTIFICATE_HOLD
        act = PkiAct.CERTIFICATE_HELD if is_hold else PkiAct.CERTIFICATE_REVOKED
        with self._store.writing() as session:
            row = _certificate(session, serial)
            if row.profile == ROOT:
                sentence = "a root cannot be revoked by a list that it signs itself"
                raise RevocationRefused(sentence, "Take the root out of the trust stores instead.")
            what = Revocable(serial, row.authority, row.crl_shard, row.not_after)
            mark_revoked(session, what, reason, by, note, now)
            self._audit(session, act, row, by, note, {"reason": reason.value}, now)
        self._tell(serial)

    def release(self, serial: str, by: str, note: str, now: datetime) -> None:
        """Take a certificate off hold. Raises UnknownCertificate, NotHeld."""
        with self._store.writing() as session:
            row = _certificate(session, serial)
            hold_lock(session, f"serial:{serial}")
            revoked = session.get(RevokedRow, serial, populate_existing=True)
            if revoked is None or revoked.reason != RevocationReason.CERTIFICATE_HOLD:
                raise NotHeld(serial)
            session.delete(revoked)
            call_for_crl(session, row.authority, row.crl_shard)
            self._audit(session, PkiAct.CERTIFICATE_RELEASED, row, by, note, {}, now)

    def _audit(
        self,
        session: Session,
        act: PkiAct,
        row: CertificateRow,
        by: str,
        note: str,
        details: dict[str, str],
        now: datetime,
    ) -> None:
        named = {"common_name": row.common_name, "station": row.station or "", **details}
        self._trail.record(
            session, act, by=by, kind="certificate", thing=row.serial, reason=note, details=named, now=now
        )

    def _tell(self, serial: str) -> None:
        for listener in self._listeners:
            try:
                listener(serial)
            except Exception:  # the revocation stands; one deaf listener must not keep it from the others
                log.exception("revocation_listener_failed", serial=serial)


def _certificate(session: Session, serial: str) -> CertificateRow:
    query = select(CertificateRow).where(col(CertificateRow.serial) == serial)
    row: CertificateRow | None = session.execute(query).scalar_one_or_none()
    if row is None:
        raise UnknownCertificate(serial)
    return row

"""Intents that never came to an end: the service stopped, or the signer failed, between intent and outcome.

A signature may exist that nobody recorded. So the serial number is revoked for good: should the certificate ever
turn up, OCSP and the CRL already say no.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from pki.audit import AuditTrail, PkiAct
from pki.revocation import Revocable, RevocationReason, mark_revoked
from pki.store import Store
from pki.tables import IntentRow, SerialRow

PATIENCE = timedelta(minutes=10)  # longer than any signer takes, so that nobody is at it any more


def settle_unfinished(store: Store, trail: AuditTrail, now: datetime, limit: int = 1000) -> list[str]:
    """Give up intents older than PATIENCE; their serial numbers, as they were revoked."""
    stale = (col(IntentRow.settled).is_(None), col(IntentRow.created_at) < now - PATIENCE)
    with store.reading() as session:
        if session.execute(select(col(IntentRow.serial)).where(*stale).limit(1)).first() is None:
            return []
    query = (
        select(IntentRow, SerialRow)
        .join(SerialRow, col(SerialRow.serial) == col(IntentRow.serial))
        .where(*stale)
        .order_by(col(SerialRow.authority), col(IntentRow.crl_shard))  # shards are locked in one order
        .limit(limit)
    )
    with store.writing() as session:
        # Locked, so that a second node skips what this one is settling.
        found = session.execute(query.with_for_update(of=IntentRow, skip_locked=True)).all()
        for intent, claim in found:
            intent.settled = "abandoned"
            session.add(intent)
            what = Revocable(intent.serial, claim.authority, intent.crl_shard, intent.not_after)
            note = "intended, but never recorded as issued"
            mark_revoked(session, what, RevocationReason.CESSATION_OF_OPERATION, "service", note, now)
        for intent, claim in found:
            details = {"authority": claim.authority, "station": claim.station or "", "profile": claim.profile}
            trail.record(
                session,
                PkiAct.CERTIFICATE_ABANDONED,
                by="service",
                kind="certificate",
                thing=intent.serial,
                details=details,
                now=now,
            )
        return [intent.serial for intent, _ in found]

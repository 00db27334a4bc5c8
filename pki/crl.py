"""Revocation lists (RFC 5280 §5): a small one per shard, and a full one per authority, always numbered upwards.

A number is given out and committed before anything is signed with it, and a list is stored only when no later one is
there. So whatever dies in between, and however many processes publish, no number stands for two lists. Nothing is
locked while a list is put together and signed.
"""

import threading
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlmodel import Session, col

from pki.audit import AuditTrail, PkiAct
from pki.crl_encoding import Entries, ListHead, build_crl
from pki.crl_status import CrlStatus, find_due, status_of, statuses
from pki.errors import PkiError, UnknownAuthority
from pki.hierarchy import Hierarchy
from pki.plans import Addresses, Issuer
from pki.revocation import ALL_SHARDS
from pki.settings import PkiSettings
from pki.store import Store, hold_lock
from pki.tables import AuthorityRow, CrlRow, RevokedRow, StatusChangesRow
from pki.vault import Vault

log = structlog.get_logger()

_FETCHED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class PublishedCrl:
    """A list in DER, with what a cache asks for."""

    number: int
    this_update: datetime
    next_update: datetime
    der: bytes


@dataclass(frozen=True, slots=True)
class _Claim:
    """A number that nobody else has, and the times that go with it."""

    number: int
    before: datetime | None  # thisUpdate of the list that this one follows
    this_update: datetime
    next_update: datetime


class CrlPublisher:
    """Keeps the lists current. Safe to use from several threads and processes."""

    def __init__(
        self, store: Store, keys: Vault, trail: AuditTrail, hierarchy: Hierarchy, settings: PkiSettings
    ) -> None:
        self._store = store
        self._keys = keys
        self._trail = trail
        self._hierarchy = hierarchy
        self._refresh = settings.crl_refresh
        self._validity = settings.crl_validity
        self._addresses = Addresses(settings.public_url)
        self._building: dict[tuple[str, int], threading.Lock] = {}

    def current(self, authority: str, shard: int | None, now: datetime) -> PublishedCrl:
        """A shard's list, or the full one, signed afresh when it is due.

        Raises UnknownAuthority, SignerUnavailable, MisSigned.
        """
        which = ALL_SHARDS if shard is None else shard
        status = self._status(authority, which, now)
        if status.shard != shard:  # the number that stands for the full list is nobody's shard
            raise _no_such_list(authority, shard)
        if status.is_due and (fault := self._attempt(authority, which, now)) and not _is_good(status, now):
            raise fault
        with self._store.reading() as session:
            row = session.get_one(CrlRow, (authority, which))
        if row.this_update is None or row.next_update is None:
            raise UnknownAuthority(authority, f"{authority!r} has not signed this revocation list yet")
        return PublishedCrl(row.listed, row.this_update, row.next_update, row.der)

    def refresh(self, now: datetime) -> dict[tuple[str, int], PkiError | None]:
        """Publish every list that is due: for each, what kept it from being published, or None.

        One that fails does not keep the others waiting.
        """
        self._begin_full_lists()
        with self._store.reading() as session:
            due = find_due(session, self._refresh, now)
        return {(authority, shard): self._attempt(authority, shard, now) for authority, shard in due}

    def standing(self, authority: str | None, now: datetime) -> list[CrlStatus]:
        """The lists of one authority, or of all; the full list of each first. Raises UnknownAuthority."""
        if authority is not None:
            self._hierarchy.info(authority)
        with self._store.reading() as session:
            return statuses(session, self._addresses, self._refresh, now, authority)

    def _status(self, authority: str, shard: int, now: datetime) -> CrlStatus:
        with self._store.reading() as session:
            found = status_of(session, self._addresses, self._refresh, now, authority, shard)
        if found is None and shard == ALL_SHARDS:
            self._begin_full_lists()
            with self._store.reading() as session:
                found = status_of(session, self._addresses, self._refresh, now, authority, shard)
        if found is None:
            raise _no_such_list(authority, shard)
        return found

    def _begin_full_lists(self) -> None:
        """An authority is made with its shards; the row for its full list comes with the first round."""
        with self._store.reading() as session:
            if not _without_full_list(session):
                return
        with self._store.writing() as session:
            hold_lock(session, "full revocation lists")
            session.add_all(CrlRow(authority=name, shard=ALL_SHARDS) for name in _without_full_list(session))

    def _attempt(self, authority: str, shard: int, now: datetime) -> PkiError | None:
        try:
            with self._building.setdefault((authority, shard), threading.Lock()):
                self._publish(authority, shard, now)
        except PkiError as fault:
            log.warning("crl_not_renewed", authority=authority, shard=shard, fault=fault.sentence)
            return fault
        return None

    def _publish(self, authority: str, shard: int, now: datetime) -> None:
        issuer = self._hierarchy.issuer(authority)
        signer = self._keys.signer(issuer.key_name)
        claim = self._claim(issuer, shard, now)
        if claim is None:  # another thread or node was faster
            return
        seen, entries = self._gather(authority, shard, claim.before)
        address = None if shard == ALL_SHARDS else self._addresses.crl(authority, shard)
        head = ListHead(claim.number, claim.this_update, claim.next_update, address)
        self._keep(authority, shard, claim, seen, entries.count, build_crl(issuer, signer, head, entries))

    def _claim(self, issuer: Issuer, shard: int, now: datetime) -> _Claim | None:
        """A number of our own, committed; None when the list is not due any more.

        Numbers follow the clock, so that they rise even after the database went back to a backup. When the clock
        goes back, number and thisUpdate do not.
        """
        this_list = (col(CrlRow.authority) == issuer.name, col(CrlRow.shard) == shard)
        last = select(col(CrlRow.number), col(CrlRow.this_update)).where(*this_list)
        with self._store.writing() as session:
            number, before = session.execute(last.with_for_update()).one()
            status = status_of(session, self._addresses, self._refresh, now, issuer.name, shard)
            if status is None or not status.is_due:
                return None
            number = max(number + 1, int(now.timestamp()))
            session.execute(update(CrlRow).where(*this_list).values(number=number))
        this_update = now if before is None else max(now, before)
        return _Claim(number, before, this_update, min(this_update + self._validity, issuer.not_after))

    def _gather(self, authority: str, shard: int, before: datetime | None) -> tuple[int, Entries]:
        """What belongs on the list, and how many changes of status that includes, in one snapshot.

        An entry leaves only after it stood on one list issued beyond the certificate's end (RFC 5280 §3.3).
        """
        columns = (col(RevokedRow.serial), col(RevokedRow.revoked_at), col(RevokedRow.reason))
        query = select(*columns).where(col(RevokedRow.authority) == authority)
        if shard != ALL_SHARDS:
            query = query.where(col(RevokedRow.shard) == shard)
        if before is not None:
            query = query.where(col(RevokedRow.not_after) >= before)
        entries = Entries()
        with self._store.reading() as session:
            counted = session.get(StatusChangesRow, (authority, shard))
            for row in session.execute(query.execution_options(yield_per=_FETCHED_AT_ONCE)):
                entries.add(*row)
        return (counted.changes if counted else 0), entries

    def _keep(self, authority: str, shard: int, claim: _Claim, seen: int, entries: int, der: bytes) -> None:
        """Store the list, unless a later one, or one that has seen more, is there already."""
        this_list = (col(CrlRow.authority) == authority, col(CrlRow.shard) == shard)
        is_later = (col(CrlRow.listed) < claim.number, col(CrlRow.seen) <= seen)
        times = {"this_update": claim.this_update, "next_update": claim.next_update}
        values = {"listed": claim.number, "seen": seen, "entries": entries, "der": der, **times}
        stored = update(CrlRow).where(*this_list, *is_later).values(values).returning(col(CrlRow.listed))
        with self._store.writing() as session:
            if session.execute(stored).scalar() is None:
                log.info("crl_overtaken", authority=authority, shard=shard, number=claim.number)
                return
            self._trail.record(
                session,
                PkiAct.CRL_PUBLISHED,
                by="service",
                kind="crl",
                thing=f"{authority}/{'full' if shard == ALL_SHARDS else shard}",
                details={"number": claim.number, "entries": entries},
                now=claim.this_update,
            )


def _is_good(status: CrlStatus, now: datetime) -> bool:
    """Whether the list that is there may still be handed out."""
    return status.next_update is not None and now <= status.next_update


def _no_such_list(authority: str, shard: int | None) -> UnknownAuthority:
    return UnknownAuthority(authority, f"there is no revocation list {shard} of {authority!r}")


def _without_full_list(session: Session) -> list[str]:
    full = (col(CrlRow.authority) == col(AuthorityRow.name)) & (col(CrlRow.shard) == ALL_SHARDS)
    query = select(col(AuthorityRow.name)).outerjoin(CrlRow, full).where(col(CrlRow.authority).is_(None))
    return list(session.execute(query).scalars())

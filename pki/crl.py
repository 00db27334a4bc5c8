"""Revocation lists (RFC 5280 §5): one small list per shard, numbered, signed again when something changed."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from asn1crypto import core, crl
from asn1crypto import x509 as asn1_x509
from asn1crypto.algos import SignedDigestAlgorithm
from cryptography import x509
from sqlalchemy import or_, select
from sqlmodel import Session, col

from pki.audit import AuditTrail, PkiAct
from pki.errors import MisSigned, PkiError, UnknownAuthority
from pki.hierarchy import Hierarchy
from pki.keys import Signer, assemble
from pki.keystore import KeyStore
from pki.plans import Addresses, Issuer
from pki.revocation import RevocationReason
from pki.settings import PkiSettings
from pki.store import Store
from pki.tables import CrlRow, RevokedRow

log = structlog.get_logger()


def build_crl(
    issuer: Issuer,
    signer: Signer,
    address: str,
    number: int,
    revoked: Iterable[RevokedRow],
    this_update: datetime,
    next_update: datetime,
) -> bytes:
    """A signed CRL in DER. `address` is the distribution point that the shard's certificates name."""
    entries = [_entry(row) for row in revoked]
    fields = {
        "version": "v2",
        "signature": SignedDigestAlgorithm.load(issuer.algorithm.identifier),
        "issuer": asn1_x509.Name.load(issuer.subject.public_bytes()),
        "this_update": _time(this_update),
        "next_update": _time(next_update),
        "crl_extensions": _extensions(issuer, address, number),
    }
    if entries:  # an empty list must be absent, RFC 5280 §5.1.2.6
        fields["revoked_certificates"] = entries
    to_be_signed: bytes = crl.TbsCertList(fields).dump()
    der = assemble(to_be_signed, issuer.algorithm, signer.sign(to_be_signed))
    _check(der, issuer, number, len(entries))
    return der


def _entry(row: RevokedRow) -> dict[str, object]:
    entry: dict[str, object] = {
        "user_certificate": int(row.serial, 16),
        "revocation_date": _time(row.revoked_at),
    }
    reason = RevocationReason(row.reason)
    if reason is not RevocationReason.UNSPECIFIED:  # should be absent rather than 0, RFC 5280 §5.3.1
        entry["crl_entry_extensions"] = [_extension("2.5.29.21", crl.CRLReason(reason.number).dump())]
    return entry


def _extensions(issuer: Issuer, address: str, number: int) -> list[dict[str, object]]:
    """Authority key, number, and the address, which ties the list to its shard (RFC 5280 §5.2.5)."""
    point = x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(address)],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key)
    return [
        _extension("2.5.29.35", authority.public_bytes()),
        _extension("2.5.29.20", x509.CRLNumber(number).public_bytes()),
        _extension("2.5.29.28", point.public_bytes(), critical=True),
    ]


def _extension(identifier: str, value: bytes, critical: bool = False) -> dict[str, object]:
    return {"extn_id": identifier, "critical": critical, "extn_value": core.ParsableOctetString(value)}


def _time(moment: datetime) -> asn1_x509.Time:
    """UTCTime through 2049, GeneralizedTime after (RFC 5280 §5.1.2.4), both in whole seconds."""
    whole = moment.replace(microsecond=0)
    kind = "utc_time" if whole.year < 2050 else "general_time"
    return asn1_x509.Time(name=kind, value=whole)


def _check(der: bytes, issuer: Issuer, number: int, entries: int) -> None:
    """Read our own list by another implementation before anybody gets it."""
    published = x509.load_der_x509_crl(der)
    found = published.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    is_fine = published.is_signature_valid(issuer.public_key) and published.issuer == issuer.subject
    if not is_fine or found != number or len(published) != entries:
        raise MisSigned(f"the revocation list {number} of {issuer.name} came back wrong")


class CrlPublisher:
    """Keeps the shards current."""

    def __init__(
        self, store: Store, keys: KeyStore, trail: AuditTrail, hierarchy: Hierarchy, settings: PkiSettings
    ) -> None:
        self._store = store
        self._keys = keys
        self._trail = trail
        self._hierarchy = hierarchy
        self._refresh = settings.crl_refresh
        self._validity = settings.crl_validity
        self._addresses = Addresses(settings.public_url)

    def current(self, authority: str, shard: int, now: datetime) -> bytes:
        """The list in DER, signed afresh when it is due. Raises UnknownAuthority, SignerUnavailable."""
        with self._store.reading() as session:
            row = session.get(CrlRow, (authority, shard))
        if row is None:
            raise UnknownAuthority(authority, f"there is no revocation list {shard} of {authority!r}")
        if not is_due(row, now, self._refresh):
            return row.der
        try:
            return self._publish(authority, shard, now)
        except PkiError as fault:
            if row.next_update is None or now > row.next_update:
                raise
            log.warning("crl_not_renewed", authority=authority, shard=shard, fault=fault.sentence)
            return row.der

    def refresh(self, now: datetime) -> list[tuple[str, int]]:
        """Publish every shard that is due; which ones. One that fails does not keep the others waiting."""
        published = []
        for authority, shard in self._due(now):
            try:
                self._publish(authority, shard, now)
            except PkiError as fault:
                log.warning("crl_not_renewed", authority=authority, shard=shard, fault=fault.sentence)
            else:
                published.append((authority, shard))
        return published

    def _due(self, now: datetime) -> list[tuple[str, int]]:
        """The same rule as `is_due`, for the database, since the lists themselves may be large."""
        this_update = col(CrlRow.this_update)
        due = or_(col(CrlRow.dirty), this_update.is_(None), this_update <= now - self._refresh)
        shards = select(col(CrlRow.authority), col(CrlRow.shard)).where(due)
        with self._store.reading() as session:
            found = session.execute(shards.order_by(col(CrlRow.authority), col(CrlRow.shard)))
            return [(authority, shard) for authority, shard in found]

    def _publish(self, authority: str, shard: int, now: datetime) -> bytes:
        issuer = self._hierarchy.issuer(authority)
        signer = self._keys.signer(issuer.key_name)
        with self._store.writing() as session:
            key = (authority, shard)
            row = session.get_one(CrlRow, key, populate_existing=True, with_for_update=True)
            if not is_due(row, now, self._refresh):  # another thread or node was faster
                return row.der
            revoked = _listed(session, row)
            self._sign(row, issuer, signer, revoked, now)
            session.add(row)
            session.flush()
            self._trail.record(
                session,
                PkiAct.CRL_PUBLISHED,
                by="service",
                kind="crl",
                thing=f"{authority}/{shard}",
                details={"number": row.number, "entries": len(revoked)},
                now=now,
            )
            return row.der

    def _sign(self, row: CrlRow, issuer: Issuer, signer: Signer, revoked: list[RevokedRow], now: datetime) -> None:
        address = self._addresses.crl(row.authority, row.shard)
        next_update = now + self._validity
        row.number += 1
        row.der = build_crl(issuer, signer, address, row.number, revoked, now, next_update)
        row.this_update, row.next_update, row.dirty = now, next_update, False


def is_due(row: CrlRow, now: datetime, refresh: timedelta) -> bool:
    """Whether the shard needs a new list: something changed, or the list is as old as the refresh period."""
    return row.dirty or row.this_update is None or now >= row.this_update + refresh


def _listed(session: Session, row: CrlRow) -> list[RevokedRow]:
    """What belongs on the list.

    An entry leaves only after it stood on one list issued beyond the certificate's end (RFC 5280 §3.3).
    """
    query = select(RevokedRow).where(col(RevokedRow.authority) == row.authority, col(RevokedRow.shard) == row.shard)
    if row.this_update is not None:
        query = query.where(col(RevokedRow.not_after) >= row.this_update)
    return list(session.execute(query.order_by(col(RevokedRow.revoked_at))).scalars())

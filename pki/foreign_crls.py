"""Revocation lists of authorities whose keys are elsewhere: taken in, published at their old address, obeyed.

A list is believed when the authority's key signed it, when it is younger than the one that is here, and when it speaks
of authorities at all (RFC 5280 §5.2.5). An authority of ours that stands on it issues nothing from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from sqlalchemy import select
from sqlmodel import Session, col

from pki.alarms import AlarmKind, Alarms, Severity
from pki.audit import JSON, AuditTrail, Entry, PkiAct
from pki.errors import ReturnedRefused
from pki.foreign_certificates import UNREADABLE
from pki.hierarchy import AuthorityInfo, AuthorityStatus, Custody, Hierarchy
from pki.keys import check_key_strength
from pki.plans import Addresses
from pki.settings import PkiSettings
from pki.signers_taken_in import obey_list
from pki.store import Store, hold_lock
from pki.tables import AuthorityRow, CrlRow

LONGEST = 4 * 1024 * 1024  # octets
SHARD = 0  # who certifies a handful of authorities has one list
_CLOCKS_DIFFER = timedelta(minutes=5)
_UNDERSTOOD = {ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER, ExtensionOID.ISSUING_DISTRIBUTION_POINT}


@dataclass(frozen=True, slots=True)
class TakenCrl:
    """A list that is here now. `number` is 0 where the list states none; `revoked` are names of our authorities."""

    authority: str
    number: int
    this_update: datetime
    next_update: datetime
    revoked: tuple[str, ...]


def read_crl(content: bytes) -> x509.CertificateRevocationList:
    """PEM or DER. Raises ReturnedRefused."""
    if len(content) > LONGEST:
        raise ReturnedRefused("too-long", f"the revocation list is longer than {LONGEST} octets")
    try:
        is_pem = b"-----BEGIN X509 CRL-----" in content
        crl = x509.load_pem_x509_crl(content) if is_pem else x509.load_der_x509_crl(content)
        _ = crl.issuer, crl.extensions, crl.last_update_utc, crl.next_update_utc, crl.signature_hash_algorithm, len(crl)
    except UNREADABLE:
        raise ReturnedRefused("unreadable", "this is not a revocation list", "RFC 5280 §5.1") from None
    return crl


def check_crl(crl: x509.CertificateRevocationList, address: str, now: datetime) -> datetime:
    """Until when the list may be relied on. Its signature is the caller's matter. Raises ReturnedRefused."""
    if crl.last_update_utc > now + _CLOCKS_DIFFER:
        raise ReturnedRefused("not-yet", f"the revocation list begins in the future ({crl.last_update_utc})")
    if crl.next_update_utc is None:
        raise ReturnedRefused("no-end", "the revocation list does not say until when it counts", "RFC 5280 §5.1.2.5")
    if crl.next_update_utc <= now:
        sentence = f"the revocation list ended on {crl.next_update_utc:%Y-%m-%d}"
        raise ReturnedRefused("expired", sentence, "RFC 5280 §5.1.2.5", "Have the authority sign a fresh one.")
    for extension in crl.extensions:
        if extension.oid == ExtensionOID.DELTA_CRL_INDICATOR:
            raise ReturnedRefused("delta", "this is a delta list; the complete one is needed", "RFC 5280 §5.2.4")
        if extension.critical and extension.oid not in _UNDERSTOOD:
            dotted = extension.oid.dotted_string
            raise ReturnedRefused("unknown-extension", f"a critical extension is not understood ({dotted})")
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            _check_scope(extension.value, address)
    return crl.next_update_utc


def serials_on(crl: x509.CertificateRevocationList) -> set[int]:
    """The serial numbers that are revoked or held."""
    return {one.serial_number for one in crl}


class ForeignCrls:
    """Takes lists in."""

    def __init__(
        self, store: Store, trail: AuditTrail, hierarchy: Hierarchy, alarms: Alarms, settings: PkiSettings
    ) -> None:
        self._store = store
        self._trail = trail
        self._hierarchy = hierarchy
        self._alarms = alarms
        self._addresses = Addresses(settings.public_url)

    def take_in(self, content: bytes, by: str, now: datetime) -> TakenCrl:
        """Publish a list (PEM or DER) from now on; the same one again changes nothing. Raises ReturnedRefused."""
        crl = read_crl(content)
        authority = self._signed_by(crl)
        next_update = check_crl(crl, self._addresses.crl(authority.name, SHARD), now)
        with self._store.writing() as session:
            hold_lock(session, "ceremony")
            _store(session, authority.name, crl, next_update)
            signers = obey_list(session, authority.name, crl, by, now)
            revoked = (*_retire(session, authority.name, serials_on(crl)), *signers)
            details: dict[str, JSON] = {
                "number": _number(crl),
                "revoked": list(revoked),
                "next_update": next_update.isoformat(),
            }
            entries = [Entry(PkiAct.CRL_TAKEN_IN, by, "crl", f"{authority.name}/{SHARD}", details=details)]
            entries += [Entry(PkiAct.AUTHORITY_REVOKED, by, "authority", name) for name in revoked]
            self._trail.record_all(session, entries, now)
        self._hierarchy.reload()
        self._tell(authority.name, revoked)
        return TakenCrl(authority.name, _number(crl), crl.last_update_utc, next_update, revoked)

    def lists_of(self, authorities: Sequence[str]) -> dict[str, bytes]:
        """The lists that are here, in DER, by authority."""
        query = select(CrlRow).where(col(CrlRow.authority).in_(authorities), col(CrlRow.shard) == SHARD)
        with self._store.reading() as session:
            return {row.authority: row.der for row in session.execute(query).scalars() if row.der}

    def _signed_by(self, crl: x509.CertificateRevocationList) -> AuthorityInfo:
        elsewhere = [info for info in self._hierarchy.all() if info.custody is Custody.ELSEWHERE]
        named = [info for info in elsewhere if _certificate(info).subject == crl.issuer]
        for info in named:
            if is_signed_by(crl, _certificate(info)):
                return info
        if named:
            raise ReturnedRefused("bad-signature", f"the revocation list is not signed by the key of {named[0].name!r}")
        issuer = crl.issuer.rfc4514_string()[:200]
        raise ReturnedRefused("unknown-issuer", f"no authority elsewhere that is known here is called {issuer}")

    def _tell(self, authority: str, revoked: Sequence[str]) -> None:
        for name in revoked:
            sentence = f"{authority} has revoked {name}; it signs nothing any more. Replace what it signed."
            self._alarms.sound(AlarmKind.AUTHORITY_REVOKED, name, sentence, Severity.CRITICAL)


def is_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the list's signature."""
    return crl.issuer == issuer.subject and crl.is_signature_valid(check_key_strength(issuer.public_key()))


def _certificate(info: AuthorityInfo) -> x509.Certificate:
    return x509.load_der_x509_certificate(info.der)


def _check_scope(point: x509.IssuingDistributionPoint, address: str) -> None:
    """A list of one part of what an authority signed does not tell that an authority is good (RFC 5280 §5.2.5)."""
    partial = point.only_contains_user_certs or point.only_contains_attribute_certs or point.only_some_reasons
    if partial or point.indirect_crl:
        raise ReturnedRefused("partial", "the list does not cover all authorities that its issuer has certified")
    names = [str(name.value) for name in point.full_name or ()]
    if any("/pki/crl/" in name for name in names) and address not in names:
        sentence = f"the list is made for {names[0]}, and is published here at {address}"
        raise ReturnedRefused("wrong-address", sentence, "RFC 5280 §5.2.5", "Both folders need the same public_url.")


def _store(session: Session, authority: str, crl: x509.CertificateRevocationList, next_update: datetime) -> None:
    row = session.get(CrlRow, (authority, SHARD), populate_existing=True, with_for_update=True)
    row = row or CrlRow(authority=authority, shard=SHARD)
    number, der = _number(crl), crl.public_bytes(Encoding.DER)
    before = row.this_update if der != row.der else None
    if before is not None and (number < row.number or crl.last_update_utc < before):
        sentence = f"the list is older than the one that is here (number {row.number}, {before})"
        raise ReturnedRefused("older", sentence, "RFC 5280 §5.2.3")
    row.number, row.listed, row.entries, row.der = number, number, len(crl), der
    row.this_update, row.next_update = crl.last_update_utc, next_update
    session.add(row)
    session.flush()


def _retire(session: Session, authority: str, serials: set[int]) -> tuple[str, ...]:
    """Our authorities below `authority` that stand on its list and were not retired before."""
    below = select(AuthorityRow).where(col(AuthorityRow.parent) == authority)
    retired = []
    for row in session.execute(below.order_by(col(AuthorityRow.name))).scalars():
        certificate = x509.load_der_x509_certificate(row.der)
        if certificate.serial_number in serials and row.status != AuthorityStatus.RETIRED:
            row.status = AuthorityStatus.RETIRED.value
            session.add(row)
            retired.append(row.name)
    session.flush()
    return tuple(retired)


def _number(crl: x509.CertificateRevocationList) -> int:
    """0 where the list states none. A database holds 63 bits; a longer number is compared by its time alone."""
    try:
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0
    return number if number < 2**63 else 0

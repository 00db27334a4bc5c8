"""Certificates that we issued, as the rest of the service sees them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ssl import DER_cert_to_PEM_cert

from asn1crypto.x509 import TbsCertificate
from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, false, or_, select
from sqlmodel import col

from pki.errors import UnknownCertificate
from pki.issuance import Issued
from pki.revocation import RevocationReason
from pki.store import Store
from pki.tables import CertificateRow, IntentRow, RevokedRow, SerialRow


class CertificateState(StrEnum):
    """Whether a certificate counts now. Revoked outlasts expired, so that the reason stays in sight."""

    GOOD = "good"
    HELD = "held"
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNFINISHED = "unfinished"
    """Intended, and perhaps signed, but never recorded as issued: nobody got it from us. It can be revoked."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of ours. Serial numbers and digests are lower-case hex, DER is bytes, PEM ends in LF.

    Of an unfinished one there is no DER and no PEM, since we do not know that it exists.
    """

    serial: str
    subject: str
    common_name: str
    station: str | None
    authority: str
    profile: str
    not_before: datetime
    not_after: datetime
    made_at: datetime
    state: CertificateState
    revoked_at: datetime | None
    reason: RevocationReason | None
    pem: str = field(repr=False)
    chain_pem: str = field(repr=False)  # leaf first, then the sub-CAs, without the root
    der: bytes = field(repr=False)
    spki_sha256: str
    root: str


@dataclass(frozen=True, slots=True)
class AboveLeaf:
    """What stands above a certificate: the sub-CAs in PEM, and the name of the root."""

    chain_pem: str
    root: str


def pem_of(der: bytes) -> str:
    """PEM with LF and a final line end: what OCPP stations read best."""
    return DER_cert_to_PEM_cert(der)


def certificate_of(
    row: CertificateRow | Issued, revoked: RevokedRow | None, above: AboveLeaf, now: datetime
) -> Certificate:
    """The domain object of a row."""
    pem = pem_of(row.der)
    return Certificate(
        serial=row.serial,
        subject=row.subject,
        common_name=row.common_name,
        station=row.station,
        authority=row.authority,
        profile=row.profile,
        not_before=row.not_before,
        not_after=row.not_after,
        made_at=row.created_at,
        state=state_of(row.not_after, revoked.reason if revoked else None, now),
        revoked_at=revoked.revoked_at if revoked else None,
        reason=RevocationReason(revoked.reason) if revoked else None,
        pem=pem,
        chain_pem=pem + above.chain_pem,
        der=row.der,
        spki_sha256=row.spki_sha256,
        root=above.root,
    )


def state_of(not_after: datetime, reason: str | None, now: datetime) -> CertificateState:
    """The state at `now`; `reason` is why it is revoked, None when it is not."""
    if reason is not None and reason != RevocationReason.CERTIFICATE_HOLD:
        return CertificateState.REVOKED
    if now > not_after:
        return CertificateState.EXPIRED
    return CertificateState.GOOD if reason is None else CertificateState.HELD


class Certificates:
    """Finds certificates. `above` tells what stands above an authority's certificate in the chain for a station."""

    def __init__(self, store: Store, above: Callable[[str, str | None], AboveLeaf]) -> None:
        self._store = store
        self._above = above

    def by_serial(self, serial: str, now: datetime) -> Certificate:
        """Also one that was intended and never recorded as issued. Raises UnknownCertificate."""
        found = self._find(col(CertificateRow.serial) == serial, now)
        if found is not None:
            return found
        if unfinished := self._unfinished(col(IntentRow.serial) == serial, now):
            return unfinished[0]
        raise UnknownCertificate(serial)

    def by_key(self, spki_sha256: str, now: datetime) -> list[Certificate]:
        """Every certificate for this key, unfinished ones too; the newest first. `spki_sha256` is hex."""
        query = _with_revocation().where(col(CertificateRow.spki_sha256) == spki_sha256)
        with self._store.reading() as session:
            found = session.execute(query.order_by(col(CertificateRow.id).desc())).all()
        finished = [
            certificate_of(row, revoked, self._above(row.authority, row.station), now) for row, revoked in found
        ]
        return self._unfinished(col(SerialRow.spki_sha256) == spki_sha256, now) + finished

    def known_keys(self, spki_sha256: Sequence[str]) -> set[str]:
        """Those of these keys (hex) that are in a certificate."""
        query = select(col(CertificateRow.spki_sha256)).where(col(CertificateRow.spki_sha256).in_(spki_sha256))
        with self._store.reading() as session:
            return set(session.execute(query).scalars())

    def open_serials(self, station: str, now: datetime) -> list[str]:
        """What of a station could still be used: neither revoked for good nor over."""
        good, held = is_in(CertificateState.GOOD, now), is_in(CertificateState.HELD, now)
        query = (
            select(col(CertificateRow.serial))
            .outerjoin(RevokedRow, col(RevokedRow.serial) == col(CertificateRow.serial))
            .where(col(CertificateRow.station) == station, or_(good, held))
        )
        with self._store.reading() as session:
            return list(session.execute(query.order_by(col(CertificateRow.id))).scalars())

    def _unfinished(self, condition: ColumnElement[bool], now: datetime) -> list[Certificate]:
        query = (
            select(IntentRow, SerialRow, RevokedRow)
            .join(SerialRow, col(SerialRow.serial) == col(IntentRow.serial))
            .outerjoin(RevokedRow, col(RevokedRow.serial) == col(IntentRow.serial))
            .where(condition, col(IntentRow.settled).is_distinct_from("issued"))
            .order_by(col(IntentRow.created_at).desc())
        )
        with self._store.reading() as session:
            found = session.execute(query).all()
        return [
            _unfinished_of(intent, claim, revoked, self._above(claim.authority, claim.station).root)
            for intent, claim, revoked in found
        ]

    def by_sha256(self, sha256: Sequence[str], now: datetime) -> dict[str, Certificate]:
        """The certificates with these fingerprints (hex); those that we did not issue are left out."""
        return {row.sha256: found for row, found in self._those(col(CertificateRow.sha256).in_(sha256), now)}

    def by_serials(self, serials: Sequence[str], now: datetime) -> dict[str, Certificate]:
        """The certificates with these serial numbers; unfinished and unknown ones are left out."""
        return {row.serial: found for row, found in self._those(col(CertificateRow.serial).in_(serials), now)}

    def revoked_since(self, since: datetime) -> list[str]:
        """The serial numbers that were revoked or put on hold at or after `since`, by whichever process."""
        query = select(col(RevokedRow.serial)).where(col(RevokedRow.recorded_at) >= since)
        with self._store.reading() as session:
            return list(session.execute(query.order_by(col(RevokedRow.recorded_at))).scalars())

    def _those(self, condition: ColumnElement[bool], now: datetime) -> list[tuple[CertificateRow, Certificate]]:
        with self._store.reading() as session:
            found = session.execute(_with_revocation().where(condition)).all()
        return [
            (row, certificate_of(row, revoked, self._above(row.authority, row.station), now)) for row, revoked in found
        ]

    def _find(self, condition: ColumnElement[bool], now: datetime) -> Certificate | None:
        return next((found for _, found in self._those(condition, now)), None)


def _unfinished_of(intent: IntentRow, claim: SerialRow, revoked: RevokedRow | None, root: str) -> Certificate:
    body = TbsCertificate.load(intent.to_be_signed)
    names = body["subject"].native
    return Certificate(
        serial=intent.serial,
        subject=f"CN={names['common_name']},O={names['organization_name']}",
        common_name=names["common_name"],
        station=claim.station,
        authority=claim.authority,
        profile=claim.profile,
        not_before=body["validity"]["not_before"].native,
        not_after=intent.not_after,
        made_at=intent.created_at,
        state=CertificateState.REVOKED if revoked else CertificateState.UNFINISHED,
        revoked_at=revoked.revoked_at if revoked else None,
        reason=RevocationReason(revoked.reason) if revoked else None,
        pem="",
        chain_pem="",
        der=b"",
        spki_sha256=claim.spki_sha256,
        root=root,
    )


def _with_revocation() -> "Select[CertificateRow, RevokedRow]":
    same = col(RevokedRow.serial) == col(CertificateRow.serial)
    return select(CertificateRow, RevokedRow).outerjoin(RevokedRow, same)


def is_in(
    state: CertificateState, now: datetime, end: SQLColumnExpression[datetime] | None = None
) -> ColumnElement[bool]:
    """The same rule as `state_of`, for a query that outer joins RevokedRow; `end` is how it is to name notAfter."""
    held = col(RevokedRow.reason) == RevocationReason.CERTIFICATE_HOLD.value
    free = col(RevokedRow.serial).is_(None)
    if state is CertificateState.UNFINISHED:
        return false()  # there is no row of theirs in this table; they are found by serial number and by key
    over = (col(CertificateRow.not_after) if end is None else end) < now
    match state:
        case CertificateState.GOOD:
            return and_(free, ~over)
        case CertificateState.HELD:
            return and_(held, ~over)
        case CertificateState.EXPIRED:
            return and_(or_(free, held), over)
    return and_(~free, ~held)

"""Cross-certificates: an authority's key, certified by an authority that is not its parent (RFC 5280 §3.2).

With one, a chain can end in another root: a station that knows only the old root accepts what a new hierarchy issued,
and the other way round. They are made, revoked and listed like every other certificate.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.certificates import CertificateState, pem_of, state_of
from pki.errors import CrossRefused
from pki.hierarchy import AuthorityInfo, AuthorityStatus, Custody, Hierarchy
from pki.issuance import Issued, Warrant
from pki.issuing_desk import IssuingDesk
from pki.keys import check_key_strength
from pki.plans import Addresses, Issuer, Plan, name_of
from pki.profiles import CROSS, Profile, profiles_of
from pki.settings import PkiSettings
from pki.store import Store
from pki.tables import CertificateRow, CrossCertificateRow, RevokedRow

_GONE = (AuthorityStatus.PENDING, AuthorityStatus.RETIRED)
_ONE_SECOND = timedelta(seconds=1)
_BELOW_A_ROOT = 1  # an issuing authority stands between a root and its leaves


@dataclass(frozen=True, slots=True)
class CrossCertificate:
    """A certificate for the key of `authority` by `issuer`. The serial number is hex, `der` its octets."""

    serial: str
    authority: str
    issuer: str
    not_before: datetime
    not_after: datetime
    state: CertificateState
    pem: str = field(repr=False)
    der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certified:
    """The authority whose key is certified, made already or about to be."""

    name: str
    issuer: Issuer
    organisation: str
    common_name: str
    path_length: int | None


class CrossCertificates:
    """Makes and finds cross-certificates."""

    def __init__(
        self, store: Store, trail: AuditTrail, desk: IssuingDesk, hierarchy: Hierarchy, settings: PkiSettings
    ) -> None:
        self._store = store
        self._trail = trail
        self._desk = desk
        self._hierarchy = hierarchy
        self._settings = settings

    def make(
        self, authority: str, issuer: str, by: str, now: datetime, validity: timedelta | None = None
    ) -> CrossCertificate:
        """Have `issuer` certify the key of `authority`, for as long as both live unless `validity` is shorter.

        Raises UnknownAuthority, CrossRefused, and what issuing raises.
        """
        self._hierarchy.reload()
        subject, above = self._hierarchy.info(authority), self._hierarchy.info(issuer)
        check_pair(subject, above, path_length_of(above.der))
        self._refuse_second(authority, issuer, now)
        plan = cross_plan(certified(subject, self._hierarchy.issuer(authority)), self._hierarchy.issuer(issuer),
                          self._settings, now, validity)  # fmt: skip

        def beside(session: Session, rows: Sequence[Issued]) -> None:
            record_cross(session, self._trail, rows[0], authority, issuer, by, now)

        return _cross(_row(self._desk.issue([Warrant(plan, by)], now, beside)[0], authority, issuer), None, now)

    def all(self, now: datetime) -> list[CrossCertificate]:
        """The newest first."""
        query = (
            select(CrossCertificateRow, col(RevokedRow.reason))
            .join(CertificateRow, col(CertificateRow.serial) == col(CrossCertificateRow.serial))
            .outerjoin(RevokedRow, col(RevokedRow.serial) == col(CrossCertificateRow.serial))
            .order_by(col(CertificateRow.id).desc())
        )
        with self._store.reading() as session:
            return [_cross(row, reason, now) for row, reason in session.execute(query)]

    def of(self, authority: str, now: datetime) -> list[CrossCertificate]:
        """Those for the key of this authority; the newest first."""
        return [cross for cross in self.all(now) if cross.authority == authority]

    def _refuse_second(self, authority: str, issuer: str, now: datetime) -> None:
        for cross in self.of(authority, now):
            if cross.issuer == issuer and cross.state is CertificateState.GOOD and not _is_worn(cross, now):
                sentence = f"{issuer!r} has certified {authority!r} until {cross.not_after:%Y-%m-%d} already"
                raise CrossRefused(sentence, f"Revoke {cross.serial} first if it is not to be used.")


def check_pair(subject: AuthorityInfo, issuer: AuthorityInfo, issuer_path_length: int | None) -> None:
    """Whether `issuer` may certify the key of `subject`. Raises CrossRefused."""
    names = f"{issuer.name!r} cannot certify {subject.name!r}"
    if subject.name == issuer.name:
        raise CrossRefused(f"{names}: they are the same authority")
    if subject.parent == issuer.name:
        raise CrossRefused(f"{names} across: it is its parent and has done so")
    if subject.hierarchy is not issuer.hierarchy:
        raise CrossRefused(f"{names}: the operator's and the manufacturer's hierarchy stay apart (A00.FR.601)")
    for one in (subject, issuer):
        if one.status in _GONE:
            raise CrossRefused(f"{names}: {one.name!r} is {one.status}")
    if issuer.custody is not Custody.HERE:
        sentence = f"{names}: the key of {issuer.name!r} is not here"
        raise CrossRefused(sentence, "Hold a ceremony where that key is.")
    own = path_length_of(subject.der)
    needed = _BELOW_A_ROOT if own is None else own
    if issuer_path_length is not None and issuer_path_length <= needed:
        raise CrossRefused(f"{names}: its own certificate lets too few authorities stand below it (path length)")


def path_length_of(der: bytes) -> int | None:
    """pathLenConstraint of an authority's certificate (RFC 5280 §4.2.1.9); None when it sets no limit."""
    extensions = x509.load_der_x509_certificate(der).extensions
    return extensions.get_extension_for_class(x509.BasicConstraints).value.path_length


def certified(info: AuthorityInfo, issuer: Issuer) -> Certified:
    """An existing authority as the subject of a cross-certificate. Raises CrossRefused."""
    names = {attribute.oid: str(attribute.value) for attribute in issuer.subject}
    organisation = names.get(x509.NameOID.ORGANIZATION_NAME, "")
    common_name = names.get(x509.NameOID.COMMON_NAME, "")
    # The subject must be the authority's own, octet by octet, or no chain leads through it.
    if name_of(organisation, common_name).public_bytes() != issuer.subject.public_bytes():
        raise CrossRefused(f"the name of {info.name!r} is not made of O and CN, so that it cannot be repeated here")
    return Certified(info.name, issuer, organisation, common_name, path_length_of(info.der))


def cross_plan(
    subject: Certified, issuer: Issuer, settings: PkiSettings, now: datetime, validity: timedelta | None = None
) -> Plan:
    """The certificate to be made. Raises CrossRefused when nothing is left of the two lives."""
    profile = _profile(subject, settings)
    start = now.replace(microsecond=0) - profile.backdate
    end = min(issuer.not_after, subject.issuer.not_after, start + profile.ceiling - _ONE_SECOND)
    if validity is not None:
        end = min(end, now.replace(microsecond=0) + validity - _ONE_SECOND)
    start = max(start, issuer.not_before, subject.issuer.not_before)
    if end <= now:
        raise CrossRefused(f"{issuer.name!r} or {subject.name!r} is at its end, so that nothing is left to certify")
    return Plan(
        profile=profile,
        issuer=issuer,
        common_name=subject.common_name,
        organisation=subject.organisation,
        public_key=check_key_strength(subject.issuer.public_key),
        not_before=start,
        not_after=end,
        addresses=Addresses(settings.public_url),
    )


def record_cross(
    session: Session, trail: AuditTrail, row: Issued, authority: str, issuer: str, by: str, now: datetime
) -> None:
    """The rows beside the certificate's own, in the transaction that makes it known."""
    session.add(_row(row, authority, issuer))
    session.flush()
    details = {"serial": row.serial, "issuer": issuer, "not_after": row.not_after.isoformat()}
    entry = Entry(PkiAct.AUTHORITY_CROSS_CERTIFIED, by, "authority", authority, details=details)
    trail.record_all(session, [entry], now)


def _profile(subject: Certified, settings: PkiSettings) -> Profile:
    path_length = _BELOW_A_ROOT if subject.path_length is None else subject.path_length
    return dataclasses.replace(profiles_of(settings)[CROSS], path_length=path_length)


def _row(row: Issued, authority: str, issuer: str) -> CrossCertificateRow:
    return CrossCertificateRow(
        serial=row.serial, authority=authority, issuer=issuer, not_after=row.not_after, der=row.der
    )


def _cross(row: CrossCertificateRow, reason: str | None, now: datetime) -> CrossCertificate:
    certificate = x509.load_der_x509_certificate(row.der)
    return CrossCertificate(
        serial=row.serial,
        authority=row.authority,
        issuer=row.issuer,
        not_before=certificate.not_valid_before_utc,
        not_after=row.not_after,
        state=state_of(row.not_after, reason, now),
        pem=pem_of(row.der),
        der=row.der,
    )


def _is_worn(cross: CrossCertificate, now: datetime) -> bool:
    return now >= cross.not_before + (cross.not_after - cross.not_before) / 2

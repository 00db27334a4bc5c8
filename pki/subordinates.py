"""Certifying an authority or a firmware signer whose key is elsewhere: the offline side of `pki/authority_requests.py`.

From the request come the key and the name, which a person compares; everything else is the profile's. Under an
operator's authority that is an issuing one: CA:TRUE, path length 0, the right to sign certificates and lists. Under a
manufacturer's root it is a firmware signer, which certifies nothing (L01). Its end lies within the parent's.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.ceremony_records import CeremonyRecords
from pki.certificates import pem_of
from pki.cross_certificates import path_length_of
from pki.csr import CertificateRequest, read_request
from pki.errors import OrderRefused
from pki.hierarchy import AuthorityInfo, AuthorityKind, AuthorityStatus, Custody, Hierarchy, HierarchyName
from pki.issuance import Issued, Warrant
from pki.issuing_desk import IssuingDesk
from pki.keys import KeyAlgorithm, algorithm_of
from pki.orders import lifetime
from pki.plans import Addresses, Plan
from pki.profiles import FIRMWARE, ISSUING, ROOT, profiles_of
from pki.settings import PkiSettings
from pki.store import Store
from pki.tables import CertificateRow
from pki.vault import Vault


@dataclass(frozen=True, slots=True)
class Subordinate:
    """What signing a request leads to, or led to: then with the certificate, and those above it (PEM, root last)."""

    subject: str
    spki_sha256: str
    algorithm: KeyAlgorithm
    parent: str
    not_before: datetime
    not_after: datetime
    profile: str = ISSUING
    serial: str | None = None
    certificate_pem: str = dataclasses.field(default="", repr=False)
    chain_pem: str = dataclasses.field(default="", repr=False)


class Subordinates:
    """Looks at requests and signs them."""

    def __init__(
        self,
        store: Store,
        keys: Vault,
        trail: AuditTrail,
        desk: IssuingDesk,
        hierarchy: Hierarchy,
        settings: PkiSettings,
    ) -> None:
        self._store = store
        self._keys = keys
        self._trail = trail
        self._desk = desk
        self._hierarchy = hierarchy
        self._settings = settings
        self._records = CeremonyRecords(store)

    def preview(self, csr: str | bytes, parent: str, validity: timedelta | None, now: datetime) -> Subordinate:
        """What `certify` would do. Raises CsrRejected, OrderRefused, UnknownAuthority, IssuerEndsTooSoon."""
        return _shown(self._plan(read_request(csr), parent, validity, now))

    def certify(
        self, csr: str | bytes, parent: str, validity: timedelta | None, spki_sha256: str, by: str, now: datetime
    ) -> Subordinate:
        """The certificate. `spki_sha256` (hex) is the key that somebody compared with what the requester reads out.

        Raises CsrRejected, OrderRefused, UnknownAuthority, IssuerEndsTooSoon, SignerUnavailable, LintFailed, MisSigned.
        """
        plan = self._plan(read_request(csr), parent, validity, now)
        if spki_sha256.lower() != plan.spki_sha256:
            sentence = f"the request is for the key {plan.spki_sha256}, and another one was expected"
            raise OrderRefused("spki_sha256", sentence, "Somebody may have exchanged the request on its way.")
        info = self._hierarchy.info(parent)

        def beside(session: Session, rows: Sequence[Issued]) -> None:
            self._put_on_record(session, info, rows[0], by, now)

        row = self._desk.issue([Warrant(plan, by)], now, beside)[0]
        pem = pem_of(row.der)
        shown = _shown(plan)
        return dataclasses.replace(shown, serial=row.serial, certificate_pem=pem, chain_pem=self._chain_of(info))

    def _plan(self, request: CertificateRequest, parent: str, validity: timedelta | None, now: datetime) -> Plan:
        info = self._hierarchy.info(parent)
        _check_parent(info)
        _check_key(request, info)
        name = self._name(request)
        is_signer = info.hierarchy is HierarchyName.MANUFACTURER
        profile = profiles_of(self._settings)[FIRMWARE if is_signer else ISSUING]
        if validity is not None:
            longest = profiles_of(self._settings)[ROOT].validity
            if not timedelta(days=1) <= validity <= longest:
                raise OrderRefused("validity", f"an authority may live from one day to {longest.days} days")
            profile = dataclasses.replace(profile, validity=validity, ceiling=validity)
        issuer = self._hierarchy.issuer(parent)
        start, end = lifetime(profile, issuer, now)
        if not is_signer:  # signers follow each other under one name, and nobody looks for a signature by it
            self._refuse_second_name(name, request)
        return Plan(
            profile=profile,
            issuer=issuer,
            common_name=name,
            organisation=self._settings.organisation,
            public_key=request.public_key,
            not_before=start,
            not_after=end,
            addresses=Addresses(self._settings.public_url, has_ocsp=not self._settings.offline),
        )

    def _name(self, request: CertificateRequest) -> str:
        """The CN of the request; O must be ours."""
        ours = self._settings.organisation
        if request.organisation != ours:
            sentence = f"the request names the organisation {request.organisation!r}; here it is {ours!r}"
            raise OrderRefused("organisation", sentence)
        name = request.common_name or ""
        if not 0 < len(name) <= 64 or name != name.strip() or not name.isprintable():
            raise OrderRefused("common_name", "the common name must be 1 to 64 printable characters (X.520)")
        return name

    def _refuse_second_name(self, name: str, request: CertificateRequest) -> None:
        """Two authorities with one name make clients look for a signature under the wrong key (RFC 5280 §4.1.2.6)."""
        same = (
            col(CertificateRow.common_name) == name,
            col(CertificateRow.profile).in_((ROOT, ISSUING)),
            col(CertificateRow.spki_sha256) != request.spki_sha256,
        )
        with self._store.reading() as session:
            taken = session.execute(select(col(CertificateRow.serial)).where(*same)).first()
        if taken is not None:
            raise OrderRefused("common_name", f"an authority with another key has the common name {name!r} already")

    def _put_on_record(self, session: Session, parent: AuthorityInfo, row: Issued, by: str, now: datetime) -> None:
        signer = self._keys.signer(self._hierarchy.issuer(parent.name).key_name)
        content = {
            "certified": {
                "subject": row.subject,
                "serial": row.serial,
                "spki_sha256": row.spki_sha256,
                "not_after": row.not_after.isoformat(),
                "certificate_sha256": row.sha256,
                "certificate": pem_of(row.der),
            }
        }
        title = f"Certified {row.common_name}"
        signers = {parent.name: (signer, parent.certificate_pem)}
        record = self._records.add(session, title, content, signers, by, now)
        details = {"serial": row.serial, "subject": row.subject, "spki_sha256": row.spki_sha256, "record": record.id}
        entry = Entry(PkiAct.AUTHORITY_CERTIFIED, by, "authority", parent.name, details=details)
        self._trail.record_all(session, [entry], now)

    def _chain_of(self, info: AuthorityInfo) -> str:
        above = self._chain_of(self._hierarchy.info(info.parent)) if info.parent else ""
        return info.certificate_pem + above


def _check_parent(info: AuthorityInfo) -> None:
    if info.custody is not Custody.HERE:
        raise OrderRefused("parent", f"the key of {info.name!r} is elsewhere")
    if info.status in (AuthorityStatus.RETIRED, AuthorityStatus.PENDING):
        raise OrderRefused("parent", f"{info.name!r} is {info.status}")
    if info.hierarchy is HierarchyName.MANUFACTURER:
        return  # a root: no authority stands below one of these (L01)
    limit = path_length_of(info.der)
    if limit == 0 or (info.kind is AuthorityKind.ISSUING and limit is None):
        raise OrderRefused("parent", f"{info.name!r} may certify no authorities (its path length is 0)")


def _check_key(request: CertificateRequest, parent: AuthorityInfo) -> None:
    """A kind that stations know, strong enough for years, and of the family of the parent's key."""
    try:
        algorithm = algorithm_of(request.public_key)
    except (KeyError, ValueError):
        raise OrderRefused("key", "an authority's key is P-256, P-384 or RSA of 3072 or 4096 bits") from None
    if algorithm is KeyAlgorithm.RSA_2048:
        raise OrderRefused("key", "2048 bits are too few for a key that signs for years")
    if algorithm.family is not parent.algorithm.family:
        sentence = f"the request has a key of the kind {algorithm}, and {parent.name!r} one of {parent.algorithm}"
        raise OrderRefused("key", sentence, "A station that can do only one of the two could not check the chain.")


def _shown(plan: Plan) -> Subordinate:
    return Subordinate(
        subject=plan.subject.rfc4514_string(),
        spki_sha256=plan.spki_sha256,
        algorithm=algorithm_of(plan.public_key),
        parent=plan.issuer.name,
        not_before=plan.not_before,
        not_after=plan.not_after,
        profile=plan.profile.name,
    )

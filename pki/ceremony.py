"""The key ceremony: from a plan that a person can read to roots and issuing authorities, all or nothing.

The operator's hierarchy and the manufacturer's stay apart. Beside each ECDSA authority stands an RSA one, for
stations that cannot do ECDSA.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import AuditTrail, PkiAct
from pki.errors import SignerUnavailable
from pki.hierarchy import AuthorityKind, HierarchyName
from pki.issuance import Issued, Warrant
from pki.issuing_desk import IssuingDesk
from pki.keys import KeyAlgorithm, Signer, spki_sha256
from pki.keystore import KeyStore
from pki.orders import lifetime
from pki.plans import Addresses, Issuer, Plan, name_of
from pki.profiles import profiles_of
from pki.settings import PkiSettings
from pki.store import Store
from pki.tables import AuthorityRow, CrlRow


@dataclass(frozen=True, slots=True)
class AuthorityPlan:
    """One authority to be made. `parent` is None for a root and stands earlier in the plan otherwise."""

    name: str
    kind: AuthorityKind
    hierarchy: HierarchyName
    purpose: str
    title: str
    algorithm: KeyAlgorithm
    parent: str | None = None

    @property
    def post(self) -> str:
        """The job that it fills, shared by the authorities of all kinds of key."""
        return self.name.removesuffix("-rsa")


_EC, _RSA = KeyAlgorithm.EC_P256, KeyAlgorithm.RSA_3072
_ROOT, _ISSUING = AuthorityKind.ROOT, AuthorityKind.ISSUING
_OPERATOR, _MAKER = HierarchyName.OPERATOR, HierarchyName.MANUFACTURER

DEFAULT_HIERARCHY = (
    AuthorityPlan("root", _ROOT, _OPERATOR, "trust", "Operator Root", _EC),
    AuthorityPlan("root-rsa", _ROOT, _OPERATOR, "trust", "Operator Root", _RSA),
    AuthorityPlan("manufacturer", _ROOT, _MAKER, "trust", "Manufacturer Root", _EC),
    AuthorityPlan("manufacturer-rsa", _ROOT, _MAKER, "trust", "Manufacturer Root", _RSA),
    AuthorityPlan("stations", _ISSUING, _OPERATOR, "stations", "Station Authority", _EC, "root"),
    AuthorityPlan("stations-rsa", _ISSUING, _OPERATOR, "stations", "Station Authority", _RSA, "root-rsa"),
    AuthorityPlan("csms", _ISSUING, _OPERATOR, "csms", "CSMS Authority", _EC, "root"),
    AuthorityPlan("csms-rsa", _ISSUING, _OPERATOR, "csms", "CSMS Authority", _RSA, "root-rsa"),
)


class Ceremony:
    """Makes authorities. A ceremony that was broken off is taken up again with the keys it had made."""

    def __init__(
        self, store: Store, keys: KeyStore, trail: AuditTrail, desk: IssuingDesk, settings: PkiSettings
    ) -> None:
        self._store = store
        self._keys = keys
        self._trail = trail
        self._desk = desk
        self._settings = settings

    def hold(self, plans: Sequence[AuthorityPlan], by: str, now: datetime) -> None:
        """Make what is missing of `plans`; all of it appears at once, or nothing does."""
        missing = [plan for plan in plans if plan.name not in self._existing()]
        if not missing:
            return
        signers = self._signers(missing)
        warrants = [Warrant(plan, by) for plan in self._certificates(missing, signers, now)]

        def beside(session: Session, rows: Sequence[Issued]) -> None:
            for plan, row in zip(missing, rows, strict=True):
                self._add(session, plan, row, by, now)

        self._desk.issue(warrants, now, beside)

    def _existing(self) -> set[str]:
        with self._store.reading() as session:
            return set(session.execute(select(col(AuthorityRow.name))).scalars())

    def _signers(self, plans: Sequence[AuthorityPlan]) -> dict[str, Signer]:
        with ThreadPoolExecutor() as pool:  # looking for RSA primes takes most of the time of `init`
            return dict(zip((plan.name for plan in plans), pool.map(self._signer, plans), strict=True))

    def _signer(self, plan: AuthorityPlan) -> Signer:
        if not self._keys.holds(plan.name):
            return self._keys.make_signer(plan.name, plan.algorithm)
        signer = self._keys.signer(plan.name)
        if signer.algorithm is not plan.algorithm:
            raise SignerUnavailable(plan.name, f"it is {signer.algorithm}, the plan asks for {plan.algorithm}")
        return signer

    def _certificates(self, plans: Sequence[AuthorityPlan], signers: dict[str, Signer], now: datetime) -> list[Plan]:
        profiles = profiles_of(self._settings)
        issuers: dict[str, Issuer] = {}
        certificates = []
        for plan in plans:
            profile = profiles[plan.kind.value]
            own = self._as_issuer(plan, signers[plan.name], now)
            issuer = own if plan.parent is None else issuers[plan.parent]
            start, end = lifetime(profile, issuer, now)
            issuers[plan.name] = own
            certificates.append(
                Plan(
                    profile=profile,
                    issuer=issuer,
                    common_name=_common_name(plan, signers[plan.name]),
                    organisation=self._settings.organisation,
                    public_key=signers[plan.name].public_key,
                    not_before=start,
                    not_after=end,
                    addresses=Addresses(self._settings.public_url),
                )
            )
        return certificates

    def _as_issuer(self, plan: AuthorityPlan, signer: Signer, now: datetime) -> Issuer:
        """The authority as it will be; its certificate need not be signed for others to be planned."""
        profile = profiles_of(self._settings)[plan.kind.value]
        start = now.replace(microsecond=0) - profile.backdate
        return Issuer(
            name=plan.name,
            subject=name_of(self._settings.organisation, _common_name(plan, signer)),
            public_key=signer.public_key,
            algorithm=signer.algorithm,
            key_name=plan.name,
            not_before=start,
            not_after=start + profile.validity,
            crl_shards=self._shards(plan),
            chain_pem_length=0,
        )

    def _shards(self, plan: AuthorityPlan) -> int:
        """Roots sign a handful of certificates; only issuing authorities need more than one list."""
        return 1 if plan.kind is AuthorityKind.ROOT else self._settings.crl_shards

    def _add(self, session: Session, plan: AuthorityPlan, row: Issued, by: str, now: datetime) -> None:
        shards = self._shards(plan)
        session.add(_authority_row(plan, row, shards))
        session.add_all(CrlRow(authority=plan.name, shard=shard) for shard in range(shards))
        session.flush()
        details = {"serial": row.serial, "subject": row.subject, "hierarchy": plan.hierarchy.value}
        self._trail.record(
            session,
            PkiAct.AUTHORITY_MADE,
            by=by,
            kind="authority",
            thing=plan.name,
            details=details | {"algorithm": plan.algorithm.value, "parent": plan.parent or ""},
            now=now,
        )


def _authority_row(plan: AuthorityPlan, row: Issued, shards: int) -> AuthorityRow:
    return AuthorityRow(
        name=plan.name,
        kind=plan.kind.value,
        hierarchy=plan.hierarchy.value,
        purpose=plan.purpose,
        parent=plan.parent,
        algorithm=plan.algorithm.value,
        key_name=plan.name,
        serial=row.serial,
        spki_sha256=row.spki_sha256,
        not_before=row.not_before,
        not_after=row.not_after,
        crl_shards=shards,
        der=row.der,
        post=plan.post,
    )


def _common_name(plan: AuthorityPlan, signer: Signer) -> str:
    """Ends in the key's fingerprint, so that two roots of one organisation never share a name."""
    family = plan.algorithm.family.value.upper()
    return f"{plan.title} {family} {spki_sha256(signer.public_key)[:8]}"

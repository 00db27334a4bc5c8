"""The key ceremony: from a plan that a person can read to roots and issuing authorities, all or nothing.

Keys are made first and stay when the ceremony is broken off; the certificates, the authorities and the signed record
then come into being in one transaction. Held again with the same plan, it goes on with the keys that it had made, or
finds that there is nothing to do.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.ceremony_checks import Surroundings, findings_against
from pki.ceremony_crosses import CeremonyCrosses
from pki.ceremony_drafts import Drafts
from pki.ceremony_file import read_plan
from pki.ceremony_plan import AuthorityPlan, CeremonyPlan, CrossPlan
from pki.ceremony_preview import CeremonyPreview, Previews, status_at_birth
from pki.ceremony_records import CeremonyRecord, CeremonyRecords
from pki.certificates import pem_of
from pki.cross_certificates import CrossCertificates, record_cross
from pki.errors import CeremonyRefused, SignerUnavailable
from pki.hierarchy import AuthorityInfo, AuthorityStatus, Hierarchy
from pki.issuance import Issued, Warrant
from pki.issuing_desk import IssuingDesk
from pki.keys import KeyAlgorithm, Signer
from pki.settings import PkiSettings
from pki.store import Store, hold_lock
from pki.tables import AuthorityRow, CrlRow
from pki.vault import Vault

Along: TypeAlias = Callable[[Session, CeremonyRecord], Sequence[Entry]]


class Ceremony:
    """Plans and makes authorities."""

    def __init__(
        self,
        store: Store,
        keys: Vault,
        trail: AuditTrail,
        desk: IssuingDesk,
        hierarchy: Hierarchy,
        settings: PkiSettings,
        crosses: CrossCertificates,
        pending: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """`pending` names what waits for a certificate from elsewhere: such a name is taken."""
        self._store = store
        self._keys = keys
        self._trail = trail
        self._desk = desk
        self._hierarchy = hierarchy
        self._settings = settings
        self._pending = pending
        self._records = CeremonyRecords(store)
        self._drafts = Drafts(settings, hierarchy.issuer)
        self._crosses = CeremonyCrosses(settings, crosses, hierarchy.issuer, self._drafts)
        self._previews = Previews(
            settings, self._drafts, lambda name: hierarchy.issuer(name).chain_pem_length, keys.holds
        )

    def read(self, text: str) -> CeremonyPlan:
        """The plan in a ceremony file (TOML), whose parents are in it or exist. Raises CeremonyRefused."""
        return read_plan(text, {info.name: info.hierarchy for info in self._hierarchy.all()})

    def preview(self, plan: CeremonyPlan, now: datetime) -> CeremonyPreview:
        """What holding the ceremony would do now. Nothing is made. Raises CeremonyRefused."""
        existing = {info.name: info for info in self._hierarchy.all()}
        around = Surroundings(existing, self._pending(), self._settings, now)
        against = (*findings_against(plan, around, self._drafts), *self._crosses.findings(plan, existing, now))
        if against:
            raise CeremonyRefused(against)
        preview, findings = self._previews.of(plan, existing, self._crosses.standing(plan, now), now)
        if findings:
            raise CeremonyRefused(findings)
        return preview

    def hold(
        self,
        plan: CeremonyPlan,
        by: str,
        now: datetime,
        agreed: str | None = None,
        along: Along = lambda _session, _record: (),
    ) -> CeremonyRecord | None:
        """Make what is missing; all of it appears at once, or nothing does. None when there is nothing to do.

        `agreed` is the `agreement` of the preview that somebody looked at; `along` adds rows to the transaction and
        gives the audit records for them. Raises CeremonyRefused, KeyExists, SignerUnavailable, LintFailed, MisSigned.
        """
        preview = self.preview(plan, now)
        if agreed is not None and agreed != preview.agreement:
            raise CeremonyRefused(
                ("what the ceremony would do is not what was agreed to",), "Look at it again, then agree again."
            )
        if not preview.has_work:
            return None
        record = self._make(plan, by, now, along)
        self._hierarchy.reload()
        return record

    def _make(self, plan: CeremonyPlan, by: str, now: datetime, along: Along) -> CeremonyRecord:
        existing = {info.name: info for info in self._hierarchy.all()}
        missing = [one for one in plan.authorities if one.name not in existing]
        signers = self._signers(missing)
        keys = {name: signer.public_key for name, signer in signers.items()}
        drafted = self._drafts.of(missing, keys, now)
        crosses = self._crosses.missing(plan, now)
        drafts = [one.plan for one in drafted.values()] + self._crosses.drafts(crosses, drafted, existing, now)
        held: list[CeremonyRecord] = []

        def beside(session: Session, rows: Sequence[Issued]) -> None:
            hold_lock(session, "ceremony")
            _refuse_taken(session, missing)
            made = dict(zip((one.name for one in missing), rows, strict=False))
            self._add_all(session, missing, made, existing)
            across = list(zip(crosses, rows[len(missing) :], strict=True))
            for cross, row in across:
                record_cross(session, self._trail, row, cross.authority, cross.issuer, by, now)
            signed_by = {one.parent or one.name for one in missing} | {cross.issuer for cross in crosses}
            certificates = {name: made[name].der if name in made else existing[name].der for name in signed_by}
            keyed = {name: (self._key_of(name, signers), pem_of(der)) for name, der in sorted(certificates.items())}
            record = self._records.add(session, plan.title, _content(plan, missing, made, across), keyed, by, now)
            held.append(record)
            entries = [*(_made(one, made[one.name], by) for one in missing), _held(record), *along(session, record)]
            self._trail.record_all(session, entries, now)

        self._desk.issue([Warrant(draft, by) for draft in drafts], now, beside)
        return held[0]

    def _key_of(self, name: str, signers: Mapping[str, Signer]) -> Signer:
        return signers.get(name) or self._keys.signer(self._hierarchy.issuer(name).key_name)

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

    def _add_all(
        self,
        session: Session,
        plans: Sequence[AuthorityPlan],
        made: Mapping[str, Issued],
        existing: Mapping[str, AuthorityInfo],
    ) -> None:
        filled: set[tuple[str, KeyAlgorithm]] = {
            (info.post, info.algorithm) for info in existing.values() if info.status is AuthorityStatus.ACTIVE
        }
        for plan in plans:
            shards = self._drafts.shards(plan)
            session.add(_authority_row(plan, made[plan.name], shards, status_at_birth(plan, filled)))
            session.add_all(CrlRow(authority=plan.name, shard=shard) for shard in range(shards))
        session.flush()


def _refuse_taken(session: Session, plans: Sequence[AuthorityPlan]) -> None:
    """Two ceremonies at the same time: the one that comes second sees the other's authorities only now."""
    names = [plan.name for plan in plans]
    found = session.execute(select(col(AuthorityRow.name)).where(col(AuthorityRow.name).in_(names))).scalars().all()
    if found:
        raise CeremonyRefused((f"another ceremony made {', '.join(sorted(found))} meanwhile",))


def _authority_row(plan: AuthorityPlan, row: Issued, shards: int, status: AuthorityStatus) -> AuthorityRow:
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
        status=status.value,
    )


def _content(
    plan: CeremonyPlan,
    made_of: Sequence[AuthorityPlan],
    made: Mapping[str, Issued],
    across: Sequence[tuple[CrossPlan, Issued]],
) -> dict[str, object]:
    """What the record says: the file as it was agreed to, and all that was made, with its certificates."""
    return {
        "file": plan.text,
        "file_sha256": hashlib.sha256(plan.text.encode()).hexdigest(),
        "authorities": [_on_record(one, made[one.name]) for one in made_of],
        "cross_certificates": [_cross_on_record(cross, row) for cross, row in across],
    }


def _cross_on_record(cross: CrossPlan, row: Issued) -> dict[str, object]:
    return {"authority": cross.authority, "issuer": cross.issuer, **_certificate_on_record(row)}


def _on_record(plan: AuthorityPlan, row: Issued) -> dict[str, object]:
    return {
        "name": plan.name,
        "kind": plan.kind.value,
        "hierarchy": plan.hierarchy.value,
        "post": plan.post,
        "parent": plan.parent,
        "algorithm": plan.algorithm.value,
        **_certificate_on_record(row),
    }


def _certificate_on_record(row: Issued) -> dict[str, object]:
    return {
        "subject": row.subject,
        "serial": row.serial,
        "not_before": row.not_before.isoformat(),
        "not_after": row.not_after.isoformat(),
        "spki_sha256": row.spki_sha256,
        "certificate_sha256": row.sha256,
        "certificate": pem_of(row.der),
    }


def _made(plan: AuthorityPlan, row: Issued, by: str) -> Entry:
    details = {"serial": row.serial, "subject": row.subject, "hierarchy": plan.hierarchy.value, "post": plan.post}
    details |= {"algorithm": plan.algorithm.value, "parent": plan.parent or ""}
    return Entry(PkiAct.AUTHORITY_MADE, by, "authority", plan.name, details=details)


def _held(record: CeremonyRecord) -> Entry:
    digest = hashlib.sha256(record.statement.encode()).hexdigest()
    details = {"title": record.title, "record_sha256": digest}
    return Entry(PkiAct.CEREMONY_HELD, record.held_by, "ceremony", record.id, details=details)

"""What a ceremony would do, before it does anything: for the person who has to agree."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from pki.ceremony_drafts import Drafted, Drafts, common_name, pem_length, stand_in
from pki.ceremony_plan import AuthorityPlan, CeremonyPlan
from pki.ceremony_records import canonical
from pki.hierarchy import AuthorityInfo, AuthorityStatus
from pki.keys import KeyAlgorithm, KeyFamily
from pki.plans import Plan
from pki.profiles import STATION, profiles_of
from pki.settings import PkiSettings

STATION_POST = "stations"


class Standing(StrEnum):
    """How much of a planned thing is there."""

    EXISTS = "exists"
    KEY_EXISTS = "has a key"  # of a ceremony that was broken off
    MISSING = "is to be made"


@dataclass(frozen=True, slots=True)
class PlannedAuthority:
    """One authority of the plan. `station_chain` counts the characters of a station's chain below it (PEM)."""

    name: str
    standing: Standing
    kind: str
    hierarchy: str
    post: str
    status: AuthorityStatus
    parent: str | None
    algorithm: KeyAlgorithm
    common_name: str
    organisation: str
    not_before: datetime
    not_after: datetime
    path_length: int | None
    station_chain: int | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedCross:
    """One cross-certificate of the plan."""

    authority: str
    issuer: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class CeremonyPreview:
    """The whole ceremony as it would be held now. `agreement` names exactly this: what changes it changes it."""

    title: str
    authorities: tuple[PlannedAuthority, ...]
    crosses: tuple[PlannedCross, ...]
    agreement: str

    @property
    def has_work(self) -> bool:
        """Whether anything would be made."""
        standings = [one.standing for one in self.authorities] + [one.standing for one in self.crosses]
        return any(standing is not Standing.EXISTS for standing in standings)


class Previews:
    """Draws previews.

    `chain_of` counts the characters that an existing authority and those above it, without the root, add to a chain;
    `holds` tells whether there is a key of a name.
    """

    def __init__(
        self, settings: PkiSettings, drafts: Drafts, chain_of: Callable[[str], int], holds: Callable[[str], bool]
    ) -> None:
        self._settings = settings
        self._drafts = drafts
        self._chain_of = chain_of
        self._holds = holds

    def of(
        self,
        plan: CeremonyPlan,
        existing: Mapping[str, AuthorityInfo],
        crosses: tuple[PlannedCross, ...],
        now: datetime,
    ) -> tuple[CeremonyPreview, tuple[str, ...]]:
        """The preview, and what of its sizes stands against it. Raises IssuerEndsTooSoon."""
        missing = [one for one in plan.authorities if one.name not in existing]
        keys = {one.name: stand_in(one.algorithm) for one in missing}
        drafts = self._drafts.of(missing, keys, now)
        filled = {(info.post, info.algorithm) for info in existing.values() if info.status is AuthorityStatus.ACTIVE}
        planned = tuple(
            self._existing(one, existing[one.name])
            if one.name in existing
            else self._new(one, plan, drafts, status_at_birth(one, filled), now)
            for one in plan.authorities
        )
        limit = profiles_of(self._settings)[STATION].chain_limit or 0
        findings = tuple(_too_long(one, limit) for one in planned if (one.station_chain or 0) > limit)
        return CeremonyPreview(plan.title, planned, crosses, _agreement(plan, planned, crosses)), findings

    def _existing(self, plan: AuthorityPlan, info: AuthorityInfo) -> PlannedAuthority:
        return PlannedAuthority(
            name=plan.name,
            standing=Standing.EXISTS,
            kind=info.kind.value,
            hierarchy=info.hierarchy.value,
            post=info.post,
            status=info.status,
            parent=info.parent,
            algorithm=info.algorithm,
            common_name=_common_name_in(info.subject),
            organisation=self._drafts.organisation(plan),
            not_before=info.not_before,
            not_after=info.not_after,
            path_length=plan.path_length,
            station_chain=None,
        )

    def _new(
        self,
        plan: AuthorityPlan,
        whole: CeremonyPlan,
        drafts: Mapping[str, Drafted],
        status: AuthorityStatus,
        now: datetime,
    ) -> PlannedAuthority:
        draft = drafts[plan.name].plan
        return PlannedAuthority(
            name=plan.name,
            standing=Standing.KEY_EXISTS if self._holds(plan.name) else Standing.MISSING,
            kind=plan.kind.value,
            hierarchy=plan.hierarchy.value,
            post=plan.post,
            status=status,
            parent=plan.parent,
            algorithm=plan.algorithm,
            common_name=plan.common_name or common_name(plan, draft.public_key)[:-8] + "…",
            organisation=draft.organisation,
            not_before=draft.not_before,
            not_after=draft.not_after,
            path_length=draft.profile.path_length,
            station_chain=self._chain(plan, whole, drafts, now) if plan.post == STATION_POST else None,
            remarks=tuple(_remarks(plan, draft, status)),
        )

    def _chain(self, plan: AuthorityPlan, whole: CeremonyPlan, drafts: Mapping[str, Drafted], now: datetime) -> int:
        parents = {one.name: one.parent for one in whole.authorities}
        above, at = 0, plan.parent
        while at is not None and at in drafts:
            above += pem_length(drafts[at].plan) if parents[at] is not None else 0  # no station is sent the root
            at = parents[at]
        above += self._chain_of(at) if at is not None else 0
        return self._drafts.station_chain(drafts[plan.name], above, now)


def status_at_birth(plan: AuthorityPlan, filled: set[tuple[str, KeyAlgorithm]]) -> AuthorityStatus:
    """Active, unless the post is filled with this kind of key already: then a roll-over activates it."""
    taken = bool(plan.post) and (plan.post, plan.algorithm) in filled
    return AuthorityStatus.PREPARED if taken else AuthorityStatus.ACTIVE


def _remarks(plan: AuthorityPlan, draft: Plan, status: AuthorityStatus) -> list[str]:
    remarks = []
    if status is AuthorityStatus.PREPARED:
        remarks.append(f"the post {plan.post!r} is filled; it issues nothing before a roll-over")
    if plan.parent is not None and _strength(plan.algorithm) > _strength(draft.issuer.algorithm):
        remarks.append(f"its key is stronger than its parent's ({draft.issuer.algorithm})")
    return remarks


def _strength(algorithm: KeyAlgorithm) -> int:
    order = {KeyFamily.EC: (KeyAlgorithm.EC_P256, KeyAlgorithm.EC_P384), KeyFamily.RSA: tuple(KeyAlgorithm)[2:]}
    return order[algorithm.family].index(algorithm)


def _too_long(one: PlannedAuthority, limit: int) -> str:
    shown = f"{one.station_chain} characters, more than the {limit} that stations must take (OCPP A02)"
    return f'[[issuing]] "{one.name}", algorithm: a station\'s chain would have {shown}'


def _common_name_in(subject: str) -> str:
    return next((part[3:] for part in subject.split(",") if part.startswith("CN=")), subject)


def _agreement(plan: CeremonyPlan, planned: tuple[PlannedAuthority, ...], crosses: tuple[PlannedCross, ...]) -> str:
    """Over the file and over what is there of it, and not over the hour at which somebody looks."""
    state = [[one.name, one.standing, one.status] for one in planned]
    content = {"text": plan.text, "state": state, "crosses": [asdict(one) for one in crosses]}
    return hashlib.sha256(canonical(content).encode()).hexdigest()

"""Cross-certificates in a ceremony: which are there, what stands against the others, and their drafts."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from pki.ceremony_drafts import Drafted, Drafts
from pki.ceremony_plan import AuthorityPlan, CeremonyPlan, CrossPlan
from pki.ceremony_preview import PlannedCross, Standing
from pki.certificates import CertificateState
from pki.cross_certificates import Certified, CrossCertificates, certified, check_pair, cross_plan, path_length_of
from pki.errors import CrossRefused
from pki.hierarchy import AuthorityInfo
from pki.plans import Issuer, Plan
from pki.settings import PkiSettings


class CeremonyCrosses:
    """The cross-certificates of a plan. `issuer` finds an existing authority by its name."""

    def __init__(
        self, settings: PkiSettings, crosses: CrossCertificates, issuer: Callable[[str], Issuer], drafts: Drafts
    ) -> None:
        self._settings = settings
        self._crosses = crosses
        self._issuer = issuer
        self._drafts = drafts

    def standing(self, plan: CeremonyPlan, now: datetime) -> tuple[PlannedCross, ...]:
        """Each with whether it is there."""
        there = {(one.authority, one.issuer) for one in self._crosses.all(now) if one.state is CertificateState.GOOD}
        return tuple(
            PlannedCross(
                one.authority,
                one.issuer,
                Standing.EXISTS if (one.authority, one.issuer) in there else Standing.MISSING,
            )
            for one in plan.crosses
        )

    def missing(self, plan: CeremonyPlan, now: datetime) -> list[CrossPlan]:
        """What is to be made, in the order of the plan."""
        standing = zip(plan.crosses, self.standing(plan, now), strict=True)
        return [one for one, shown in standing if shown.standing is not Standing.EXISTS]

    def findings(self, plan: CeremonyPlan, existing: Mapping[str, AuthorityInfo], now: datetime) -> Iterator[str]:
        """What stands against those that are to be made."""
        planned = {one.name: one for one in plan.authorities if one.name not in existing}
        for one in self.missing(plan, now):
            try:
                self._check(one, planned, existing)
            except CrossRefused as refusal:
                yield f"{one.place}: {refusal.sentence}"

    def drafts(
        self,
        crosses: Sequence[CrossPlan],
        drafted: Mapping[str, Drafted],
        existing: Mapping[str, AuthorityInfo],
        now: datetime,
    ) -> list[Plan]:
        """The certificates to be made; `drafted` are the authorities of the same ceremony. Raises CrossRefused."""
        plans = []
        for one in crosses:
            subject = (
                _about_to_be(drafted[one.authority])
                if one.authority in drafted
                else certified(existing[one.authority], self._issuer(one.authority))
            )
            issuer = drafted[one.issuer].own if one.issuer in drafted else self._issuer(one.issuer)
            plans.append(cross_plan(subject, issuer, self._settings, now, one.validity))
        return plans

    def _check(
        self, cross: CrossPlan, planned: Mapping[str, AuthorityPlan], existing: Mapping[str, AuthorityInfo]
    ) -> None:
        """Of two of which one does not exist yet, what exists stands in for the other."""
        subject, issuer = existing.get(cross.authority), existing.get(cross.issuer)
        path_length = path_length_of(issuer.der) if issuer else self._path_length(planned[cross.issuer])
        known = subject or issuer
        if known is None:
            _check_parent(planned[cross.authority], cross)
            return
        subject = subject or _standing_in(planned[cross.authority], known)
        issuer = issuer or _standing_in(planned[cross.issuer], known)
        check_pair(subject, issuer, path_length)

    def _path_length(self, plan: AuthorityPlan) -> int | None:
        return self._drafts.profile(plan).path_length


def _check_parent(subject: AuthorityPlan, cross: CrossPlan) -> None:
    if subject.parent == cross.issuer:
        raise CrossRefused(f"{cross.issuer!r} is the parent of {subject.name!r} and certifies it anyway")


def _standing_in(plan: AuthorityPlan, info: AuthorityInfo) -> AuthorityInfo:
    return dataclasses.replace(info, name=plan.name, parent=plan.parent, hierarchy=plan.hierarchy)


def _about_to_be(drafted: Drafted) -> Certified:
    plan = drafted.plan
    return Certified(drafted.own.name, drafted.own, plan.organisation, plan.common_name, plan.profile.path_length)

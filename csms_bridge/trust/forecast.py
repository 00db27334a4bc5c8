"""Who would lose us by a planned change: counted, and station by station."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from csms_bridge.errors import ChangeRefused
from csms_bridge.trust.connecting import Change, ChangeKind, Outcome, Verdict, verdict
from csms_bridge.trust.facts import Fact, Facts
from csms_bridge.trust.odd_kinds import QuirksOfKind, odd_kinds, usual_kind
from csms_bridge.trust.query import Asked, Marked, count, page
from csms_bridge.trust.trust_map import TrustMap
from pki.authority import Authority
from pki.clock import Clock
from pki.errors import PkiError
from pki.hierarchy import AuthorityInfo, AuthorityKind, AuthorityStatus, HierarchyName
from pki.keys import KeyFamily
from pki.store import Store

PORTION = 1000
"""Stations that are read at once for a list of all."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody plans: `root` goes, or chains will end in it; `authority` issues. Without a day it is now."""

    kind: ChangeKind
    at: datetime | None = None
    root: str = ""
    authority: str = ""
    profile: int = 0


@dataclass(frozen=True, slots=True)
class Foreseen:
    """How many stations come out how, and for which reason: the most frequent first."""

    at: datetime
    counts: Mapping[Outcome, int]
    reasons: tuple[tuple[Verdict, int], ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One station and what becomes of it."""

    station: str
    verdict: Verdict
    vendor: str
    model: str
    site: str
    profile: int | None
    online: bool
    last_seen: datetime | None


class WillItConnect:
    """Reads only."""

    def __init__(
        self, store: Store, authority: Authority, trust: TrustMap, clock: Clock, quirks_of: QuirksOfKind = usual_kind
    ) -> None:
        self._quirks_of = quirks_of
        self._store = store
        self._authority = authority
        self._trust = trust
        self._clock = clock

    def foresee(self, question: Question) -> Foreseen:
        """In numbers. Raises ChangeRefused, UnknownRoot, UnknownAuthority."""
        change, asked = self._read(question)
        with self._store.reading() as session:
            return summed(change, count(session, asked))

    def stations(self, question: Question, outcome: Outcome, after: str | None, limit: int) -> list[Judged]:
        """The stations that come out so, by name. Raises ChangeRefused, UnknownRoot, UnknownAuthority."""
        change, asked = self._read(question)
        return self.judged(change, asked, {outcome}, after or "", limit)

    def every(self, question: Question) -> Iterator[Judged]:
        """All stations, by name, a portion at a time."""
        change, asked = self._read(question)
        after = ""
        while found := self.judged(change, asked, set(Outcome), after, PORTION):
            yield from found
            after = found[-1].station

    def judged(
        self, change: Change, asked: Asked, outcomes: set[Outcome], after: str, limit: int, *,
        with_excluded: bool = True,
    ) -> list[Judged]:  # fmt: skip
        """For whoever has a change already."""
        with self._store.reading() as session:
            wanted = [
                facts
                for facts in count(session, asked)
                if verdict(change, facts).outcome in outcomes and (with_excluded or Fact.EXCLUDED not in facts.station)
            ]
            return [_judged(change, one) for one in page(session, asked, wanted, after, limit)] if wanted else []

    def asked(self, change: Change, plan: str = "") -> Asked:
        """What the database is asked about a change. Raises UnknownRoot."""
        roots = (change.first_root or change.issuer_root, change.second_root)
        with self._store.reading() as session:
            odd = odd_kinds(session, self._quirks_of)
        return Asked(
            roots=tuple(self._trust.asked(root) if root else None for root in roots),
            floor=change.floor,
            ends_before=change.at,
            leaving=change.leaving or change.replaced,
            plan=plan,
            chain=change.chain,
            odd=odd,
        )

    # --- from a question to the effects of the change

    def _read(self, question: Question) -> tuple[Change, Asked]:
        now = self._clock()
        if question.at is not None and question.at < now:
            raise ChangeRefused("date", "it is over: name a day to come")
        change = self._change(question, question.at or now)
        return change, self.asked(change)

    def _change(self, question: Question, at: datetime) -> Change:
        kind = question.kind
        match kind:
            case ChangeKind.ROOT_GONE:
                return self._without_root(self._root(question), at)
            case ChangeKind.SERVER_CHAIN:
                root = self._root(question)
                first = root.algorithm.family is KeyFamily.EC
                return Change(kind, at, root.name if first else None, None if first else root.name)
            case ChangeKind.CLIENT_CA_RETIRED:
                return Change(kind, at, leaving=with_those_below(self._authority, self._issuer(question).name))
            case ChangeKind.ISSUER_CHANGED:
                return self._issued_by(self._issuer(question), at)
            case ChangeKind.PROFILE_FLOOR:
                if not 1 <= question.profile <= 3:
                    raise ChangeRefused("profile", "say which profile would be the lowest: 1, 2 or 3")
                return Change(kind, at, floor=question.profile)
            case ChangeKind.TLS_HARDENED:
                return Change(kind, at, hardened=True)
            case ChangeKind.RSA_SERVER_DROPPED:
                return Change(kind, at, ecdsa_only=True)
        return Change(kind, at)

    def _without_root(self, root: AuthorityInfo, at: datetime) -> Change:
        """The chains of our servers that end in it, and the authorities below it, are gone."""
        if root.hierarchy is not HierarchyName.OPERATOR:
            return Change(ChangeKind.ROOT_GONE, at)
        first, second = (self._left(family, root.name) for family in (KeyFamily.EC, KeyFamily.RSA))
        return Change(ChangeKind.ROOT_GONE, at, first, second, leaving=with_those_below(self._authority, root.name))

    def _issued_by(self, issuer: AuthorityInfo, at: datetime) -> Change:
        """Another authority issues: stations have to trust what is above it, and to take a chain that is so long."""
        same = [info for info in self._authority.authorities() if (info.kind, info.post) == (issuer.kind, issuer.post)]
        if issuer.kind is not AuthorityKind.ISSUING or issuer.post != self._authority.chains.post:
            raise ChangeRefused("authority", f"{issuer.name!r} issues no certificates for stations")
        if issuer.status is AuthorityStatus.RETIRED:
            raise ChangeRefused("authority", f"{issuer.name!r} is retired: what it issues is refused")
        if at >= issuer.not_after:
            raise ChangeRefused("authority", f"{issuer.name!r} itself ends on {issuer.not_after:%Y-%m-%d}")
        others = [info.name for info in same if info.algorithm.family is issuer.algorithm.family]
        return Change(
            ChangeKind.ISSUER_CHANGED, at, issuer=issuer.name,
            issuer_root=self._authority.chains.above(issuer.name).root,
            replaced=tuple(name for name in others if name != issuer.name),
            chain=self._authority.chains.usual_length(issuer.name),
        )  # fmt: skip

    def _left(self, family: KeyFamily, root: str) -> str | None:
        """In which other root the chain of this family ends: none (empty), or None when it never ended in `root`."""
        try:
            roots = self._authority.roots_of_servers(family)
        except PkiError:  # we have no server certificate of that kind
            return None
        return next(iter(sorted(roots - {root})), "") if root in roots else None

    def _root(self, question: Question) -> AuthorityInfo:
        if not question.root:
            raise ChangeRefused("root", "say which root: voltward ca roots lists them")
        info = self._authority.authority(question.root)
        if info.kind is not AuthorityKind.ROOT:
            raise ChangeRefused("root", f"{question.root!r} is no root")
        return info

    def _issuer(self, question: Question) -> AuthorityInfo:
        if not question.authority:
            raise ChangeRefused("authority", "say which authority: voltward ca list lists them")
        return self._authority.authority(question.authority)


def with_those_below(authority: Authority, top: str) -> tuple[str, ...]:
    """An authority and all that stand below it."""
    every, names = authority.authorities(), [top]
    for name in names:  # it grows while it is walked
        names += [info.name for info in every if info.parent == name and info.name not in names]
    return tuple(names)


def summed(change: Change, facts: Mapping[Facts, int]) -> Foreseen:
    """Patterns and how many have them, as outcomes and reasons. Pure."""
    outcomes, reasons = dict.fromkeys(Outcome, 0), dict[Verdict, int]()
    for pattern, number in facts.items():
        found = verdict(change, pattern)
        outcomes[found.outcome] += number
        reasons[found] = reasons.get(found, 0) + number
    return Foreseen(change.at, outcomes, tuple(sorted(reasons.items(), key=lambda one: -one[1])))


def _judged(change: Change, marked: Marked) -> Judged:
    return Judged(
        marked.station, verdict(change, marked.facts), marked.vendor, marked.model, marked.site, marked.profile,
        marked.online, marked.last_seen,
    )  # fmt: skip

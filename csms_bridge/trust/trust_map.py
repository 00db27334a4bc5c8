"""The trust map: every root against every state, counted; and the stations of a field, by page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from csms_bridge.errors import UnknownRoot, UnknownStation
from csms_bridge.station_certificates import CertificateKind
from csms_bridge.station_roots.entries import KnownAs
from csms_bridge.trust.facts import Facts
from csms_bridge.trust.query import Asked, Marked, RootAsked, count, one, page
from csms_bridge.trust.states import TrustState, none_of_each, state_of, why
from pki.anchor_use import AnchorUse
from pki.authority import Authority
from pki.certificates import CertificateState
from pki.hierarchy import AuthorityKind, AuthorityStatus, HierarchyName
from pki.store import Store

_GONE = (AuthorityStatus.PENDING, AuthorityStatus.RETIRED)


@dataclass(frozen=True, slots=True)
class MappedRoot:
    """A root, and how many stations are in which state with it. `whose`: operator, manufacturer, or a maker's name."""

    name: str
    whose: str
    kind: CertificateKind
    not_after: datetime
    counts: Mapping[TrustState, int]


@dataclass(frozen=True, slots=True)
class Trusting:
    """A station and a root: the state, and why we say so."""

    station: str
    root: str
    state: TrustState
    why: str
    vendor: str = ""
    model: str = ""
    site: str = ""
    profile: int | None = None
    online: bool = False
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    asked: RootAsked
    whose: str
    not_after: datetime


class TrustMap:
    """Reads only."""

    def __init__(self, store: Store, authority: Authority) -> None:
        self._store = store
        self._authority = authority

    def roots(self) -> list[MappedRoot]:
        """Ours first, then makers'."""
        known = self._known()
        with self._store.reading() as session:
            counted = [count(session, Asked((one.asked,))) for one in known]
        return [_mapped(one, facts) for one, facts in zip(known, counted, strict=True)]

    def counts(self, root: str) -> Mapping[TrustState, int]:
        """How many stations are in which state with this root. Raises UnknownRoot."""
        known = self._find(root)
        with self._store.reading() as session:
            return _mapped(known, count(session, Asked((known.asked,)))).counts

    def stations(self, root: str, state: TrustState, after: str | None = None, limit: int = 100) -> list[Trusting]:
        """The stations that are in this state with the root, by name. Raises UnknownRoot."""
        asked = Asked((self._find(root).asked,))
        with self._store.reading() as session:
            wanted = [facts for facts in count(session, asked) if state_of(facts.first) is state]
            found = page(session, asked, wanted, after or "", limit)
        return [_trusting(root, marked) for marked in found]

    def of_station(self, station: str) -> list[Trusting]:
        """What may be said of this station and each root. Raises UnknownStation."""
        found = []
        with self._store.reading() as session:
            for known in self._known():
                facts = one(session, Asked((known.asked,)), station)
                if facts is None:
                    raise UnknownStation(station)
                found.append(Trusting(station, known.asked.name, state_of(facts.first), why(facts.first)))
        return found

    def asked(self, root: str) -> RootAsked:
        """The root as the database knows it, with who has certified it across. Raises UnknownRoot."""
        crosses = self._authority.cross_certificates()
        signers = {one.issuer for one in crosses if one.authority == root and one.state is CertificateState.GOOD}
        return replace(self._find(root).asked, signed_by=tuple(sorted(signers)))

    def _find(self, root: str) -> _Known:
        for known in self._known():
            if known.asked.name == root:
                return known
        raise UnknownRoot(root)

    def _known(self) -> list[_Known]:
        roots = [info for info in self._authority.authorities() if info.kind is AuthorityKind.ROOT]
        ours = [
            _Known(
                RootAsked(info.name, _kind(info.hierarchy), family=info.algorithm.family),
                info.hierarchy.value,
                info.not_after,
            )
            for info in sorted(roots, key=lambda info: info.hierarchy is not HierarchyName.OPERATOR)
            if info.status not in _GONE
        ]
        makers = [
            _Known(
                RootAsked(one.name, CertificateKind.MANUFACTURER, (KnownAs.ANCHOR.value,), one.vendor),
                one.vendor,
                one.not_after,
            )
            for one in self._authority.anchors.all(AnchorUse.FIRST_CONTACT)
        ]
        return ours + makers


def _kind(hierarchy: HierarchyName) -> CertificateKind:
    return CertificateKind.CSMS if hierarchy is HierarchyName.OPERATOR else CertificateKind.MANUFACTURER


def _mapped(known: _Known, facts: Mapping[Facts, int]) -> MappedRoot:
    counts = dict(none_of_each())
    for pattern, number in facts.items():
        counts[state_of(pattern.first)] += number
    return MappedRoot(known.asked.name, known.whose, known.asked.kind, known.not_after, counts)


def _trusting(root: str, marked: Marked) -> Trusting:
    held = marked.facts.first
    return Trusting(
        marked.station, root, state_of(held), why(held), marked.vendor, marked.model, marked.site, marked.profile,
        marked.online, marked.last_seen,
    )  # fmt: skip

"""Our own side of a walk: the roots above our servers, and how long a station's chain would be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from csms_bridge.quirks.quirks import Chain, Quirks
from csms_bridge.readiness.facts import Ours
from pki.authority import Authority
from pki.chain_choices import leaf_length
from pki.errors import PkiError
from pki.hierarchy import AuthorityInfo
from pki.keys import KeyFamily


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority that issues for stations: characters of the leaf, of what stands above it, and of the root."""

    family: KeyFamily
    leaf: int
    above: int
    root: int

    def length(self, chain: Chain) -> int:
        """The chain in CertificateSigned, in this form."""
        return self.leaf + (0 if chain is Chain.LEAF else self.above) + (self.root if chain is Chain.ROOT else 0)


class OurSide:
    """As it is at this moment, read once for a lot of stations."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._infos = {info.name: info for info in authority.authorities()}
        self._servers = dict(_servers(authority))
        self._plain = self._issuers("")
        roots = [self._infos[name] for names in self._servers.values() for name in names]
        self._from, self._until = _valid(roots)

    @property
    def roots(self) -> frozenset[str]:
        """All that stand above our servers."""
        return frozenset().union(*self._servers.values())

    def family_of(self, authority: str) -> KeyFamily | None:
        """The kind of keys that this one certifies."""
        info = self._infos.get(authority)
        return None if info is None else info.algorithm.family

    def towards(self, station: str, quirks: Quirks, *, has_wish: bool) -> Ours:
        """What this station meets; `has_wish`: somebody has chosen the root that its chain ends in."""
        issuers = self._issuers(station) if has_wish else self._plain
        chains: dict[KeyFamily, int] = {}
        for one in issuers:
            length = one.length(quirks.chain)
            chains[one.family] = min(chains.get(one.family, length), length)
        return Ours(self._servers, chains, self._from, self._until)

    def _issuers(self, station: str) -> list[Issuer]:
        found = []
        for way in self._authority.chains.ways(station):
            info, root = self._infos[way.authority], self._infos.get(way.root)
            top = len(root.certificate_pem) if root is not None else 0
            found.append(Issuer(info.algorithm.family, leaf_length(info.algorithm), way.length, top))
        return found


def _servers(authority: Authority) -> Mapping[KeyFamily, frozenset[str]]:
    found = {}
    for family in KeyFamily:
        try:
            found[family] = authority.roots_of_servers(family)
        except PkiError:  # we have no server certificate of that kind
            continue
    return found


def _valid(roots: list[AuthorityInfo]) -> tuple[datetime, datetime]:
    """When all of them are valid; always, where there is none."""
    begin = max((info.not_before for info in roots), default=datetime.min.replace(tzinfo=UTC))
    return begin, min((info.not_after for info in roots), default=datetime.max.replace(tzinfo=UTC))

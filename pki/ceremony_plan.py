"""What a ceremony is to make, as values: roots, issuing authorities, cross-certificates. Nothing is done here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from pki.hierarchy import AuthorityKind, HierarchyName
from pki.keys import KeyAlgorithm

# Profiles name these posts. Firmware signers stand directly under the manufacturer's root (L01), so it has a post.
ISSUING_POSTS = ("stations", "csms")
ROOT_POSTS = {HierarchyName.OPERATOR: "root", HierarchyName.MANUFACTURER: "manufacturer"}
_TITLES = {"stations": "Station Authority", "csms": "CSMS Authority", "": "Authority"}


@dataclass(frozen=True, slots=True)
class AuthorityPlan:
    """One authority to be made. `parent` is None for a root; else it exists already or stands earlier in the plan.

    None means: the common name is made from the title and the key, the organisation, the validity (backdating
    included) and the number of CRL shards are the installation's.
    """

    name: str
    kind: AuthorityKind
    hierarchy: HierarchyName
    post: str  # empty for an authority that only certifies authorities
    algorithm: KeyAlgorithm
    parent: str | None = None
    common_name: str | None = None
    organisation: str | None = None
    validity: timedelta | None = None
    path_length: int | None = None
    crl_shards: int | None = None

    @property
    def place(self) -> str:
        """Where it stands in the file."""
        return f'[[{self.kind.value}]] "{self.name}"'

    @property
    def title(self) -> str:
        """What a common name begins with when the plan does not give one."""
        if self.kind is AuthorityKind.ROOT:
            return f"{self.hierarchy.value.title()} Root"
        return _TITLES[self.post]

    @property
    def purpose(self) -> str:
        """In one word, for people."""
        return "trust" if self.kind is AuthorityKind.ROOT else self.post or "authorities"


@dataclass(frozen=True, slots=True)
class CrossPlan:
    """A cross-certificate: the key of `authority`, certified by `issuer`, which is not its parent (RFC 5280 §3.2)."""

    authority: str
    issuer: str
    validity: timedelta | None = None

    @property
    def place(self) -> str:
        """Where it stands in the file."""
        return f'[[cross]] "{self.authority}" by "{self.issuer}"'


@dataclass(frozen=True, slots=True)
class CeremonyPlan:
    """A whole ceremony. Parents stand before their children; `text` is the file as it was read."""

    title: str
    authorities: tuple[AuthorityPlan, ...]
    crosses: tuple[CrossPlan, ...] = ()
    public_url: str | None = None
    text: str = ""

    def lineage(self, name: str) -> Iterator[AuthorityPlan]:
        """An authority of this plan and those above it, as far as they are in this plan."""
        by_name = {plan.name: plan for plan in self.authorities}
        at: str | None = name
        while at is not None and at in by_name:
            yield by_name[at]
            at = by_name[at].parent

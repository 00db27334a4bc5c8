"""Whether an authority's key is there and is its key: it signs a revocation list that nobody will ever see."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pki.crl_encoding import Entries, ListHead, build_crl
from pki.errors import PkiError
from pki.hierarchy import AuthorityKind, Hierarchy
from pki.vault import Vault


@dataclass(frozen=True, slots=True)
class KeyProof:
    """What came of it; `fault` is None when the key proved itself."""

    authority: str
    fault: str | None


def prove_keys(hierarchy: Hierarchy, keys: Vault, now: datetime) -> list[KeyProof]:
    """One proof for each root and issuing authority whose key lies in `keys`; the others are left out."""
    proofs = []
    for info in hierarchy.all():
        if info.kind is AuthorityKind.SIGNER:
            continue
        issuer = hierarchy.issuer(info.name)
        if keys.holds(issuer.key_name):
            head = ListHead(1, now.replace(microsecond=0), now.replace(microsecond=0) + timedelta(minutes=1), None)
            try:
                build_crl(issuer, keys.signer(issuer.key_name), head, Entries())
            except PkiError as fault:
                proofs.append(KeyProof(info.name, fault.sentence))
            else:
                proofs.append(KeyProof(info.name, None))
    return proofs

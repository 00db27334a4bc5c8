"""Where the authorities' keys are, and whether they can sign now."""

from collections.abc import Callable
from dataclasses import dataclass

from pki.errors import PkiError, VaultUnavailable
from pki.hierarchy import AuthorityInfo, AuthorityKind, Custody, Hierarchy
from pki.keys import KeyAlgorithm, Signer, spki_sha256


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """One authority's key. `why` says what is in the way when it cannot sign, and is empty otherwise."""

    authority: str
    key: str
    algorithm: KeyAlgorithm
    where: str
    can_sign: bool
    why: str


def key_places(hierarchy: Hierarchy, where: Callable[[str], str], check: Callable[[str], Signer]) -> list[KeyPlace]:
    """One for each root and issuing authority. `check` makes a test signature.

    A place that is away is asked once, not once for each key: each time-out would be waited for.
    """
    places: list[KeyPlace] = []
    away: VaultUnavailable | None = None
    for info in hierarchy.all():
        if info.kind is AuthorityKind.SIGNER:
            continue
        if info.custody is Custody.ELSEWHERE or not info.der:
            places.append(KeyPlace(info.name, "", info.algorithm, "elsewhere", False, "its key is on another machine"))
            continue
        key = hierarchy.issuer(info.name).key_name
        why = away.sentence if away is not None else ""
        if away is None:
            try:
                why = _another_key(info, hierarchy, check(key))
            except VaultUnavailable as fault:
                away, why = fault, fault.sentence
            except PkiError as fault:
                why = fault.sentence
        places.append(KeyPlace(info.name, key, info.algorithm, where(key), not why, why))
    return places


def _another_key(info: AuthorityInfo, hierarchy: Hierarchy, signer: Signer) -> str:
    same = spki_sha256(signer.public_key) == spki_sha256(hierarchy.issuer(info.name).public_key)
    return "" if same else "the key of this name is not the one in the authority's certificate"

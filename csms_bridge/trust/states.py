"""From what is known to what that is worth: does the station trust this root? Pure."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from csms_bridge.trust.facts import RootFact


class TrustState(StrEnum):
    """What we may say of a station and a root."""

    CONFIRMED = "confirmed"
    """It accepted and lists it, or connected while our server showed a chain under this root only."""
    REPORTED = "reported"
    """It lists it, and nobody here has installed it."""
    BELIEVED = "believed"
    """It accepted it and has not listed it, its maker puts it in, or it connected under a chain that may end there."""
    UNKNOWN = "unknown"
    MISSING = "missing"
    """It has listed its roots, and this one is not among them."""
    REFUSED = "refused"
    """It refused to take it."""


HOLDS = frozenset({TrustState.CONFIRMED, TrustState.REPORTED})
LACKS = frozenset({TrustState.MISSING, TrustState.REFUSED})

_Row = tuple[TrustState, Callable[[RootFact], bool], str]


def _has(*bits: RootFact) -> Callable[[RootFact], bool]:
    return lambda facts: all(bit in facts for bit in bits)


def _is_missing(facts: RootFact) -> bool:
    """One that was accepted in the form of a cross-certificate may be there, and unlisted (reference §8.4.24)."""
    return RootFact.LISTED_SINCE in facts and not (RootFact.ACCEPTED in facts and RootFact.ACROSS in facts)


# The first row that fits counts. A connection is proof; an answer is not; an old refusal is outweighed by a list.
RULES: tuple[_Row, ...] = (
    (TrustState.CONFIRMED, _has(RootFact.SEEN_ALONE), "it connected while our server showed this root only"),
    (TrustState.CONFIRMED, _has(RootFact.LISTED, RootFact.ACCEPTED), "it accepted it and lists it"),
    (TrustState.REPORTED, _has(RootFact.LISTED), "it lists it"),
    (TrustState.REFUSED, _has(RootFact.REFUSED), "it refused to take it"),
    (TrustState.MISSING, _is_missing, "it has listed its roots, and this one is not among them"),
    (TrustState.BELIEVED, _has(RootFact.ACCEPTED), "it accepted it and has not listed it"),
    (TrustState.BELIEVED, _has(RootFact.SEEN_AMONG), "it connected under a chain that ends there, or elsewhere"),
    (TrustState.BELIEVED, _has(RootFact.PRESET), "its maker puts it in at the factory"),
)
UNHEARD = "it has never listed its roots, and has accepted nothing"


def state_of(facts: RootFact) -> TrustState:
    """What we may say."""
    return next((state for state, fits, _ in RULES if fits(facts)), TrustState.UNKNOWN)


def why(facts: RootFact) -> str:
    """The same as a sentence."""
    return next((sentence for _, fits, sentence in RULES if fits(facts)), UNHEARD)


def none_of_each() -> Mapping[TrustState, int]:
    """Counts to begin with."""
    return dict.fromkeys(TrustState, 0)

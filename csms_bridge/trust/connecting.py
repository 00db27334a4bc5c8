"""Will it still connect? A planned change and what is known of a station in, the outcome and its reason out. Pure.

A station *loses* us when what is known proves it, is *safe* when what is known proves that, and otherwise we *cannot
tell*: a guess is worth nothing to somebody who would have to drive there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from csms_bridge.trust.facts import Fact, Facts, RootFact, shown_rsa_certificate
from csms_bridge.trust.states import HOLDS, LACKS, TrustState, state_of


class Outcome(StrEnum):
    """What becomes of a station."""

    LOSES = "loses"
    UNSURE = "unsure"
    SAFE = "safe"


class ChangeKind(StrEnum):
    """What is planned."""

    ROOT_GONE = "root-gone"
    """A root ends, or is trusted no more."""
    SERVER_CHAIN = "server-chain"
    """Our server's chain ends in another root alone."""
    ISSUER_CHANGED = "issuer-changed"
    """Another authority issues stations' certificates; what the old one issued still counts until it ends."""
    TLS_HARDENED = "tls-hardened"
    """Suites without forward secrecy are offered no more."""
    RSA_SERVER_DROPPED = "rsa-server-dropped"
    """Our server shows its ECDSA certificate alone."""
    PROFILE_FLOOR = "profile-floor"
    """Nothing below a security profile is let in."""
    CLIENT_CA_RETIRED = "client-ca-retired"
    """What an authority issued for stations is refused."""
    NOTHING = "nothing"
    """Only time goes by."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change as its effects; `at` is when.

    `first_root` and `second_root`: the roots in which the chains of our ECDSA and of our RSA certificate end after
    it; None where they stay as they are, empty where there would be none. `leaving` names authorities whose
    certificates are refused from then on, `floor` the lowest profile that is let in. `issuer` is the authority that
    issues stations' certificates from then on instead of the `replaced` ones, in chains of about `chain` characters
    that end in `issuer_root`, which the first root's facts are about then.
    """

    kind: ChangeKind
    at: datetime
    first_root: str | None = None
    second_root: str | None = None
    leaving: tuple[str, ...] = ()
    floor: int = 0
    hardened: bool = False
    ecdsa_only: bool = False
    issuer: str = ""
    issuer_root: str = ""
    replaced: tuple[str, ...] = ()
    chain: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a station, and why."""

    outcome: Outcome
    why: str


_Rule = Callable[[Change, Facts], Verdict | None]

SAFE = Verdict(Outcome.SAFE, "nothing that it depends on changes")
NEVER_SEEN = Verdict(Outcome.UNSURE, "it has never connected")


def verdict(change: Change, facts: Facts) -> Verdict:
    """The worst of what the rules say; SAFE when none objects."""
    if Fact.SEEN not in facts.station:
        return NEVER_SEEN
    found = [one for rule in RULES if (one := rule(change, facts)) is not None]
    for outcome in (Outcome.LOSES, Outcome.UNSURE):
        for one in found:
            if one.outcome is outcome:
                return one
    return SAFE


def server_root(change: Change, facts: Facts) -> Verdict | None:
    """It must trust the root above the certificate that it is shown (2.0.1 A00.FR.313; 1.6 ed. 3 A00.FR.310)."""
    is_rsa = shown_rsa_certificate(facts.station)
    root, held = (change.second_root, facts.second) if is_rsa else (change.first_root, facts.first)
    if root is None or Fact.TLS not in facts.station:
        return None
    if Fact.EDGE in facts.station:
        return Verdict(Outcome.UNSURE, "an edge ends its TLS: what it is shown there is not known here")
    if not root:
        spelt = "RSA" if is_rsa else "ECDSA"
        return Verdict(Outcome.LOSES, f"no root would be left above our {spelt} server certificate")
    return _by_state(root, held)


def _by_state(root: str, held: RootFact) -> Verdict | None:
    state = state_of(held)
    if state in HOLDS:
        return None
    if state is TrustState.REFUSED:
        return Verdict(Outcome.LOSES, f"it refused the root {root}")
    if state in LACKS:
        return Verdict(Outcome.LOSES, f"the root {root} is not among those that it lists{_hindered(held)}")
    if state is TrustState.BELIEVED:
        return Verdict(Outcome.UNSURE, f"it is believed to hold the root {root}, and has not shown it")
    return Verdict(Outcome.UNSURE, f"whether it holds the root {root} is not known{_hindered(held)}")


# Why a station would not take a root that it does not hold yet. The first one counts.
_HINDRANCES: tuple[tuple[RootFact, str], ...] = (
    (RootFact.UNSIGNED, "it takes a further root only when one that it holds has signed it"),
    (RootFact.NO_ROOM, "its store is full"),
    (RootFact.REPLACES, "a new root takes the place of the one that it needs until then"),
    (RootFact.OTHER_KEY, "by the quirk book its TLS has no use for such a key"),
)


def _hindered(held: RootFact) -> str:
    return next((f"; it would not take it: {why}" for bit, why in _HINDRANCES if bit in held), "")


def next_certificate(change: Change, facts: Facts) -> Verdict | None:
    """A station refuses a new certificate whose chain it cannot verify or that is too long (A02.FR.16, §A02).

    It judges it by the CSMS roots that it holds (station-everest), and shows its old one until that ends. Whoever has
    no certificate of the authorities that would issue no more gets no other one by the change.
    """
    if not change.issuer or not {Fact.MUTUAL, Fact.ISSUED_BY_LEAVING} <= set(facts.station):
        return None
    if Fact.EDGE in facts.station:
        return Verdict(
            Outcome.UNSURE, f"an edge ends its TLS: whether it trusts what {change.issuer} issues is its own"
        )
    why, is_sure = _refuses_next(change, facts)
    if not why:
        return None
    if is_sure and Fact.ENDS_BEFORE in facts.station:
        return Verdict(Outcome.LOSES, f"its certificate ends before then, and it would refuse the next one: {why}")
    return Verdict(Outcome.UNSURE, f"it may refuse its next certificate: {why}")


def _refuses_next(change: Change, facts: Facts) -> tuple[str, bool]:
    """Why it would refuse its next certificate, and whether that is known; empty when it would not."""
    if Fact.NEXT_TOO_LONG in facts.station:
        return "the chain would be longer than it takes", True
    found = _by_state(change.issuer_root, facts.first)
    if found is not None:
        return found.why, found.outcome is Outcome.LOSES
    if RootFact.OTHER_KEY in facts.first:
        return "by the quirk book its TLS has no use for such a key", False
    return "", False


def own_certificate(change: Change, facts: Facts) -> Verdict | None:
    """What an authority issued that is trusted no more is refused (A00.FR.404)."""
    if Fact.MUTUAL in facts.station and change.leaving and Fact.ISSUED_BY_LEAVING in facts.station:
        return Verdict(Outcome.LOSES, "its certificate was issued by an authority that would be trusted no more")
    return None


def lifetime(change: Change, facts: Facts) -> Verdict | None:
    """An expired certificate is refused; a station that is there is asked to renew before."""
    if not {Fact.MUTUAL, Fact.ENDS_BEFORE} <= set(facts.station):
        return None
    if Fact.ONLINE in facts.station:
        return Verdict(Outcome.UNSURE, "its certificate ends before then, unless it renews it")
    return Verdict(Outcome.LOSES, "its certificate ends before then, and it is not there to renew it")


def profile_floor(change: Change, facts: Facts) -> Verdict | None:
    """Never below the profile that is asked for (A00)."""
    if not change.floor or Fact.BELOW_FLOOR not in facts.station:
        return None
    why = ""
    if Fact.WALKS_NO_HIGHER in facts.station:
        why = ", and by the quirk book it cannot be walked so high"
    elif Fact.TAKES_NO_ROOT in facts.station:
        why = ", and by the quirk book somebody must install the root there on site"
    return Verdict(Outcome.LOSES, f"it is below profile {change.floor}{why}")


def suites(change: Change, facts: Facts) -> Verdict | None:
    """A station that used static RSA may do ECDHE as well: nobody has offered it ECDHE with our RSA certificate."""
    if change.hardened and Fact.STATIC_RSA in facts.station:
        return _edge(facts) or Verdict(
            Outcome.UNSURE, "it used a suite without forward secrecy, and whether it can do another is not known"
        )
    return None


def server_key(change: Change, facts: Facts) -> Verdict | None:
    """Our server prefers ECDSA, so that who was shown the RSA certificate could not take the other one."""
    if change.ecdsa_only and Fact.RSA_SERVER in facts.station:
        return _edge(facts) or Verdict(Outcome.LOSES, "it can verify our RSA server certificate only")
    if change.ecdsa_only and {Fact.RSA_TLS, Fact.TLS} <= set(facts.station):
        return _edge(facts) or Verdict(Outcome.UNSURE, "by the quirk book its TLS can do RSA only")
    return None


def _edge(facts: Facts) -> Verdict | None:
    if Fact.EDGE in facts.station:
        return Verdict(Outcome.UNSURE, "an edge ends its TLS: what it is shown there is not known here")
    return None


RULES: tuple[_Rule, ...] = (
    server_root, own_certificate, next_certificate, lifetime, profile_floor, suites, server_key,
)  # fmt: skip

"""Will it still connect? One rule for each way to lose us, and no guess where nobody can tell."""

import pytest

from csms_bridge.trust.connecting import Change, ChangeKind, Outcome, verdict
from csms_bridge.trust.facts import Fact, Facts, RootFact
from tests.csms_bridge.room import NOON

LOSES, UNSURE, SAFE = Outcome
OVER_TLS = Fact.SEEN | Fact.TLS
MUTUAL = OVER_TLS | Fact.MUTUAL
NEW_ROOT = Change(ChangeKind.SERVER_CHAIN, NOON, first_root="root-2")
NEW_RSA_ROOT = Change(ChangeKind.SERVER_CHAIN, NOON, second_root="root-rsa-2")
NO_ROOT = Change(ChangeKind.ROOT_GONE, NOON, first_root="")
RETIRED = Change(ChangeKind.CLIENT_CA_RETIRED, NOON, leaving=("stations",))
FLOOR = Change(ChangeKind.PROFILE_FLOOR, NOON, floor=2)
HARDENED = Change(ChangeKind.TLS_HARDENED, NOON, hardened=True)
ECDSA_ONLY = Change(ChangeKind.RSA_SERVER_DROPPED, NOON, ecdsa_only=True)
NOTHING = Change(ChangeKind.NOTHING, NOON)
ISSUER = Change(
    ChangeKind.ISSUER_CHANGED, NOON, issuer="stations-2", issuer_root="root-2", replaced=("stations",), chain=2000
)
CONCERNED = MUTUAL | Fact.ISSUED_BY_LEAVING
EVERY = (ISSUER, NEW_ROOT, NEW_RSA_ROOT, NO_ROOT, RETIRED, FLOOR, HARDENED, ECDSA_ONLY, NOTHING)


def outcome(change: Change, station: Fact, first: RootFact = RootFact(0), second: RootFact = RootFact(0)) -> Outcome:
    return verdict(change, Facts(station, first, second)).outcome


@pytest.mark.parametrize("change", EVERY)
def test_a_station_that_never_came_cannot_be_told(change: Change) -> None:
    assert outcome(change, Fact(0)) is UNSURE


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (RootFact.LISTED, SAFE),
        (RootFact.SEEN_ALONE, SAFE),
        (RootFact.ACCEPTED, UNSURE),
        (RootFact(0), UNSURE),
        (RootFact.LISTED_SINCE, LOSES),
        (RootFact.REFUSED, LOSES),
    ],
)
def test_the_servers_chain_must_end_in_a_root_that_the_station_trusts(held: RootFact, expected: Outcome) -> None:
    """2.0.1 A00.FR.313; 1.6 white paper ed. 3 A00.FR.310."""
    assert outcome(NEW_ROOT, OVER_TLS, held) is expected


def test_who_is_shown_the_other_certificate_needs_not_this_root() -> None:
    assert outcome(NEW_ROOT, OVER_TLS | Fact.RSA_SERVER, RootFact.REFUSED) is SAFE
    assert outcome(NEW_RSA_ROOT, OVER_TLS, RootFact(0), RootFact.REFUSED) is SAFE
    assert outcome(NEW_RSA_ROOT, OVER_TLS | Fact.RSA_SERVER, RootFact(0), RootFact.REFUSED) is LOSES


def test_who_uses_no_tls_needs_no_root() -> None:
    assert outcome(NEW_ROOT, Fact.SEEN, RootFact.REFUSED) is SAFE


def test_behind_an_edge_nobody_knows_what_is_shown() -> None:
    edge = OVER_TLS | Fact.EDGE
    assert outcome(NEW_ROOT, edge, RootFact.REFUSED) is UNSURE
    assert outcome(HARDENED, edge | Fact.RSA_SERVER | Fact.STATIC_RSA) is UNSURE
    assert outcome(ECDSA_ONLY, edge | Fact.RSA_SERVER) is UNSURE


def test_without_any_root_left_everybody_on_tls_is_lost() -> None:
    assert outcome(NO_ROOT, OVER_TLS, RootFact.LISTED) is LOSES
    assert outcome(NO_ROOT, Fact.SEEN) is SAFE


def test_certificates_of_a_retired_authority_are_refused() -> None:
    assert outcome(RETIRED, MUTUAL | Fact.ISSUED_BY_LEAVING) is LOSES
    assert outcome(RETIRED, MUTUAL) is SAFE
    assert outcome(RETIRED, OVER_TLS | Fact.ISSUED_BY_LEAVING) is SAFE  # on profile 2 it shows none


def test_a_certificate_that_ends_is_renewed_by_who_is_there() -> None:
    assert outcome(NOTHING, MUTUAL | Fact.ENDS_BEFORE) is LOSES
    assert outcome(NOTHING, MUTUAL | Fact.ENDS_BEFORE | Fact.ONLINE) is UNSURE
    assert outcome(NOTHING, OVER_TLS | Fact.ENDS_BEFORE) is SAFE


def test_a_raised_floor_shuts_out_who_is_below() -> None:
    assert outcome(FLOOR, Fact.SEEN | Fact.BELOW_FLOOR) is LOSES
    assert outcome(FLOOR, OVER_TLS) is SAFE


def test_a_hardened_policy_is_told_of_by_suites() -> None:
    """Nobody has offered it ECDHE with our RSA certificate, so that static RSA proves nothing."""
    assert outcome(HARDENED, OVER_TLS | Fact.RSA_SERVER | Fact.STATIC_RSA) is UNSURE
    assert outcome(HARDENED, OVER_TLS | Fact.RSA_SERVER) is SAFE
    assert outcome(HARDENED, OVER_TLS) is SAFE


def test_without_the_rsa_certificate_who_was_shown_it_is_lost() -> None:
    assert outcome(ECDSA_ONLY, OVER_TLS | Fact.RSA_SERVER) is LOSES
    assert outcome(ECDSA_ONLY, OVER_TLS) is SAFE


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (RootFact.UNSIGNED, "only when one that it holds has signed it"),
        (RootFact.NO_ROOM, "its store is full"),
        (RootFact.REPLACES, "takes the place of the one that it needs"),
        (RootFact.OTHER_KEY, "no use for such a key"),
    ],
)
def test_what_would_keep_a_station_from_a_root_is_said(held: RootFact, why: str) -> None:
    """It proves nothing: who may hold the root is unsure still, and who holds it needs to take nothing."""
    for known, expected in ((RootFact(0), UNSURE), (RootFact.LISTED_SINCE, LOSES)):
        found = verdict(NEW_ROOT, Facts(OVER_TLS, held | known))
        assert (found.outcome, why in found.why) == (expected, True)
    assert outcome(NEW_ROOT, OVER_TLS, held | RootFact.LISTED) is SAFE


def test_tls_1_3_shows_the_rsa_certificate_to_who_can_do_nothing_else() -> None:
    """By the quirk book; what an older TLS has told of itself outweighs it, in the bits."""
    rsa = OVER_TLS | Fact.RSA_TLS
    assert outcome(NEW_ROOT, rsa, RootFact.REFUSED) is SAFE
    assert outcome(NEW_RSA_ROOT, rsa, RootFact(0), RootFact.REFUSED) is LOSES
    assert outcome(ECDSA_ONLY, rsa) is UNSURE
    assert outcome(ECDSA_ONLY, Fact.SEEN | Fact.RSA_TLS) is SAFE


def test_another_issuer_is_of_no_concern_to_who_has_no_certificate_of_the_one_before() -> None:
    assert outcome(ISSUER, MUTUAL, RootFact.REFUSED) is SAFE
    assert outcome(ISSUER, OVER_TLS | Fact.ISSUED_BY_LEAVING, RootFact.REFUSED) is SAFE


@pytest.mark.parametrize(
    ("station", "held", "expected"),
    [
        (CONCERNED, RootFact.LISTED, SAFE),
        (CONCERNED, RootFact(0), UNSURE),
        (CONCERNED, RootFact.REFUSED, UNSURE),  # its old certificate is good still
        (CONCERNED | Fact.ENDS_BEFORE | Fact.ONLINE, RootFact.REFUSED, LOSES),
        (CONCERNED | Fact.ENDS_BEFORE | Fact.ONLINE, RootFact(0), UNSURE),
        (CONCERNED | Fact.NEXT_TOO_LONG, RootFact.LISTED, UNSURE),
        (CONCERNED | Fact.NEXT_TOO_LONG | Fact.ENDS_BEFORE | Fact.ONLINE, RootFact.LISTED, LOSES),
        (CONCERNED, RootFact.LISTED | RootFact.OTHER_KEY, UNSURE),
        (CONCERNED | Fact.EDGE, RootFact.LISTED, UNSURE),
    ],
)
def test_another_issuer_is_safe_only_for_who_can_take_what_it_issues(
    station: Fact, held: RootFact, expected: Outcome
) -> None:
    """A02: the station verifies the chain by the CSMS roots that it holds, and refuses one that is too long (FR.16)."""
    assert outcome(ISSUER, station, held) is expected


def test_a_raised_floor_says_who_cannot_be_walked_there() -> None:
    below = Fact.SEEN | Fact.BELOW_FLOOR
    assert "cannot be walked so high" in verdict(FLOOR, Facts(below | Fact.WALKS_NO_HIGHER)).why
    assert "on site" in verdict(FLOOR, Facts(below | Fact.TAKES_NO_ROOT)).why
    assert outcome(FLOOR, Fact.SEEN | Fact.WALKS_NO_HIGHER) is SAFE


def test_the_worst_counts_and_says_why() -> None:
    found = verdict(NEW_ROOT, Facts(MUTUAL | Fact.ENDS_BEFORE | Fact.ONLINE, RootFact.REFUSED))
    assert (found.outcome, found.why) == (LOSES, "it refused the root root-2")

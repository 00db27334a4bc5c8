"""What may be said of a station and a root: an answer is a belief, a list or a connection is proof."""

import pytest

from csms_bridge.trust.facts import Fact, Facts, RootFact, facts_of
from csms_bridge.trust.states import UNHEARD, TrustState, state_of, why

F = RootFact
NOTHING = RootFact(0)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (NOTHING, TrustState.UNKNOWN),
        (F.LISTED, TrustState.REPORTED),
        (F.LISTED | F.ACCEPTED | F.LISTED_SINCE, TrustState.CONFIRMED),
        (F.ACCEPTED, TrustState.BELIEVED),
        (F.SEEN_AMONG, TrustState.BELIEVED),
        (F.PRESET, TrustState.BELIEVED),
        (F.SEEN_ALONE, TrustState.CONFIRMED),
        (F.REFUSED, TrustState.REFUSED),
        (F.LISTED_SINCE, TrustState.MISSING),
        (F.ACCEPTED | F.LISTED_SINCE, TrustState.MISSING),
        (F.PRESET | F.LISTED_SINCE, TrustState.MISSING),
    ],
)
def test_each_state(facts: RootFact, state: TrustState) -> None:
    assert state_of(facts) is state


def test_what_a_cross_certificate_brought_may_be_there_unlisted() -> None:
    """Reference §8.4.24: some stations list only what is signed by itself."""
    assert state_of(F.ACCEPTED | F.ACROSS | F.LISTED_SINCE) is TrustState.BELIEVED


@pytest.mark.parametrize("proof", [F.SEEN_ALONE, F.LISTED])
def test_a_refusal_is_outweighed_by_proof(proof: RootFact) -> None:
    """A station may refuse what it has already."""
    assert state_of(proof | F.REFUSED) in (TrustState.CONFIRMED, TrustState.REPORTED)


def test_a_refusal_outweighs_what_was_accepted_before() -> None:
    assert state_of(F.ACCEPTED | F.REFUSED | F.SEEN_AMONG) is TrustState.REFUSED


def test_every_state_has_its_sentence() -> None:
    assert why(NOTHING) == UNHEARD
    assert len({why(facts) for facts in (NOTHING, F.LISTED, F.REFUSED, F.ACCEPTED, F.SEEN_AMONG, F.PRESET)}) == 6


def test_bits_survive_the_number_that_the_database_counts() -> None:
    every = Facts(Fact(2**15 - 1), RootFact(2**12 - 1), RootFact(2**12 - 1))
    assert facts_of(every.mask) == every
    assert every.mask < 2**63  # BIGINT of PostgreSQL
    assert facts_of(Facts(Fact.SEEN, F.LISTED, F.PRESET).mask) == Facts(Fact.SEEN, F.LISTED, F.PRESET)

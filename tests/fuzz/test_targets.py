"""A short and always equal run of every fuzz target; `make fuzz` goes on for longer."""

import random

import pytest

from tests.fuzz.mutations import Mutator, parsed, written
from tests.fuzz.targets import TARGETS, Target

INPUTS = 300


@pytest.mark.filterwarnings("ignore")  # the parser's about certificates that it will refuse one day
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_no_input_is_answered_by_a_traceback(target: Target) -> None:
    seeds = target.seeds()
    inputs = Mutator(seeds, random.Random(20261124))  # noqa: S311 - to be repeated, not to be secret
    for data in (*seeds, *(inputs.next() for _ in range(INPUTS)), b""):
        target.run(data)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_damage_changes_the_input(target: Target) -> None:
    seeds = target.seeds()
    inputs = Mutator(seeds, random.Random(1))  # noqa: S311
    made = [inputs.next() for _ in range(100)]
    assert len({*made} - {*seeds}) > 80


def test_der_is_taken_apart_and_put_together_again() -> None:
    ders = [seed for target in TARGETS for seed in target.seeds() if parsed(seed) is not None]
    assert len(ders) > 100
    assert all(written(parsed(der) or []) == der for der in ders)

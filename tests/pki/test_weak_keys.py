"""Moduli that can be factored are found, honest ones are not suspected."""

from collections.abc import Callable
from math import gcd, lcm, prod

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import CsrRejected
from pki.weak_keys import (
    _ENDINGS,
    _LOGARITHMS,
    _POWERS,
    _ROCA_MODULUS,
    _is_power,
    _is_roca,
    _root,
    check_rsa,
    primes_below,
)
from tests.pki.hostile.keys import rough_after


def code_of(modulus: int, exponent: int = 65537) -> str | None:
    try:
        check_rsa(modulus, exponent)
    except CsrRejected as refusal:
        return refusal.code
    return None


def test_the_sieve_finds_the_primes() -> None:
    assert primes_below(30) == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
    assert len(primes_below(10_000)) == 1229


def test_an_honest_modulus_passes(rsa_key: rsa.RSAPrivateKey) -> None:
    assert code_of(rsa_key.public_key().public_numbers().n) is None


@pytest.mark.parametrize("factor", [2, 3, 1009, 9973])
def test_finds_a_small_factor(rsa_key: rsa.RSAPrivateKey, factor: int) -> None:
    assert code_of(rsa_key.public_key().public_numbers().n * factor) == "factorable"


@pytest.mark.parametrize("distance", [2, 1000, 1 << 400])
def test_finds_primes_that_lie_close_together(rsa_key: rsa.RSAPrivateKey, distance: int) -> None:
    """CVE-2022-26320: the second prime was searched for from the first. 2^512 apart would still be found."""
    prime = max(rsa_key.private_numbers().p, rsa_key.private_numbers().q)
    assert code_of(prime * rough_after(prime + distance)) == "close-primes"


def test_primes_half_their_length_apart_are_beyond_reach(rsa_key: rsa.RSAPrivateKey) -> None:
    prime = min(rsa_key.private_numbers().p, rsa_key.private_numbers().q)
    assert code_of(prime * rough_after(prime + (1 << 1000))) is None


@pytest.mark.parametrize("exponent", [1, 3, 17, 65535, 65538, 1 << 64, (1 << 64) + 1])
def test_refuses_exponents_that_are_out_of_bounds(rsa_key: rsa.RSAPrivateKey, exponent: int) -> None:
    """FIPS 186-5 §5.4."""
    assert code_of(rsa_key.public_key().public_numbers().n, exponent) == "bad-exponent"


@pytest.mark.parametrize("exponent", [65537, 65539, (1 << 64) - 1])
def test_takes_other_large_exponents(rsa_key: rsa.RSAPrivateKey, exponent: int) -> None:
    assert code_of(rsa_key.public_key().public_numbers().n, exponent) is None


@pytest.mark.parametrize(("count", "bits"), [(39, 512), (71, 512), (126, 1024), (225, 2048)])
def test_finds_the_roca_form_for_every_key_length(count: int, bits: int) -> None:
    """Nemec et al. 2017, table 1: M is the product of the first 39, 71, 126 or 225 primes."""
    known = prod(primes_below(1500)[:count])
    start = (1 << bits) // known
    factors = [(start + shift) * known + pow(65537, shift * 7919, known) for shift in (1, 20_011)]
    assert _is_roca(prod(factors) % _ROCA_MODULUS)


def test_the_roca_test_wants_one_exponent_for_all_primes() -> None:
    """Residues that are powers of 65537 one by one are no evidence: an honest key has them by chance."""
    modulus, fitting = _residues(lambda _: 2)
    assert _is_roca(fitting)
    for prime, logarithms in _LOGARITHMS.items():
        others = lcm(*(len(other) for name, other in _LOGARITHMS.items() if name != prime))
        if gcd(len(logarithms), others) > 1:
            _, one_off = _residues(lambda other, odd=prime: 3 if other == odd else 2)
            assert not _is_roca(one_off % modulus)


def _residues(exponent: Callable[[int], int]) -> tuple[int, int]:
    """The number that is 65537^exponent(p) modulo each prime p, by the Chinese remainder theorem."""
    number = 0
    for prime in _LOGARITHMS:
        rest = _ROCA_MODULUS // prime
        number += pow(65537, exponent(prime), prime) * rest * pow(rest, -1, prime)
    return _ROCA_MODULUS, number % _ROCA_MODULUS


@given(st.integers(1 << 2047, (1 << 2048) - 1))
def test_random_numbers_are_not_suspected_of_roca(number: int) -> None:
    assert not _is_roca((number | 1) % _ROCA_MODULUS)


@given(st.integers(2, 1 << 700), st.sampled_from(sorted(_POWERS)))
def test_every_power_is_found_and_its_neighbours_are_none(base: int, k: int) -> None:
    power = base**k
    assert _root(power, k) == base
    assert _is_power(power, power % _ROCA_MODULUS)
    assert _root(power - 1, k) == base - 1
    assert _root(power + 1, k) == base


@given(st.integers(0, 1 << 2048))
def test_every_square_has_one_of_the_endings(root: int) -> None:
    assert root * root & 0xFF in _ENDINGS

"""RSA moduli that can be factored, each by a known way. Pure arithmetic, bounded in time, no key is ever tried out.

What is looked for, and what it costs, for 2048 and 8192 bits: a factor below 10,000 (0.05 ms, 0.2 ms), two primes so
close that Fermat's method finds them (0.05 ms, 0.4 ms), a power of one number, and the residues that betray a chip with
the ROCA fault (0.01 ms both). What takes longer is looked for after the key was certified (`pki.key_review`): primes
shared with another key, and a modulus that is itself a prime. Not looked for are the 2008 keys of Debian, whose list is
too long to carry: `voltward key block` blocks those that one has to fear.
"""

from functools import lru_cache
from math import gcd, isqrt, prod

from pki.refusals import Refusal

_SMALL = 10_000
_FERMAT_ROUNDS = 100  # finds primes that share their upper half; random ones differ in the first 100 bits
_EXPONENTS = range(65537, 1 << 64)  # OpenSSL takes no more with a modulus over 3072 bits; FIPS 186-5 allows 2^256
_BITS = range(2048, 8193)


def primes_below(limit: int) -> list[int]:
    """The primes below `limit`, by the sieve of Eratosthenes."""
    marks = bytearray([1]) * limit
    marks[:2] = b"\0\0"
    for number in range(2, isqrt(limit - 1) + 1):
        if marks[number]:
            marks[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return [number for number, mark in enumerate(marks) if mark]


def check_rsa(modulus: int, exponent: int) -> None:
    """Raises CsrRejected: `weak-key`, `key-too-large`, `bad-exponent`, `factorable`, `close-primes`, `roca`."""
    bits = modulus.bit_length()
    if bits < _BITS.start:
        raise Refusal.WEAK_KEY.because(f"the RSA key has {bits} bits; {_BITS.start} are the least")
    if bits not in _BITS:
        raise Refusal.KEY_TOO_LARGE.because(f"the RSA key has {bits} bits; {_BITS.stop - 1} are the most")
    if exponent not in _EXPONENTS or exponent % 2 == 0:
        raise Refusal.BAD_EXPONENT.because()
    if (found := _factoring(modulus)) is not None:
        raise found.because()


@lru_cache(maxsize=1024)  # a key is looked at when it comes in and again when its certificate is linted
def _factoring(modulus: int) -> Refusal | None:
    residue = modulus % _ROCA_MODULUS
    if gcd(_SMALL_PRIMES, modulus) != 1 or _is_power(modulus, residue):
        return Refusal.FACTORABLE
    if _is_fermat_weak(modulus):
        return Refusal.CLOSE_PRIMES
    return Refusal.ROCA if _is_roca(residue) else None


_SMALL_PRIMES = prod(primes_below(_SMALL))


# --- Fermat: the modulus is a difference of two squares (CVE-2022-26320)

_ENDINGS = frozenset(number * number % 256 for number in range(256))  # of squares: one number in six passes


def _is_fermat_weak(modulus: int) -> bool:
    root = isqrt(modulus)
    root += root * root < modulus
    square = root * root - modulus
    for _ in range(_FERMAT_ROUNDS):
        if square & 0xFF in _ENDINGS and isqrt(square) ** 2 == square:
            return True
        square += 2 * root + 1
        root += 1
    return False


# --- powers; a square is found by Fermat's method in the first round

# Of a prime q that is 1 modulo k only one residue in k is a k-th power. All these q divide _ROCA_MODULUS.
_POWERS = {3: (7, 13, 19, 31, 37), 5: (11, 31, 41, 61), 7: (29, 43, 71), 11: (23, 67, 89), 13: (53, 79, 131)}


def _is_power(modulus: int, residue: int) -> bool:
    return any(
        all(pow(residue, (q - 1) // k, q) <= 1 for q in fields) and _root(modulus, k) ** k == modulus
        for k, fields in _POWERS.items()
    )


def _root(number: int, k: int) -> int:
    """The k-th root, rounded down, by Newton's method from above."""
    guess = 1 << -(-number.bit_length() // k)
    while True:
        better = ((k - 1) * guess + number // guess ** (k - 1)) // k
        if better >= guess:
            return guess
        guess = better


# --- ROCA (CVE-2017-15361): primes of the form k·M + (65537^a mod M), M the product of the first primes
#
# So the modulus too is a power of 65537 modulo M: Nemec, Sys, Svenda, Klinec, Matyas, "The Return of Coppersmith's
# Attack", ACM CCS 2017, §2.1 and §3. The first 39 primes divide the M of every key length; the chance that an honest
# modulus is such a power by accident is below 2^-150.

_GENERATOR = 65537
_ROCA_PRIMES = primes_below(168)
_ROCA_MODULUS = prod(_ROCA_PRIMES)


def _logarithms(prime: int) -> dict[int, int]:
    """Each power of the generator modulo a prime, with its exponent."""
    found: dict[int, int] = {}
    power = 1
    while power not in found:
        found[power] = len(found)
        power = power * _GENERATOR % prime
    return found


_LOGARITHMS = {prime: _logarithms(prime) for prime in _ROCA_PRIMES}


def _is_roca(residue: int) -> bool:
    """Whether one exponent fits all primes at once (the Chinese remainder theorem for orders that share factors)."""
    exponent, order = 0, 1
    for prime, logarithms in _LOGARITHMS.items():
        found = logarithms.get(residue % prime)
        if found is None:
            return False
        shared = gcd(order, len(logarithms))
        if (found - exponent) % shared:
            return False
        rest = len(logarithms) // shared
        exponent += order * ((found - exponent) // shared * pow(order // shared, -1, rest) % rest)
        order *= rest
    return True


# --- a modulus that is a prime: the private exponent is the inverse of the public one modulo n - 1

_BITS_AT_ONCE = 256  # of the exponent; one power of 8192 bits would stop every other thread for a second


def is_prime(modulus: int) -> bool:
    """Whether a modulus is a prime, by Fermat's test to the base 2: 17 ms for 2048 bits.

    No prime escapes it. A composite number that passes too is none that two random primes ever make.
    """
    power, rest = 1, modulus - 1
    for shift in range(rest.bit_length() // _BITS_AT_ONCE * _BITS_AT_ONCE, -1, -_BITS_AT_ONCE):
        part = rest >> shift & (1 << _BITS_AT_ONCE) - 1
        power = pow(power, 1 << _BITS_AT_ONCE, modulus) * pow(2, part, modulus) % modulus
    return power == 1

"""Codes that people type: Crockford's base32 in groups, with a check symbol. Pure but for the random bits.

`7KQ2M-X9D4T-0BVRW-HC61E`: 19 symbols hold 95 random bits, the twentieth is the check. It is a sum over GF(32) in which
every place has a weight of its own, so that one wrong symbol or two swapped ones are always noticed: whoever mistypes
is told so, and nothing is tried with it.
"""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O and U, https://www.crockford.com/base32.html
_READ_AS = str.maketrans("OIL", "011")
_RANDOM_SYMBOLS = 19
_GROUP = 5
_POLYNOMIAL = 0b100101  # x^5 + x^2 + 1, primitive over GF(2): x has order 31, more than there are places


def new_code() -> str:
    """A fresh code of 95 random bits, upper case, in four groups of five."""
    symbols = "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM_SYMBOLS))
    symbols += ALPHABET[_check(symbols)]
    return "-".join(symbols[start : start + _GROUP] for start in range(0, len(symbols), _GROUP))


def read_code(typed: str) -> str | None:
    """The code in its one spelling, without hyphens; None when it cannot be one, so that it was mistyped.

    Lower case, blanks, other groups, and O, I, L for 0, 1, 1 are understood.
    """
    symbols = "".join(typed.replace("-", "").split()).upper().translate(_READ_AS)
    if len(symbols) != _RANDOM_SYMBOLS + 1 or not set(symbols) <= set(ALPHABET):
        return None
    return symbols if ALPHABET[_check(symbols[:-1])] == symbols[-1] else None


def _check(symbols: str) -> int:
    """The sum of all symbols, each times x to the power of its distance from the check symbol's place."""
    total = 0
    for symbol in symbols:
        total = _times_x(total ^ ALPHABET.index(symbol))
    return total


def _times_x(value: int) -> int:
    doubled = value << 1
    return doubled ^ _POLYNOMIAL if doubled & 0b100000 else doubled

"""Basic passwords: made, put into one form, hashed and compared.

OCPP 1.6 sets the password as hexadecimal of 16 to 20 bytes (white paper ed. 3, A00.FR.205) and the header
carries the decoded bytes; some stations send the hexadecimal text itself. 2.x sends UTF-8 text. Both sides of a
comparison are brought to one canonical form first, so that one stored hash serves either kind of station.
"""

import hashlib
import hmac
import re
import secrets
import string
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from pki.secret_text import Secret

LENGTH = 20
"""Twenty of A-Z a-z 0-9 are 119 bits, fit 1.6 (20 bytes) and 2.x (16 to 40 characters) alike."""

_HEXADECIMAL = re.compile(rb"(?:[0-9A-Fa-f]{2}){8,}")
_KEYED = "hmac-sha256$"
_argon2 = PasswordHasher()


class PasswordKind(StrEnum):
    """Who chose the password decides the hash: 119 random bits need no slow one, a person's choice does."""

    GENERATED = "generated"
    CHOSEN = "chosen"


def new_password(length: int = LENGTH) -> Secret:
    """A random password of so many bytes that no station takes for hexadecimal (reference §8.1: that gets decoded)."""
    while True:
        text = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))
        if not _HEXADECIMAL.fullmatch(text.encode()):
            return Secret.of(text)


def canonical(password: Secret) -> bytes:
    """Raw bytes of a password: even-length hexadecimal of 16 digits or more is decoded, all else is itself."""
    raw = password.reveal
    return bytes.fromhex(raw.decode("ascii")) if _HEXADECIMAL.fullmatch(raw) else raw


def hash_password(password: Secret, kind: PasswordKind, station: str, key: bytes) -> str:
    """What is stored: `hmac-sha256$<hex>` keyed and bound to the station, or an argon2id string."""
    if kind is PasswordKind.CHOSEN:
        return _argon2.hash(canonical(password))
    return _KEYED + _keyed(canonical(password), station, key)


def is_slow(stored: str) -> bool:
    """Whether this hash is a slow one, of a password that a person chose."""
    return not stored.startswith(_KEYED)


def password_matches(presented: Secret, stored: str, station: str, key: bytes) -> bool:
    """Whether `presented` is the password behind `stored`; constant time for keyed hashes."""
    return any(_fits(form, stored, station, key) for form in _forms(presented))


def _forms(presented: Secret) -> list[bytes]:
    """What may have been meant. A password that reads as hexadecimal itself may come spelt as hexadecimal once more."""
    once = canonical(presented)
    twice = canonical(Secret(once))
    return [once] if twice == once else [once, twice]


def _fits(form: bytes, stored: str, station: str, key: bytes) -> bool:
    if not is_slow(stored):
        return hmac.compare_digest(stored, _KEYED + _keyed(form, station, key))
    try:
        return _argon2.verify(stored, form)
    except VerificationError:
        return False


def _keyed(form: bytes, station: str, key: bytes) -> str:
    return hmac.new(key, station.encode() + b"\0" + form, hashlib.sha256).hexdigest()

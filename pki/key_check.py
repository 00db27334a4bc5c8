"""Can this key sign now? A test signature over bytes that can be nothing else.

They do not begin like DER, so that no signature made here can ever be a certificate's or a list's.
"""

import secrets

from pki.errors import MisSigned
from pki.keys import Signer, verify_signature

_PREFIX = b"voltward: can this key sign? "
_RANDOM = 16


def check_key(signer: Signer) -> None:
    """Sign something and verify it. Raises SignerUnavailable, SignerRefused, MisSigned."""
    proof = _PREFIX + secrets.token_bytes(_RANDOM)
    if not verify_signature(signer.public_key, signer.sign(proof), proof):
        raise MisSigned(f"the key {signer.name!r} signs, but its signatures do not verify")


def is_key_check(data: bytes) -> bool:
    """Whether these bytes are such a test."""
    return data.startswith(_PREFIX) and len(data) == len(_PREFIX) + _RANDOM

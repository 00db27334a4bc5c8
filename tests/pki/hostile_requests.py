"""Certificate requests that nobody should sign, each with a name and the code that it is refused with.

They are made when the tests run. Where it is the key that is bad the signature is only a filler: a key is judged before
what it signed. Everywhere else the signature is good, so that nothing but the named fault is there to be found.
"""

from tests.pki.hostile.keys import KEYS
from tests.pki.hostile.names import NAMES
from tests.pki.hostile.pieces import Case
from tests.pki.hostile.signatures import SIGNATURES
from tests.pki.hostile.structures import STRUCTURES
from tests.pki.hostile.texts import TEXTS
from tests.pki.hostile.tolerated import TOLERATED, Tolerated

__all__ = ["HOSTILE", "TOLERATED", "Case", "Tolerated"]

HOSTILE = TEXTS + STRUCTURES + KEYS + SIGNATURES + NAMES

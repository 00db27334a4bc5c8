"""Keys whose private half anybody can look up: the examples of RFCs and of the libraries that stations are built with.

A maker who copies an example into a product ships its key. The list is short on purpose: what is found in the field is
blocked by `voltward key block`.
"""

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# SHA-256 of the SubjectPublicKeyInfo → where the private key stands.
_EXAMPLES = {
    "8fb6bad671cfe698393c453357da61b56d757ab8c0f3fb9c87f2849e63131878": "RFC 9500 §2.1 testRSA2048",
    "b2b04340cfaee616ec9c2c62d261b208e54bb197498df52e8cadede23ac0ba5e": "RFC 9500 §2.3 testECCP256",
    "bf0a7a74f9afb6edda89ebabe824241bfdb281db2da50daae9973c6cbe99fe95": "RFC 7516 §A.1",
    "6fd13c2435a361e7c588cd17f55f5ad3df0177a66c1727a6a200845f4d7ab88c": "RFC 7515 §A.2",
    "2bd1bb0c44a897c30a7aa0991cde38d8062fe441de50da0f46825344f602e827": "RFC 7515 §A.3",
    "51b944cdfa544d4c3273aa6bf350625a7dd53bbb6a71723274f538b19a207760": "RFC 7517 §A.2",
    "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4": "RFC 6979 §A.2.5",
    "2f95601fa82060b909bfc6b979dbd303d34d34e0afb27ea496beac362f242a4b": "RFC 6979 §A.2.6",
    "2fb6d46385242ea4ad431f7175e7014eb74a5fc60f65b50ca54cc23c5b08de38": "RFC 6979 §A.2.7",
    "55f96361b78cbb84f1fc604b0718e82bd91abb46d8fc25ae871b35fbbf8b7974": "RFC 9421 §B.1.3",
    "5bb47b4a48b5096b38006cf74fee31d31d93d420409e04d009ff603a13eebf0c": "the HTTPS server example of ESP-IDF",
    "6703a04285f61bf2f79b143b1841435d503b448c3df1db998e9aebc7f05d3815": "the test server of Mbed TLS",
    "370346c0864770dac7a90774f75ac6de537f5f5b2c4b1bb1d12bf3c5f4f484ae": "the test client of Mbed TLS",
}
_CURVES = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
_COUNTED = range(1, 33)  # as private keys: a counter, or a random number generator that has not begun


def where_published(spki_sha256: str) -> str | None:
    """Where the private key of this public key stands, in words; None for a key that nobody published."""
    return _EXAMPLES.get(spki_sha256) or _counted_keys().get(spki_sha256)


@cache
def _counted_keys() -> dict[str, str]:
    found = {}
    for curve in _CURVES:
        for number in _COUNTED:
            public_key = ec.derive_private_key(number, curve).public_key()
            spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            found[hashlib.sha256(spki).hexdigest()] = f"it is the number {number}"
    return found

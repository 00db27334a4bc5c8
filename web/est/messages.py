"""What EST sends: certs-only PKCS#7 and CSR attributes, in base64. Pure.

The base64 has line ends, which a receiver must pass over (RFC 8951 §3).
"""

from base64 import encodebytes
from collections.abc import Iterable

from asn1crypto.core import ObjectIdentifier
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from pki.der import integer, sequence, tlv
from pki.keys import KeyFamily

_SET = 0x31
_EC_PUBLIC_KEY, _P_256, _ECDSA_SHA256 = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"
_RSA, _RSA_SHA256, _RSA_BITS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", 3072


def certs_only(certificates: Iterable[bytes]) -> bytes:
    """A certs-only CMC Simple PKI Response (RFC 5272 §4.1) with these certificates (DER), each once."""
    distinct = dict.fromkeys(certificates)
    loaded = [x509.load_der_x509_certificate(der) for der in distinct]
    return encodebytes(pkcs7.serialize_certificates(loaded, Encoding.DER))


def csr_attributes(family: KeyFamily) -> bytes:
    """The key and the digest that a request should have (CsrAttrs, RFC 7030 §4.5.2).

    Nothing is said of names and extensions: they come from our records, whatever a request holds.
    """
    if family is KeyFamily.EC:
        return encodebytes(sequence(_attribute(_EC_PUBLIC_KEY, _oid(_P_256)), _oid(_ECDSA_SHA256)))
    return encodebytes(sequence(_attribute(_RSA, integer(_RSA_BITS)), _oid(_RSA_SHA256)))


def _attribute(kind: str, value: bytes) -> bytes:
    return sequence(_oid(kind), tlv(_SET, value))


def _oid(dotted: str) -> bytes:
    encoded: bytes = ObjectIdentifier(dotted).dump()
    return encoded

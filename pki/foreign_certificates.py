"""Certificates that others made, and what may go wrong when one reads them."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

# The parser is lazy: a broken name, key or extension shows when it is asked for, and not always as a ValueError.
UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,  # a name of a kind that is no string
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def is_signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key stand behind a certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True

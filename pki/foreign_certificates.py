"""Certificates that others made, and what may go wrong when one reads them."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

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

"""What the octets are that somebody wants signed, and what the log says of them.

The kind is read from the octets, never from what the other side calls them.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509

from pki import der
from pki.key_check import is_key_check
from pki.keys import KeyAlgorithm, KeyFamily, assemble
from pki.to_be_signed import specimen_of

LONGEST_CERTIFICATE = 16_384  # octets; ours have less than one thousand
FIRMWARE_KEYS = "firmware-"
"""How the names of firmware signers' keys begin, and of no authority's."""
_VERSION_FIELD, _INTEGER = 0xA0, 0x02
_VERSION_2 = der.integer(1)
_VERSION_1 = der.integer(0)


class Kind(StrEnum):
    """What can be asked for."""

    CERTIFICATE = "certificate"
    LIST = "list"
    CHECK = "check"
    RECORD = "record"
    """The signed record of a ceremony: JSON."""
    CERTIFICATE_REQUEST = "certificate-request"
    """For an authority of ours under somebody else's root (RFC 2986)."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Asked:
    """Octets to be signed with the key `key`."""

    key: str
    octets: bytes
    kind: Kind

    @property
    def sha256(self) -> str:
        """How the log names them, hex."""
        return hashlib.sha256(self.octets).hexdigest()


def kind_of(octets: bytes) -> Kind:
    """Certificates begin with [0] version, lists with INTEGER 1, requests with INTEGER 0, each in a SEQUENCE."""
    if is_key_check(octets):
        return Kind.CHECK
    if octets[:1] == b"{":
        return Kind.RECORD
    try:
        inside, _ = der.contents(octets, 0x30)
    except (ValueError, IndexError):
        return Kind.UNKNOWN
    if inside[:1] == bytes((_VERSION_FIELD,)):
        return Kind.CERTIFICATE if len(octets) <= LONGEST_CERTIFICATE else Kind.UNKNOWN
    if inside.startswith(_VERSION_2):
        return Kind.LIST
    return Kind.CERTIFICATE_REQUEST if inside.startswith(_VERSION_1) else Kind.UNKNOWN


def certificate_of(octets: bytes, algorithm: KeyAlgorithm) -> x509.Certificate:
    """Parsed, with a signature that no key makes. Raises ValueError."""
    return specimen_of(octets, algorithm)


def list_of(octets: bytes, algorithm: KeyAlgorithm) -> x509.CertificateRevocationList:
    """Parsed, with a signature that no key makes. Raises ValueError."""
    blank = b"\x01" * 256 if algorithm.family is KeyFamily.RSA else der.sequence(der.integer(1), der.integer(1))
    return x509.load_der_x509_crl(assemble(octets, algorithm, blank))


def serial_of(specimen: x509.Certificate) -> str:
    """The serial number as our tables spell it."""
    return f"{specimen.serial_number:x}"

"""A certificate as OCPP names it in status requests: by hashes of its issuer and its serial number. Pure."""

import hashlib
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csms_bridge.errors import StatusUnavailable
from csms_bridge.hash_data import ALGORITHMS, hash_data, named
from csms_bridge.station_certificates import HashData

_SERIAL_BITS = 159  # 20 octets, the first bit a sign (RFC 5280 §4.1.2.2)


@dataclass(frozen=True, slots=True)
class Subject:
    """CertificateHashDataType: `algorithm` is OCPP's name of it, the hashes are octets (RFC 6960 §4.1.1)."""

    algorithm: str
    name_hash: bytes
    key_hash: bytes
    serial: int

    @classmethod
    def read(cls, told: HashData) -> "Subject":
        """From OCPP's hexadecimal, in whatever case. Raises StatusUnavailable when it can name no certificate."""
        try:
            name, key = bytes.fromhex(told.issuer_name_hash), bytes.fromhex(told.issuer_key_hash)
            serial = int(told.serial_number, 16) if told.serial_number.isalnum() else 0
            length = hashlib.new(ALGORITHMS[told.algorithm]).digest_size
        except (ValueError, KeyError):
            raise _unreadable() from None
        if len(name) != length or len(key) != length or not 0 < serial.bit_length() <= _SERIAL_BITS:
            raise _unreadable()
        return cls(told.algorithm, name, key, serial)

    @classmethod
    def of(cls, certificate: x509.Certificate, issuer: x509.Certificate) -> "Subject":
        """A certificate and who issued it, named with SHA-256."""
        return cls("SHA256", *issuer_hashes(issuer, "SHA256"), certificate.serial_number)

    def is_issued_by(self, issuer: x509.Certificate) -> bool:
        """Whether the hashes are those of this issuer's name and key."""
        return issuer_hashes(issuer, self.algorithm) == (self.name_hash, self.key_hash)


def issuer_hashes(issuer: x509.Certificate, algorithm: str) -> tuple[bytes, bytes]:
    """The hashes of an issuer's name (whole DER) and key (bit string without its first octet)."""
    own = named(issuer.public_bytes(Encoding.DER))
    told = hash_data(replace(own, issuer_name=own.subject_name, issuer_key_info=own.subject_key_info), algorithm)
    return bytes.fromhex(told.issuer_name_hash), bytes.fromhex(told.issuer_key_hash)


def _unreadable() -> StatusUnavailable:
    return StatusUnavailable(
        "InvalidHashData", "the hash data name no certificate: hexadecimal, of the algorithm's length"
    )

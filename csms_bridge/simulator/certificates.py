"""Certificates as a station handles them: delivered chains, its own credential, the names of roots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from csms_bridge.simulator.keys import PrivateKey

HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


class ChainRefused(Exception):
    """A delivered certificate is not taken. `cause` is the techInfo word that EVerest uses for it."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True)
class Credential:
    """A private key with the chain that was issued for it, leaf first."""

    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        """The station's own certificate."""
        return self.chain[0]

    @property
    def serial(self) -> str:
        """Serial number of the leaf as lower-case hex of even length."""
        return serial_hex(self.leaf)


@dataclass(frozen=True)
class CertificateName:
    """OCPP's CertificateHashDataType: lower-case hex, the serial number without leading zeros."""

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial: str

    def matches(self, other: CertificateName) -> bool:
        """Compare without case and leading zeros, as the values are hexadecimal (WP3 §6.1)."""
        return self._normal() == other._normal()

    def _normal(self) -> tuple[str, str, str, str]:
        name, key = self.issuer_name_hash.lower(), self.issuer_key_hash.lower()
        return self.algorithm, name, key, self.serial.lower().lstrip("0")


def public_bytes(key: PrivateKey | x509.Certificate) -> bytes:
    """Give the SubjectPublicKeyInfo DER of a key or of a certificate's key, for comparing."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def serial_hex(certificate: x509.Certificate) -> str:
    """Spell a serial number as lower-case hex of even length."""
    text = f"{certificate.serial_number:x}"
    return text.zfill(len(text) + len(text) % 2)


def certificate_to_pem(certificate: x509.Certificate) -> str:
    """Spell a certificate as PEM with a final newline."""
    return certificate.public_bytes(Encoding.PEM).decode()


def read_chain(pem: str) -> tuple[x509.Certificate, ...]:
    """Parse a delivered chain, leaf first. Raises ChainRefused("InvalidFormat")."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError as error:
        raise ChainRefused("InvalidFormat") from error


def accept_chain(
    chain: tuple[x509.Certificate, ...],
    keys: Iterable[PrivateKey],
    roots: Iterable[x509.Certificate],
    now: datetime,
    *,
    needs_root: bool = False,
    looks_up: bool = True,
) -> Credential:
    """Check a delivered chain as a station does and join it with the key it was made for (A02.FR.06).

    The leaf must be for one of `keys`, everything must be valid now, and each certificate must be signed by
    the next up to one of `roots`; unless it `looks_up` to nobody. Raises ChainRefused with the cause.
    """
    wanted = public_bytes(chain[0])
    key = next((key for key in keys if public_bytes(key) == wanted), None)
    if key is None:
        raise ChainRefused("WriteError")
    if any(not valid_at(certificate, now) for certificate in chain):
        raise ChainRefused("Expired" if chain[0].not_valid_after_utc < now else "NotYetValid")
    if needs_root and not (len(chain) > 1 and signed_by(chain[-1], chain[-1])):
        raise ChainRefused("IncompleteChain")
    if looks_up and not reaches_root(chain, tuple(roots)):
        raise ChainRefused("NoRootCertificateInstalled")
    return Credential(key, chain)


def reaches_root(chain: tuple[x509.Certificate, ...], roots: tuple[x509.Certificate, ...]) -> bool:
    """Tell whether the leaf is signed by the next and so on until one of the installed roots has signed."""
    for position, certificate in enumerate(chain):
        if any(signed_by(certificate, root) for root in roots):
            return True
        if position + 1 == len(chain) or not signed_by(certificate, chain[position + 1]):
            return False
    return False


def valid_at(certificate: x509.Certificate, now: datetime) -> bool:
    """Tell whether `now` (aware) lies in the certificate's validity."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def ends_within_a_month(certificate: x509.Certificate, now: datetime) -> bool:
    """Tell whether the station has to ask for a new certificate by itself (A03.FR.02)."""
    return certificate.not_valid_after_utc - now < timedelta(days=30)


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether `issuer`'s name and key are those that signed `certificate`."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def name_certificate(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str = "SHA256"
) -> CertificateName:
    """Name a certificate as RFC 6960 does; the key hash covers the BIT STRING's value only (WP3 §6.1)."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, HASHES[algorithm]).build()
    return CertificateName(
        algorithm=algorithm,
        issuer_name_hash=request.issuer_name_hash.hex(),
        issuer_key_hash=request.issuer_key_hash.hex(),
        serial=f"{request.serial_number:x}",
    )


def utc_now() -> datetime:
    """Read the station's clock."""
    return datetime.now(UTC)

"""The station's store of installed root certificates (use cases M03, M04, M05)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from csms_bridge.simulator.certificates import CertificateName, name_certificate, signed_by, valid_at

CSMS_ROOT = "CSMSRootCertificate"
MANUFACTURER_ROOT = "ManufacturerRootCertificate"
SPELLINGS = {"CentralSystemRootCertificate": CSMS_ROOT}
"""1.6's name of a root to the 2.x name under which the store keeps it."""


class RootRefused(Exception):
    """The store does not take this certificate; `cause` says why."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True)
class StoredRoot:
    """One installed certificate and what it is trusted for (2.x name)."""

    kind: str
    certificate: x509.Certificate


def of_kind(store: Iterable[StoredRoot], kind: str) -> tuple[x509.Certificate, ...]:
    """Give the certificates installed for one purpose."""
    return tuple(root.certificate for root in store if root.kind == kind)


def install(
    store: tuple[StoredRoot, ...], kind: str, pem: str, now: datetime, *, capacity: int, checks_new_root: bool
) -> tuple[StoredRoot, ...]:
    """Add one root and return the new store. Raises RootRefused.

    Installing the same certificate again replaces it (2.x M05.FR.17). With `checks_new_root`
    (AdditionalRootCertificateCheck) a further CSMS root must be signed by the newest present one, which
    alone stays beside it as the way back (2.x M05.FR.09-12; WP3 M05.FR.08-13).
    """
    new = StoredRoot(kind, _read_one(pem, now))
    others = tuple(root for root in store if root != new)
    present = [root for root in others if root.kind == kind]
    if checks_new_root and kind == CSMS_ROOT and present:
        if not signed_by(new.certificate, present[-1].certificate):
            raise RootRefused("NotSignedByOldRoot")
        others = tuple(root for root in others if root.kind != kind or root == present[-1])
    if len(others) >= capacity:
        raise RootRefused("StoreFull")
    return (*others, new)


def _read_one(pem: str, now: datetime) -> x509.Certificate:
    """Parse exactly one CA certificate that is valid now. Raises RootRefused."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise RootRefused("InvalidFormat") from error
    if len(found) != 1 or not _is_authority(found[0]):
        raise RootRefused("InvalidCertificate")
    if not valid_at(found[0], now):
        raise RootRefused("Expired")
    return found[0]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def with_issuers(store: tuple[StoredRoot, ...]) -> list[tuple[StoredRoot, x509.Certificate]]:
    """Give every root that can be named: its issuer's key must be in the store too (RFC 6960 §4.1.1)."""
    found = []
    for root in store:
        issuer = next((other for other in store if signed_by(root.certificate, other.certificate)), None)
        if issuer:
            found.append((root, issuer.certificate))
    return found


def named(store: tuple[StoredRoot, ...], algorithm: str = "SHA256") -> list[tuple[StoredRoot, CertificateName]]:
    """Name every root that can be named, as it ought to be."""
    return [(root, name_certificate(root.certificate, above, algorithm)) for root, above in with_issuers(store)]


def find(store: tuple[StoredRoot, ...], name: CertificateName) -> StoredRoot | None:
    """Find the root that a DeleteCertificate names."""
    return next((root for root, own in named(store, name.algorithm) if own.matches(name)), None)

"""Bundles of our own signed firmware: the pieces from the database put together."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.certificates import pem_of
from pki.errors import FirmwareRefused
from pki.firmware_book import FirmwareState, SignedFirmware
from pki.firmware_bundle import Bundle
from pki.firmware_log import FirmwareLog
from pki.foreign_certificates import is_signed
from pki.hierarchy import AuthorityKind, Hierarchy


def make_bundle(
    firmware: SignedFirmware, hierarchy: Hierarchy, log: FirmwareLog, others: Sequence[x509.Certificate] = ()
) -> Bundle:
    """The bundle as of now, with the newest head of the log. Raises FirmwareRefused for what is not signed."""
    if firmware.state != FirmwareState.SIGNED or not firmware.signature or not firmware.signing_certificate:
        raise FirmwareRefused("firmware", f"the firmware {firmware.id} is {firmware.state}, not signed")
    if firmware.log_number is None:
        hint = "Ask for its signature again: the same one is given, and entered."
        raise FirmwareRefused("firmware", f"the firmware {firmware.id} was signed before there was a log", hint)
    shown = log.prove(firmware.log_number)
    return Bundle(
        vendor=firmware.vendor,
        model=firmware.model,
        version=firmware.version,
        digest=firmware.digest,
        scheme=firmware.scheme,
        signature=firmware.signature,
        signing_certificate=firmware.signing_certificate,
        chain=_above(firmware.signing_certificate, hierarchy, others),
        stamp=firmware.stamp,
        number=firmware.log_number,
        entry=shown.entry.entry,
        proof=tuple(bytes.fromhex(node) for node in shown.proof),
        head=shown.head.head,
    )


def _above(certificate_pem: str, hierarchy: Hierarchy, others: Sequence[x509.Certificate]) -> tuple[str, ...]:
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    roots = [x509.load_der_x509_certificate(one.der) for one in hierarchy.all() if one.kind is AuthorityKind.ROOT]
    return tuple(pem_of(root.public_bytes(Encoding.DER)) for root in (*roots, *others) if is_signed(certificate, root))

"""Whether a firmware signature is good, as a station would judge it. Pure, needs no service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from pki.errors import FirmwareRefused
from pki.foreign_certificates import UNREADABLE, is_signed
from pki.keys import SignatureScheme, padding_of

LONGEST_SIGNATURE = 800  # characters of base64, `firmware.signature`
LONGEST_CERTIFICATE = 5500  # characters of PEM, `firmware.signingCertificate`


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a firmware signature is good; if not, every fault as a sentence. `notes` say what was not looked at."""

    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def genuine(self) -> bool:
        """No fault was found."""
        return not self.faults


def verify_firmware(
    digest: bytes,
    signature: bytes,
    certificate_pem: str,
    scheme: SignatureScheme,
    roots: Sequence[x509.Certificate] = (),
    now: datetime | None = None,
) -> Verdict:
    """Judge a signature over a SHA-256 digest as a station would (L01.FR.21 and after). Needs no service.

    With `roots` the certificate must be issued by one of them directly; with `now` it must be valid then.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except UNREADABLE:
        return Verdict(("the signing certificate is not PEM that can be read",))
    faults = []
    if not _is_signature(certificate, digest, signature, scheme):
        faults.append(f"the signature does not verify by {scheme}")
    if not _may_sign(certificate):
        faults.append("the certificate is not for digital signatures")
    if now is not None and not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        faults.append("the certificate is not valid at this time")
    if roots and not any(is_signed(certificate, root) for root in roots):
        faults.append("the certificate is not issued directly by a trusted manufacturer root")
    return Verdict(tuple(faults))


def check_lengths(signature: str, certificate_pem: str) -> None:
    """Raises FirmwareRefused for what OCPP has no room for; `signature` is base64."""
    if len(signature) > LONGEST_SIGNATURE:
        why = f"the signature has {len(signature)} characters of base64, and OCPP has room for {LONGEST_SIGNATURE}"
        raise FirmwareRefused("signature", why)
    if len(certificate_pem) > LONGEST_CERTIFICATE:
        why = f"the certificate has {len(certificate_pem)} characters, and OCPP has room for {LONGEST_CERTIFICATE}"
        raise FirmwareRefused("signing_certificate", why)


def _is_signature(certificate: x509.Certificate, digest: bytes, signature: bytes, scheme: SignatureScheme) -> bool:
    prehashed = utils.Prehashed(hashes.SHA256())
    try:
        key = certificate.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey) and scheme is SignatureScheme.ECDSA_SHA256:
            key.verify(signature, digest, ec.ECDSA(prehashed))
        elif isinstance(key, rsa.RSAPublicKey) and scheme is not SignatureScheme.ECDSA_SHA256:
            key.verify(signature, digest, padding_of(scheme), prehashed)
        else:
            return False
    except (InvalidSignature, *UNREADABLE):  # ValueError: the digest has not 32 bytes
        return False
    return True


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        return True
    except UNREADABLE:
        return False

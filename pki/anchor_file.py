"""Reading somebody else's root or sub-CA from a file, and judging whether it may be trusted."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from pki.errors import AnchorRefused, CsrRejected
from pki.foreign_certificates import UNREADABLE, is_signed
from pki.keys import check_key_strength

LONGEST = 64 * 1024
_PEM = b"-----BEGIN CERTIFICATE-----"


def read_root(content: bytes, now: datetime) -> x509.Certificate:
    """The one certificate in PEM or DER, fit to be an anchor (RFC 5280 §6.1.1 d). Raises AnchorRefused."""
    return read_authority(content, (), now)


def read_authority(content: bytes, above: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
    """A root, or an authority that one of those `above` has certified. Raises AnchorRefused."""
    certificate = _one_certificate(content)
    try:
        issuers = [one for one in above if one.subject == certificate.issuer != certificate.subject]
        _check_is_authority(certificate, issuers or [certificate])
        end = certificate.not_valid_after_utc
    except UNREADABLE as fault:
        raise AnchorRefused("unreadable", f"the certificate cannot be read: {fault}") from None
    if now > end:
        raise AnchorRefused("expired", f"the certificate ended on {end:%Y-%m-%d}")
    return certificate


def _one_certificate(content: bytes) -> x509.Certificate:
    if len(content) > LONGEST:
        raise AnchorRefused("too-long", f"the file is longer than {LONGEST} octets, so it is not one certificate")
    if content.count(_PEM) > 1:
        sentence = "the file holds more than one certificate"
        raise AnchorRefused("several", sentence, "Give the root alone; stations send what stands between.")
    try:
        return (x509.load_pem_x509_certificate if _PEM in content else x509.load_der_x509_certificate)(content)
    except UNREADABLE:
        raise AnchorRefused("unreadable", "the file is not a certificate in PEM or DER") from None


def _check_is_authority(certificate: x509.Certificate, issuers: Sequence[x509.Certificate]) -> None:
    """Raises AnchorRefused, and what the parser raises."""
    if certificate.issuer != issuers[0].subject:
        sentence = f"the certificate was issued by {certificate.issuer.rfc4514_string()}, not by itself"
        raise AnchorRefused("not-self-signed", sentence, "Give the root that its chain ends in.")
    if not certificate.subject.rdns:
        raise AnchorRefused("no-name", "the certificate has no subject, so no chain can lead to it")
    try:
        check_key_strength(certificate.public_key())
    except CsrRejected as weak:
        raise AnchorRefused("weak-key", f"the key will not do: {weak.sentence}") from None
    if not any(is_signed(certificate, issuer) for issuer in issuers):
        whose = "own" if issuers[0] is certificate else "issuer's"
        raise AnchorRefused("bad-signature", f"the certificate's {whose} key did not sign it")
    _check_may_sign(certificate.extensions)


def _check_may_sign(extensions: x509.Extensions) -> None:
    try:
        is_authority = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    if not is_authority:
        raise AnchorRefused("no-authority", "the certificate is not an authority's: BasicConstraints lack CA:TRUE")
    try:
        may_sign = extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        may_sign = False
    if not may_sign:  # RFC 5280 §4.2.1.3: it must be there and asserted
        raise AnchorRefused("may-not-sign", "the certificate's key usage lacks keyCertSign")

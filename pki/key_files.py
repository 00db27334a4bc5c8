"""Which key a PEM file is about, whatever kind of file somebody has at hand."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pki.csr import read_request
from pki.foreign_certificates import UNREADABLE
from pki.keys import check_key_strength, spki_sha256
from pki.refusals import Refusal


def fingerprint_in(pem: str) -> str:
    """SHA-256 (hex) of the SubjectPublicKeyInfo in a certificate, a certificate request or a public key.

    Raises CsrRejected with the code `not-pem`, or what reading a request raises.
    """
    try:
        if "-----BEGIN CERTIFICATE-----" in pem:
            return spki_sha256(check_key_strength(x509.load_pem_x509_certificate(pem.encode()).public_key()))
        if "-----BEGIN PUBLIC KEY-----" in pem:
            return spki_sha256(check_key_strength(load_pem_public_key(pem.encode())))
    except UNREADABLE:
        raise Refusal.NOT_PEM.because("the certificate or public key cannot be read") from None
    return read_request(pem).spki_sha256

"""The tester's side of TLS, and what it demands of the server's (TC_A_04, TC_086)."""

import socket
import ssl
import warnings
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
"""The four that a CSMS must offer, by OpenSSL's names (A00.FR.318/.421; 1.6 A00.FR.317/.421)."""


@dataclass(frozen=True)
class Met:
    """How a handshake ended."""

    version: str
    suite: str
    certificate: x509.Certificate


def trusting(*roots: str, suites: str = "") -> ssl.SSLContext:
    """A client that trusts these roots (PEM), and speaks TLS 1.2 with these suites alone when any are named."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata="".join(roots))
    if suites:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suites)
    return context


def outdated(*roots: str) -> ssl.SSLContext:
    """A client that can do TLS 1.0 and 1.1 only."""
    context = trusting(*roots)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def shake_hands(port: int, context: ssl.SSLContext) -> Met:
    """One handshake with the service. Raises ssl.SSLError."""
    with (
        socket.create_connection(("localhost", port), timeout=15) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        der = secured.getpeercert(binary_form=True)
        assert der is not None
        cipher = secured.cipher()
        assert cipher is not None
        return Met(str(secured.version()), cipher[0], x509.load_der_x509_certificate(der))


def check_server_certificate(certificate: x509.Certificate, name: str) -> None:
    """Strong enough, numbered, and for this name."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        assert key.key_size >= 2048
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.key_size >= 224
    assert certificate.serial_number > 0
    [common_name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == name

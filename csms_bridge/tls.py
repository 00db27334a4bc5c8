"""The TLS side of the endpoint: versions, suites, both server certificates, and a verifier that leaves time to us.

Both policies show two server certificates, ECDSA and RSA. A client certificate is asked for and not demanded: one
address serves profiles 2 and 3. Chain and possession of the key are checked here; validity in time, revocation and
identity are admission's, where the reason can be recorded (ADR 0002).

What the stack does by itself: an SNI is not needed and not looked at, and a station's max_fragment_length (RFC 6066
§4) is kept by OpenSSL, which needs and has no switch. The CertificateRequest names no authorities, of which a fleet
may have many: the list would be the largest part of a handshake.
"""

import ssl
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki.authority import ServerCredential


class TlsPolicy(StrEnum):
    """Which suites a port offers under TLS 1.2; TLS 1.3 is offered by all."""

    CERTIFICATION = "certification"
    """The four that every CSMS must offer (OCPP 2.0.1 A00.FR.318/.421; 1.6 white paper ed. 3 A00.FR.317/.421)."""
    HARDENED = "hardened"
    """Forward secrecy always: no static RSA. A station that knows RSA certificates alone still gets in by ECDHE."""


_ECDSA = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
SUITES = {
    TlsPolicy.CERTIFICATION: (*_ECDSA, "AES128-GCM-SHA256", "AES256-GCM-SHA384"),
    TlsPolicy.HARDENED: (*_ECDSA, "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"),
}
# X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which the ssl module has no name for.
NO_CHECK_TIME = ssl.VerifyFlags(0x200000)


def server_context(
    credentials: Sequence[ServerCredential],
    anchors: Sequence[x509.Certificate],
    policy: TlsPolicy = TlsPolicy.CERTIFICATION,
) -> ssl.SSLContext:
    """A context with every credential (one per key family), trusting `anchors` for client certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(SUITES[policy]) + ":@SECLEVEL=2")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # Every connection proves its certificate anew: a resumed session would skip that.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    for credential in credentials:
        _load(context, credential)
    context.load_verify_locations(cadata="".join(pem_of(anchor) for anchor in anchors))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= NO_CHECK_TIME
    return context


def verified_root(connection: ssl.SSLObject) -> bytes | None:
    """The root that the peer's chain was found to end in, DER; None when it showed no certificate.

    Python has had a public name for this since 3.13 only.
    """
    ask = getattr(connection, "get_verified_chain", None)
    if ask is not None:
        chain = ask()
        return chain[-1] if chain else None
    inner = connection._sslobj.get_verified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
    return ssl.PEM_cert_to_DER_cert(inner[-1].public_bytes()) if inner else None


def pem_of(certificate: x509.Certificate) -> str:
    """One PEM block."""
    return certificate.public_bytes(Encoding.PEM).decode()


def _load(context: ssl.SSLContext, credential: ServerCredential) -> None:
    # The ssl module reads a chain from a file only; it holds nothing secret. The key's file is encrypted.
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        chain.write_text(credential.chain_pem)
        context.load_cert_chain(chain, credential.key_path, credential.key_password.text)

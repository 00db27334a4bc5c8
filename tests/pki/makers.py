"""A maker's own little authority, made when tests run: its root, what stands between, its stations' certificates."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from pki.clock import utc_now
from pki.keys import PrivateKey

SIGNING = x509.KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip
NOT_SIGNING = x509.KeyUsage(
    digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


@dataclass(frozen=True)
class Maker:
    """A certificate and its key: a root, or a sub-CA."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def certify(self, name: str, key: PrivateKey, *, is_authority: bool = False, days: int = 3650) -> x509.Certificate:
        """A certificate under this one."""
        usage = SIGNING if is_authority else NOT_SIGNING
        return _built(name, key, self.certificate.subject, self.key, is_authority, usage, _now(), days)

    def below(self, name: str) -> "Maker":
        """A sub-CA."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Maker(self.certify(name, key, is_authority=True), key)


def maker_root(
    name: str = "Volt Motors Device Root",
    *,
    key: PrivateKey | None = None,
    is_authority: bool | None = True,
    usage: x509.KeyUsage | None = SIGNING,
    start: datetime | None = None,
    days: int = 3650,
    signed_by: PrivateKey | None = None,
) -> Maker:
    """A self-signed root; the arguments spoil it. `is_authority` None leaves BasicConstraints out."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    return Maker(_built(name, key, subject, signed_by or key, is_authority, usage, start or _now(), days), key)


def _built(
    name: str,
    key: PrivateKey,
    issuer: x509.Name,
    signer: PrivateKey,
    is_authority: bool | None,
    usage: x509.KeyUsage | None,
    start: datetime,
    days: int,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder(issuer, _name(name), key.public_key(), x509.random_serial_number())
        .not_valid_before(start - timedelta(days=1))
        .not_valid_after(start + timedelta(days=days))
    )
    if is_authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(signer, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Volt Motors"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
        ]
    )


def _now() -> datetime:
    return utc_now().replace(microsecond=0)


def small_rsa_key() -> rsa.RSAPrivateKey:
    """1,024 bits, which nobody should trust."""
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - the weak key is the point

"""A certificate authority made anew in every test run; no key of it is ever in the tree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Issuer:
    """A CA certificate with its key."""

    certificate: x509.Certificate
    key: Key

    def issue(
        self,
        common_name: str,
        key: PublicKey,
        *,
        ca: bool = False,
        host: str | None = None,
        begin: timedelta = timedelta(hours=-1),
        end: timedelta = timedelta(days=90),
    ) -> x509.Certificate:
        return _sign(common_name, key, self.certificate.subject, self.key, ca, host, begin, end)


def _sign(
    common_name: str,
    key: PublicKey,
    issuer: x509.Name | None,
    signer: Key,
    ca: bool,
    host: str | None,
    begin: timedelta,
    end: timedelta,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin)
        .not_valid_after(now + end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if host:
        names = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())


def new_root(common_name: str = "Throw-away root", *, end: timedelta = timedelta(days=365)) -> Issuer:
    key = ec_key()
    begin = min(timedelta(hours=-1), end - timedelta(days=1))
    certificate = _sign(common_name, key.public_key(), None, key, True, None, begin, end)
    return Issuer(certificate, key)


class ThrowawayAuthority:
    """Root, one sub CA, and what they sign."""

    @cached_property
    def root(self) -> Issuer:
        return new_root()

    @cached_property
    def sub_ca(self) -> Issuer:
        key = ec_key()
        return Issuer(self.root.issue("Throw-away stations", key.public_key(), ca=True), key)

    @property
    def root_pem(self) -> str:
        return pem(self.root.certificate)

    def chain_for(self, csr_pem: str, **limits: timedelta) -> str:
        """Sign a request; gives leaf and sub CA as PEM."""
        request = x509.load_pem_x509_csr(csr_pem.encode())
        assert request.is_signature_valid
        name = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        key = request.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        return pem(self.sub_ca.issue(str(name), key, **limits)) + pem(self.sub_ca.certificate)

    def write_server_files(self, folder: Path, *, rsa_key: bool = False) -> Path:
        """Put a server key and certificate for localhost into one file for `ssl`."""
        key: Key = rsa.generate_private_key(65537, 2048) if rsa_key else ec_key()
        certificate = self.root.issue("localhost", key.public_key(), host="localhost")
        file = folder / f"server-{certificate.serial_number:x}.pem"
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        file.write_text(plain + pem(certificate))
        return file

    def write_root(self, folder: Path) -> Path:
        file = folder / "root.pem"
        file.write_text(self.root_pem)
        return file

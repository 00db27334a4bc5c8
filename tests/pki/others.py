"""Authorities and certificates of others, made afresh: keys of P-256 take no time."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

RESPONDER = "http://ocsp.mo.example/status"
START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
_SIGNS = {"key_cert_sign": True, "crl_sign": True}
_USES = dict.fromkeys(
    ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
     "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
)  # fmt: skip


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def certified(
    name: str,
    issuer: Holder | None = None,
    *,
    is_authority: bool = True,
    path_length: int | None = None,
    responder: str | None = RESPONDER,
    start: datetime = START,
    end: datetime = END,
    extra: x509.ExtensionType | None = None,
    critical: bool = False,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> Holder:
    """A certificate by `issuer`, or a root."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder(
            issuer.certificate.subject if issuer else _name(name), _name(name), key.public_key(),
            x509.random_serial_number(),
        )
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(is_authority, path_length if is_authority else None), critical=True)
    )  # fmt: skip
    uses = _USES | (_SIGNS if is_authority else {"digital_signature": True})
    builder = builder.add_extension(x509.KeyUsage(**uses), critical=True)
    if responder:
        place = x509.UniformResourceIdentifier(responder)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    if extra is not None:
        builder = builder.add_extension(extra, critical=critical)
    return Holder(builder.sign(signer, hashes.SHA256()), key)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

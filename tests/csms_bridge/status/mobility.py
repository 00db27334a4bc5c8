"""A small Plug & Charge world: a mobility operator's root, two sub-CAs, contract certificates, and its responder."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from csms_bridge.station_certificates import HashData
from csms_bridge.status.subjects import Subject
from tests.csms_bridge.room import NOON
from tests.pki.others import RESPONDER, Holder, certified

EMAID = "NL-MOB-C12345678-1"


@dataclass(frozen=True)
class World:
    """The operator's hierarchy with one contract."""

    root: Holder
    upper: Holder
    lower: Holder
    contract: Holder

    @property
    def chain(self) -> str:
        """As a vehicle shows it: leaf first, no root."""
        return self.contract.pem + self.lower.pem + self.upper.pem

    @property
    def subject(self) -> Subject:
        """The contract certificate."""
        return Subject.of(self.contract.certificate, self.lower.certificate)


def a_world(responder: str = RESPONDER) -> World:
    """Made afresh: keys of P-256 take no time."""
    root = certified("MO Root", responder=None)
    upper = certified("MO Sub-CA 1", root, responder=responder)
    lower = certified("MO Sub-CA 2", upper, responder=responder)
    contract = certified(EMAID.replace("-", ""), lower, is_authority=False, responder=responder)
    return World(root, upper, lower, contract)


def hash_data(subject: Subject) -> HashData:
    """As a station spells it."""
    return HashData(subject.algorithm, subject.name_hash.hex(), subject.key_hash.hex(), f"{subject.serial:X}")


def response(
    certificate: x509.Certificate,
    issuer: Holder,
    *,
    revoked: bool = False,
    unknown: bool = False,
    signer: Holder | None = None,
    at: datetime = NOON,
    life: timedelta | None = timedelta(hours=8),
    algorithm: hashes.HashAlgorithm | None = None,
    include: tuple[x509.Certificate, ...] = (),
) -> bytes:
    """An OCSP response, signed by the issuer or by a responder of its own."""
    status = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
    signer = signer or issuer
    builder = ocsp.OCSPResponseBuilder().add_response(
        certificate, issuer.certificate, algorithm or hashes.SHA256(),
        ocsp.OCSPCertStatus.UNKNOWN if unknown else status, at, at + life if life else None,
        at if revoked else None, None,
    ).responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)  # fmt: skip
    if include:
        builder = builder.certificates(list(include))
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def responder_of(issuer: Holder, **more: object) -> Holder:
    """A delegated responder."""
    use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
    return certified("MO Responder", issuer, is_authority=False, responder=None, extra=use, **more)


def revocation_list(
    issuer: Holder,
    *serials: int,
    at: datetime = NOON,
    life: timedelta = timedelta(days=7),
    extra: x509.ExtensionType | None = None,
    signer: Holder | None = None,
) -> bytes:
    """A CRL in DER."""
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, at, at + life)
    for serial in serials:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, at).build())
    if extra is not None:
        builder = builder.add_extension(extra, critical=True)
    return builder.sign((signer or issuer).key, hashes.SHA256()).public_bytes(Encoding.DER)

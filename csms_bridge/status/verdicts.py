"""What an OCSP response or a revocation list says of a certificate, believed only with its issuer's signature. Pure.

Stations that pass a response on check it themselves (M06); these rules are for answers in which *we* say good or
revoked (M07, C07). The issuer is looked for among the certificates that the caller trusts to be authorities and those
that came with the response: its name and its key must have the hashes that the station gave, and no other key has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from csms_bridge.answers import CertificateStanding
from csms_bridge.errors import StatusUnavailable
from csms_bridge.status.subjects import Subject
from pki.errors import CsrRejected, ReturnedRefused
from pki.foreign_certificates import UNREADABLE
from pki.foreign_crls import is_signed_by, read_crl
from pki.keys import check_key_strength

CLOCKS_DIFFER = timedelta(minutes=5)
NO_NEXT_UPDATE = timedelta(hours=1)
"""How long an answer counts that does not say so itself (RFC 6960 §2.4: newer information is always there)."""
_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
_GOOD_HASHES = tuple(_HASHES.values())
_KNOWN_IN_LISTS = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER, ExtensionOID.ISSUING_DISTRIBUTION_POINT,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a responder says, and until when that counts."""

    standing: CertificateStanding
    next_update: datetime


def status_request(subject: Subject) -> bytes:
    """The OCSPRequest in DER, without a nonce, so that answers can be kept (RFC 5019 §2.1.1)."""
    algorithm = _HASHES[subject.algorithm]()
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        subject.name_hash, subject.key_hash, subject.serial, algorithm
    )
    return builder.build().public_bytes(Encoding.DER)


def kept_until(der: bytes, subject: Subject, now: datetime) -> datetime:
    """Until when a response about this certificate may be given out. Its signature is the station's matter (M06).

    Raises StatusUnavailable for what is no response, or not about this certificate, or over.
    """
    return _until(_single(_response(der), subject), now)


def ocsp_verdict(der: bytes, subject: Subject, authorities: Iterable[x509.Certificate], now: datetime) -> Verdict:
    """What a response proves. Raises StatusUnavailable when it proves nothing."""
    response = _response(der)
    single = _single(response, subject)
    until = _until(single, now)
    issuer = next((one for one in (*authorities, *response.certificates) if _is_issuer(subject, one)), None)
    if issuer is None:
        raise _unproven("the certificate's issuer is not known here, so the response cannot be checked")
    if not any(_signed(response, signer) for signer in _signers(response, issuer, now)):
        raise _unproven("the response is not signed by the certificate's issuer, nor by a responder of it")
    return Verdict(_STANDING[single.certificate_status], until)


def list_verdict(
    content: bytes, url: str, subject: Subject, authorities: Iterable[x509.Certificate], now: datetime
) -> Verdict:
    """What a revocation list, fetched from `url`, proves. Raises StatusUnavailable when it proves nothing.

    A list that does not cover all that its issuer issues proves who is revoked, and nobody good.
    """
    try:
        crl = read_crl(content)
        issuer = next((one for one in authorities if _is_issuer(subject, one)), None)
        if issuer is None:
            raise _unproven("the certificate's issuer is not known here, so the list cannot be checked")
        if not isinstance(crl.signature_hash_algorithm, _GOOD_HASHES) or not is_signed_by(crl, issuer):
            raise _unproven("the revocation list is not signed by the certificate's issuer")
        until = _fresh(crl.last_update_utc, crl.next_update_utc, now)
        if crl.get_revoked_certificate_by_serial_number(subject.serial) is not None:
            return Verdict(CertificateStanding.REVOKED, until)
        return Verdict(CertificateStanding.GOOD if _covers_all(crl, url) else CertificateStanding.UNKNOWN, until)
    except (ReturnedRefused, CsrRejected, *UNREADABLE):
        raise _no_list() from None


def list_kept_until(content: bytes, now: datetime) -> datetime:
    """Until when a revocation list may be kept, whoever signed it. Raises StatusUnavailable."""
    try:
        crl = read_crl(content)
    except ReturnedRefused:
        raise _no_list() from None
    return _fresh(crl.last_update_utc, crl.next_update_utc, now)


def _response(der: bytes) -> ocsp.OCSPResponse:
    try:
        response = ocsp.load_der_ocsp_response(der)
        status = response.response_status
        if status is ocsp.OCSPResponseStatus.SUCCESSFUL:
            _ = response.tbs_response_bytes, response.certificates, response.responder_name
            return response
    except UNREADABLE:
        raise StatusUnavailable("ResponderFailed", "what the responder sent is no OCSP response") from None
    words = status.name.lower().replace("_", " ")
    raise StatusUnavailable("ResponderFailed", f"the responder does not answer for this certificate: {words}")


def _single(response: ocsp.OCSPResponse, subject: Subject) -> ocsp.OCSPSingleResponse:
    try:
        for one in response.responses:
            named = Subject(
                one.hash_algorithm.name.upper(), one.issuer_name_hash, one.issuer_key_hash, one.serial_number
            )
            if named == subject:
                return one
    except UNREADABLE:
        raise StatusUnavailable("ResponderFailed", "the responder's answer cannot be read") from None
    raise StatusUnavailable("ResponderFailed", "the responder answered about another certificate")


def _until(single: ocsp.OCSPSingleResponse, now: datetime) -> datetime:
    return _fresh(single.this_update_utc, single.next_update_utc, now)


def _fresh(this_update: datetime, next_update: datetime | None, now: datetime) -> datetime:
    until = this_update + NO_NEXT_UPDATE if next_update is None else next_update
    if this_update > now + CLOCKS_DIFFER or until <= now:
        raise StatusUnavailable("ResponderFailed", "the responder's answer is over, or not yet valid")
    return until


def _is_issuer(subject: Subject, candidate: x509.Certificate) -> bool:
    try:
        return subject.is_issued_by(candidate)
    except UNREADABLE:
        return False


def _signers(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> Iterator[x509.Certificate]:
    """Whose signature counts: the issuer itself, and responders that it certified for it (RFC 6960 §4.2.2.2)."""
    yield issuer
    for one in response.certificates:
        if _is_responder_of(one, issuer, now):
            yield one


def _is_responder_of(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, x509.ExtensionNotFound, *UNREADABLE):
        return False
    good = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    return good and ExtendedKeyUsageOID.OCSP_SIGNING in uses


def _signed(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    try:
        key = check_key_strength(signer.public_key())
        algorithm = response.signature_hash_algorithm
        if not isinstance(algorithm, _GOOD_HASHES):
            return False
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, CsrRejected, *UNREADABLE):
        return False
    return True


def _covers_all(crl: x509.CertificateRevocationList, url: str) -> bool:
    for extension in crl.extensions:
        if extension.critical and extension.oid not in _KNOWN_IN_LISTS:
            return False  # a delta list among them
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            point = extension.value
            names = [str(name.value) for name in point.full_name or ()]
            partial = (
                point.only_contains_user_certs or point.only_contains_ca_certs
                or point.only_contains_attribute_certs or point.only_some_reasons or point.indirect_crl
            )  # fmt: skip
            if partial or point.relative_name or (names and url not in names):
                return False
    return True


def _no_list() -> StatusUnavailable:
    return StatusUnavailable("ResponderFailed", "that is no revocation list")


def _unproven(sentence: str) -> StatusUnavailable:
    return StatusUnavailable("NotVerified", sentence)


_STANDING = {
    ocsp.OCSPCertStatus.GOOD: CertificateStanding.GOOD,
    ocsp.OCSPCertStatus.REVOKED: CertificateStanding.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: CertificateStanding.UNKNOWN,
}

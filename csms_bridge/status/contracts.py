"""A contract certificate's chain, proven up to an anchor that the operator recorded for contracts. Pure.

Plug & Charge (OCPP 2.x C07): the station passes the chain on when it lacks the root. What cannot be proven is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from csms_bridge.answers import ContractVerdict
from csms_bridge.station_certificates import StatusSource
from csms_bridge.status.subjects import Subject
from pki.errors import CsrRejected
from pki.foreign_certificates import UNREADABLE, is_signed
from pki.keys import check_key_strength

MOST = 6  # ISO 15118-2 has four: leaf, two sub-CAs, root
_MOST_URLS = 5  # as many as 2.1 lets a station name
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.CERTIFICATE_POLICIES,
}  # fmt: skip


class ChainRefused(Exception):
    """The chain proves nothing: `verdict` in OCPP's words, and one sentence for our log."""

    def __init__(self, verdict: ContractVerdict, sentence: str) -> None:
        super().__init__(sentence)
        self.verdict = verdict
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A certificate of the chain, and where its own issuer says that its status can be had."""

    subject: Subject
    source: StatusSource
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContractPath:
    """A chain that is proven: the contract certificate first, an anchor last."""

    certificates: tuple[x509.Certificate, ...]

    @property
    def holder(self) -> str:
        """The CN of the contract certificate, which is the eMAID (ISO 15118-2 annex F)."""
        names = self.certificates[0].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return str(names[0].value) if names else ""

    def inquiries(self) -> list[Inquiry]:
        """What is to be asked about: every certificate below the anchor."""
        return [_inquiry(one, issuer) for one, issuer in zip(self.certificates, self.certificates[1:], strict=False)]


def prove_chain(pem: str, anchors: Sequence[x509.Certificate], now: datetime) -> ContractPath:
    """Read a PEM chain, leaf first, and prove it up to one of the anchors. Raises ChainRefused."""
    shown = _read(pem)
    path = _path(shown, anchors)
    try:
        for below, authority in enumerate(path[1:]):
            _check_authority(authority, below)
        for one in path:
            _check(one, now)
    except (CsrRejected, *UNREADABLE) as fault:
        raise _broken(f"a certificate cannot be used: {fault}") from None
    return ContractPath(tuple(path))


def is_same_emaid(token: str, holder: str) -> bool:
    """Whether token and certificate name the same contract: hyphens and case are spelling (ISO 15118-2 annex H)."""
    return token.replace("-", "").casefold() == holder.replace("-", "").casefold()


def _read(pem: str) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(pem.replace("\\n", "\n").encode())
        for one in found:
            _ = one.subject, one.issuer, one.extensions, one.public_key(), one.signature_hash_algorithm
    except UNREADABLE:
        raise _broken("the chain is not certificates in PEM") from None
    if len(found) > MOST:
        raise _broken(f"the chain has {len(found)} certificates, where {MOST} are the most")
    return found


def _path(shown: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    path = [shown[0]]
    while len(path) <= MOST:
        if anchor := next((one for one in anchors if is_signed(path[-1], one)), None):
            return [*path, anchor]
        above = next((one for one in shown if one not in path and is_signed(path[-1], one)), None)
        if above is None:
            break
        path.append(above)
    raise _broken(f"the chain ends at {path[-1].issuer.rfc4514_string()[:200]}, which is no anchor for contracts")


def _check(certificate: x509.Certificate, now: datetime) -> None:
    check_key_strength(certificate.public_key())
    if now > certificate.not_valid_after_utc:
        sentence = f"{certificate.subject.rfc4514_string()[:200]} ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
        raise ChainRefused(ContractVerdict.EXPIRED, sentence)
    if now < certificate.not_valid_before_utc:
        raise _broken("a certificate of the chain is not yet valid")
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise _broken(f"a critical extension is not understood ({extension.oid.dotted_string})")


def _check_authority(certificate: x509.Certificate, below: int) -> None:
    """With `below` authorities standing below it (RFC 5280 §6.1.4)."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        may_sign = certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        raise _broken("a certificate above the contract's is no authority's") from None
    if not constraints.ca or not may_sign:
        raise _broken("a certificate above the contract's may not sign certificates")
    if constraints.path_length is not None and constraints.path_length < below:
        raise _broken("more authorities stand below one another than are allowed")


def _inquiry(certificate: x509.Certificate, issuer: x509.Certificate) -> Inquiry:
    subject = Subject.of(certificate, issuer)
    if responders := _responders(certificate):
        return Inquiry(subject, StatusSource.OCSP, responders)
    return Inquiry(subject, StatusSource.CRL, _lists(certificate))


def _responders(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return ()
    places = [one.access_location for one in access if one.access_method == AuthorityInformationAccessOID.OCSP]
    return tuple(str(place.value) for place in places if isinstance(place, x509.UniformResourceIdentifier))[:_MOST_URLS]


def _lists(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()
    names = [name for point in points if not point.reasons and not point.crl_issuer for name in point.full_name or ()]
    return tuple(str(name.value) for name in names if isinstance(name, x509.UniformResourceIdentifier))[:_MOST_URLS]


def _broken(sentence: str) -> ChainRefused:
    return ChainRefused(ContractVerdict.CHAIN_ERROR, sentence)

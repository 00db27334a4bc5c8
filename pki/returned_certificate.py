"""A certificate that came back for one of our requests, and the chain above it: read, put in order, proved.

Whoever signed it may have made a mistake, and whoever carried it may be somebody else. Nothing of it is believed before
the whole path to a self-signed root is checked (RFC 5280 §6.1), with the demands of what will stand below it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from pki.errors import CsrRejected, ReturnedRefused
from pki.firmware_check import LONGEST_CERTIFICATE
from pki.foreign_certificates import UNREADABLE
from pki.keys import algorithm_of, check_key_strength, spki_sha256
from pki.name_constraints import why_not_allowed

LONGEST = 256 * 1024  # characters of PEM
_MOST = 10
_GOOD_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
# What we check or what cannot do harm; any other critical extension may say what we would not obey (§4.2).
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.INHIBIT_ANY_POLICY,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
}
_NEEDED_USE = {"stations": ExtendedKeyUsageOID.CLIENT_AUTH, "csms": ExtendedKeyUsageOID.SERVER_AUTH}


@dataclass(frozen=True, slots=True)
class Expected:
    """What was asked for, and what the authority is going to certify."""

    subject: x509.Name
    spki_sha256: str
    post: str
    leaf_subject: x509.Name
    hostnames: tuple[str, ...]


def read_certificates(pem: str) -> list[x509.Certificate]:
    """All certificates of a PEM text; empty for one without any. Raises ReturnedRefused."""
    if len(pem) > LONGEST:
        raise ReturnedRefused("too-long", f"the certificates are longer than {LONGEST} characters")
    if "-----BEGIN CERTIFICATE-----" not in pem:
        if pem.strip():
            raise ReturnedRefused("not-pem", "there is no PEM block called CERTIFICATE")
        return []
    try:
        found = x509.load_pem_x509_certificates(pem.encode("utf-8", "replace"))
        for one in found:  # the parser is lazy
            _ = one.subject, one.issuer, one.extensions, one.public_key(), one.signature_hash_algorithm
    except UNREADABLE:
        raise ReturnedRefused("unreadable", "a certificate cannot be read", "RFC 5280 §4.1") from None
    if len(found) > _MOST:
        raise ReturnedRefused("too-long", f"there are {len(found)} certificates, where {_MOST} are the most")
    return found


def path_above(certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The certificates above this one up to a self-signed root, by names and signatures. Raises ReturnedRefused."""
    path: list[x509.Certificate] = []
    at = certificate
    while at.subject != at.issuer:
        above = next((one for one in others if _signed(one, at) and one not in path), None)
        if above is None:
            named = [one for one in others if one.subject == at.issuer]
            if named:
                sentence = f"{_name(at)} is not signed by the {_name(named[0])} that came with it"
                raise ReturnedRefused("bad-signature", sentence, "RFC 5280 §6.1.3")
            sentence = f"the chain ends at {_name(at)}; the certificate of {at.issuer.rfc4514_string()} is missing"
            raise ReturnedRefused(
                "incomplete-chain", sentence, hint="Give the whole chain up to the root with --chain."
            )
        path.append(above)
        at = above
    if at is certificate:
        raise ReturnedRefused("self-signed", "the certificate is self-signed; a root is not what was asked for")
    if not _signed(at, at):
        raise ReturnedRefused("bad-signature", f"the root {_name(at)} does not carry its own signature")
    return path


def check_returned(
    certificate: x509.Certificate, path: Sequence[x509.Certificate], expected: Expected, now: datetime
) -> None:
    """Prove the certificate against what was asked for, and its path. Raises ReturnedRefused."""
    for check in _CHECKS:
        check(certificate, expected)
    for depth, one in enumerate((certificate, *path)):
        _check_link(one, depth, now)
    whole = [certificate, *path]
    # Constraints bind what stands below the certificate that states them; a root's count too, as for most clients.
    for subject in (expected.subject, expected.leaf_subject):
        hosts = expected.hostnames if expected.post == "csms" and subject is expected.leaf_subject else ()
        bound = whole[1:] if subject is expected.subject else whole
        if why := why_not_allowed(bound, subject, hosts):
            raise ReturnedRefused("name-constraints", why, "RFC 5280 §4.2.1.10")


def check_returned_signer(
    certificate: x509.Certificate, path: Sequence[x509.Certificate], expected: Expected, now: datetime
) -> None:
    """The same for a firmware signer, which stands directly under a root and certifies nothing (L01).

    Raises ReturnedRefused.
    """
    _key_is_ours(certificate, expected)
    _name_is_ours(certificate, expected)
    name = _name(certificate)
    if len(path) != 1:
        sentence = f"between {name} and the root stands {_name(path[0])}; stations check against the root alone"
        raise ReturnedRefused("not-under-the-root", sentence, "OCPP 2.0.1 edition 3 L01 (remark)")
    _check_time(certificate, name, now)
    _may_sign_firmware(certificate, name)
    _check_algorithms(certificate, name)
    _check_extensions(certificate, name)
    _check_link(path[0], 0, now)
    if len(certificate.public_bytes(Encoding.PEM)) > LONGEST_CERTIFICATE:
        sentence = f"the certificate has more than the {LONGEST_CERTIFICATE} characters of PEM that OCPP has room for"
        raise ReturnedRefused("too-long", sentence, "OCPP 2.0.1 edition 3 FirmwareType.signingCertificate")
    if why := why_not_allowed(path, expected.subject, ()):
        raise ReturnedRefused("name-constraints", why, "RFC 5280 §4.2.1.10")


def _may_sign_firmware(certificate: x509.Certificate, name: str) -> None:
    found = {one.oid: one.value for one in certificate.extensions}
    constraints, use = found.get(ExtensionOID.BASIC_CONSTRAINTS), found.get(ExtensionOID.KEY_USAGE)
    if isinstance(constraints, x509.BasicConstraints) and constraints.ca:
        raise ReturnedRefused("an-authority", f"{name} is an authority's certificate, and a signer's was asked for")
    if not isinstance(use, x509.KeyUsage) or not use.digital_signature or use.key_cert_sign or use.crl_sign:
        sentence = f"{name} must be for digital signatures and for nothing that authorities do"
        raise ReturnedRefused("wrong-key-usage", sentence, "RFC 5280 §4.2.1.3, OCPP 2.0.1 edition 3 L01.FR.21")
    uses = found.get(ExtensionOID.EXTENDED_KEY_USAGE)
    if isinstance(uses, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CODE_SIGNING not in uses:
        raise ReturnedRefused("wrong-extended-use", f"{name} is not for signing code", "RFC 5280 §4.2.1.12")


def _key_is_ours(certificate: x509.Certificate, expected: Expected) -> None:
    if _fingerprint(certificate) != expected.spki_sha256:
        raise ReturnedRefused("wrong-key", "the certificate is for another key than the one that was made here")


def _name_is_ours(certificate: x509.Certificate, expected: Expected) -> None:
    if certificate.subject != expected.subject:
        asked, got = expected.subject.rfc4514_string(), _name(certificate)
        hint = "Have the parent keep the name of the request."
        raise ReturnedRefused("wrong-name", f"the certificate names {got}, and {asked} was asked for", hint=hint)


def _is_issuing_authority(certificate: x509.Certificate, _: Expected) -> None:
    constraints = _basic_constraints(certificate)
    if constraints.path_length != 0:
        sentence = f"the path length is {_shown(constraints.path_length)}; an issuing authority's is 0"
        hint = "Have the parent set pathLenConstraint to 0, so that a stolen key can make no further authorities."
        raise ReturnedRefused("wrong-path-length", sentence, "RFC 5280 §4.2.1.9", hint)


def _uses_suit(certificate: x509.Certificate, expected: Expected) -> None:
    """An extended key usage in an authority's certificate binds what stands below it, for most clients."""
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    needed = _NEEDED_USE[expected.post]
    if needed not in uses and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in uses:
        sentence = f"the extended key usages leave out what {expected.post} need ({needed.dotted_string})"
        raise ReturnedRefused("wrong-extended-use", sentence, "RFC 5280 §4.2.1.12")


_CHECKS: tuple[Callable[[x509.Certificate, Expected], None], ...] = (
    _key_is_ours,
    _name_is_ours,
    _is_issuing_authority,
    _uses_suit,
)


def _check_link(certificate: x509.Certificate, below: int, now: datetime) -> None:
    """One certificate of the path, with `below` authorities standing below it."""
    name = _name(certificate)
    _check_time(certificate, name, now)
    limit = _basic_constraints(certificate).path_length
    if limit is not None and limit < below:
        sentence = f"{name} lets only {limit} authorities stand below it, where there are {below}"
        raise ReturnedRefused("wrong-path-length", sentence, "RFC 5280 §4.2.1.9")
    _check_use(certificate, name)
    _check_algorithms(certificate, name)
    _check_extensions(certificate, name)


def _check_time(certificate: x509.Certificate, name: str, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise ReturnedRefused("not-yet", f"{name} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d} on")
    if now > certificate.not_valid_after_utc:
        raise ReturnedRefused("expired", f"{name} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")


def _check_extensions(certificate: x509.Certificate, name: str) -> None:
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            sentence = f"{name} has a critical extension that is not understood ({extension.oid.dotted_string})"
            raise ReturnedRefused("unknown-extension", sentence, "RFC 5280 §4.2")


def _check_use(certificate: x509.Certificate, name: str) -> None:
    try:
        use = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        use = None
    if use is None or not (use.key_cert_sign and use.crl_sign):
        sentence = f"{name} may not sign certificates and revocation lists"
        raise ReturnedRefused("wrong-key-usage", sentence, "RFC 5280 §4.2.1.3")


def _check_algorithms(certificate: x509.Certificate, name: str) -> None:
    try:
        algorithm_of(check_key_strength(certificate.public_key()))
    except CsrRejected as weak:
        raise ReturnedRefused("weak-key", f"{name}: {weak.sentence}", weak.clause) from None
    except (KeyError, ValueError):
        sentence = f"{name} has a key of a kind that stations cannot be expected to know"
        raise ReturnedRefused(
            "key-type", sentence, hint="P-256, P-384 and RSA of 2048, 3072 or 4096 bits are."
        ) from None
    if not isinstance(certificate.signature_hash_algorithm, _GOOD_HASHES):
        raise ReturnedRefused("weak-signature", f"{name} is signed with a hash that is not of the SHA-2 family")


def _basic_constraints(certificate: x509.Certificate) -> x509.BasicConstraints:
    """Of an authority's certificate. Raises ReturnedRefused when it is none."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = None
    if constraints is None or not constraints.ca:
        sentence = f"{_name(certificate)} is no authority's certificate (CA:TRUE is missing)"
        raise ReturnedRefused("no-authority", sentence, "RFC 5280 §4.2.1.9")
    return constraints


def _signed(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _fingerprint(certificate: x509.Certificate) -> str:
    try:
        return spki_sha256(check_key_strength(certificate.public_key()))
    except CsrRejected as weak:
        raise ReturnedRefused(weak.code, weak.sentence, weak.clause) from None


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:200]


def _shown(limit: int | None) -> str:
    return "not limited" if limit is None else str(limit)

"""What a certificate must be before the signer signs it: one rule per function, each over what was parsed anew.

A rule takes a Case and returns a sentence when it is broken, else None. No rule looks at anything that the other
processes say; they look at the octets, at the signer's own settings, and at the reservation in the database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from pki.errors import CsrRejected
from pki.foreign_certificates import UNREADABLE
from pki.keys import KeyAlgorithm, PublicKey, check_key_strength, family_of, spki_sha256
from pki.profiles import KeyUse, Profile
from pki.signer_process.known import KnownAuthority
from pki.signer_process.reservations import Reservation

_SIGNED_BY = {KeyAlgorithm.EC_P256: "1.2.840.10045.4.3.2", KeyAlgorithm.EC_P384: "1.2.840.10045.4.3.3"}
_RSA_SHA256 = "1.2.840.113549.1.1.11"
_STALE = timedelta(minutes=10)  # an intent as old as this is given up and revoked (pki/unfinished.py)
_CLOCKS_DIFFER = timedelta(minutes=5)
_KNOWN_EXTENSIONS = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.OCSP_NO_CHECK,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One certificate to be. `authority` is None for a key that becomes an authority's in this ceremony."""

    to_be_signed: bytes
    specimen: x509.Certificate
    authority: KnownAuthority | None
    key: PublicKey
    algorithm: KeyAlgorithm
    profile: Profile | None
    reservation: Reservation | None
    in_ceremony: bool
    now: datetime

    @property
    def is_authority(self) -> bool:
        """Whether it would be an authority's certificate. Anything but a clear no counts as one."""
        constraints = self.specimen.extensions.get_extension_for_class(x509.BasicConstraints)
        return constraints.value.ca or not constraints.critical


Rule = Callable[[Case], str | None]


def nothing_is_left_over(case: Case) -> str | None:
    """What was parsed is the whole of what would be signed."""
    return None if case.specimen.tbs_certificate_bytes == case.to_be_signed else "octets are left over"


def is_version_3(case: Case) -> str | None:
    """RFC 5280 §4.1.2.1."""
    return None if case.specimen.version is x509.Version.v3 else "the version is not 3"


def signature_algorithm_is_the_keys(case: Case) -> str | None:
    """RFC 5280 §4.1.2.3."""
    inside = case.specimen.signature_algorithm_oid.dotted_string
    return None if inside == _SIGNED_BY.get(case.algorithm, _RSA_SHA256) else f"the signature algorithm is {inside}"


def issuer_is_the_keys_authority(case: Case) -> str | None:
    """RFC 5280 §4.1.2.4, §4.2.1.1: the name octet by octet, and the key."""
    expected = x509.AuthorityKeyIdentifier.from_issuer_public_key(case.key).key_identifier
    found = case.specimen.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    if found != expected:
        return "the authority key identifier is another key's"
    if case.authority is not None and case.specimen.issuer.public_bytes() != case.authority.subject:
        return "the issuer is another authority"
    return None


def serial_was_reserved(case: Case) -> str | None:
    """The serial number was claimed, for this authority and this key."""
    reservation = case.reservation
    if reservation is None:
        return "the serial number was not reserved"
    if case.authority is not None and reservation.authority != case.authority.name:
        return "the serial number was reserved for another authority"
    if reservation.spki_sha256 != spki_sha256(_certified(case)):
        return "the serial number was reserved for another key"
    return None


def intent_is_open(case: Case) -> str | None:
    """What is to be signed was recorded before, octet by octet, and has come to no end yet."""
    reservation = case.reservation
    if reservation is None or reservation.to_be_signed != case.to_be_signed:
        return "it is not what was recorded as the intent"
    if reservation.settled is not None:
        return f"the intent is {reservation.settled} already"
    if reservation.intended_at < case.now - _STALE:
        return "the intent is too old"
    return None


def authority_may_issue_it(case: Case) -> str | None:
    """Each authority fills one post; what stands in a profile for that post is all it may issue."""
    profile = case.profile
    if profile is None:
        return "there is no such profile"
    if profile.is_authority or case.authority is None:
        return None  # a ceremony's business, which the next rule sees to
    if profile.post and profile.post != case.authority.post:
        return f"this authority does not issue {profile.name} certificates"
    return None


def authorities_only_in_a_ceremony(case: Case) -> str | None:
    """RFC 5280 §4.2.1.9: CA:FALSE, critical, from keys that issue leaves."""
    if case.profile is not None and case.profile.is_authority is not case.is_authority:
        return "BasicConstraints are not the profile's"
    if not case.in_ceremony and (case.is_authority or case.authority is None):
        return "it would be an authority, and this is no ceremony"
    return None


def validity_is_within_bounds(case: Case) -> str | None:
    """RFC 5280 §4.1.2.5: no longer than the profile's ceiling, never past the issuer's end."""
    start, end = case.specimen.not_valid_before_utc, case.specimen.not_valid_after_utc
    profile, authority = case.profile, case.authority
    if profile is not None and not timedelta(0) < end - start <= max(profile.ceiling, profile.validity):
        return "the validity is empty or longer than the profile's"
    if profile is not None and not case.now - profile.backdate - _CLOCKS_DIFFER <= start <= case.now + _CLOCKS_DIFFER:
        return "the validity does not begin now"
    if authority is not None and not authority.not_before <= start < end <= authority.not_after:
        return "the validity leaves the issuer's"
    return None


def uses_are_the_profiles(case: Case) -> str | None:
    """RFC 5280 §4.2.1.3, §4.2.1.12: KeyUsage and ExtendedKeyUsage, no bit more and none less."""
    if case.profile is None:
        return "there is no such profile"
    usage = case.specimen.extensions.get_extension_for_class(x509.KeyUsage)
    bits = {use for use in KeyUse if getattr(usage.value, use.value)}
    others = usage.value.content_commitment or usage.value.data_encipherment
    if not usage.critical or others or bits != case.profile.key_use(family_of(_certified(case))):
        return "KeyUsage is not the profile's"
    if _extended_uses(case.specimen) != [use.value for use in case.profile.extended_use]:
        return "ExtendedKeyUsage is not the profile's"
    return None


def nothing_else_is_inside(case: Case) -> str | None:
    """RFC 5280 §4.2: no extension that our profiles do not have; nocheck (RFC 6960 §4.2.2.2.1) for responders only."""
    found = {extension.oid for extension in case.specimen.extensions}
    odd = found - _KNOWN_EXTENSIONS
    if case.profile is not None and (ExtensionOID.OCSP_NO_CHECK in found) is not case.profile.no_check:
        odd.add(ExtensionOID.OCSP_NO_CHECK)
    return "extensions too many or too few: " + ", ".join(sorted(one.dotted_string for one in odd)) if odd else None


RULES: tuple[Rule, ...] = (
    nothing_is_left_over,
    is_version_3,
    signature_algorithm_is_the_keys,
    issuer_is_the_keys_authority,
    authorities_only_in_a_ceremony,
    authority_may_issue_it,
    validity_is_within_bounds,
    uses_are_the_profiles,
    nothing_else_is_inside,
    serial_was_reserved,
    intent_is_open,
)


def broken_rule(case: Case) -> tuple[str, str] | None:
    """The first rule that is broken: its name in kebab-case, and the sentence. None when it may be signed."""
    for rule in RULES:
        try:
            sentence = rule(case)
        except x509.ExtensionNotFound as missing:
            sentence = f"an extension is missing: {missing.oid.dotted_string}"
        except CsrRejected as weak:
            sentence = weak.sentence
        except UNREADABLE:
            sentence = "it cannot be read"
        if sentence:
            return rule.__name__.replace("_", "-"), sentence
    return None


def _certified(case: Case) -> PublicKey:
    return check_key_strength(case.specimen.public_key())


def _extended_uses(specimen: x509.Certificate) -> list[str]:
    try:
        found = specimen.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return []
    return [identifier.dotted_string for identifier in found]

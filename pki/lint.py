"""One check per clause, over the specimen of a certificate that is about to be signed.

A check takes the specimen and its plan and returns a sentence when the clause is broken, else None. The checks
read the encoded bytes again and do not share code with the builder, so that a fault of one shows in the other.
"""

import functools
import hashlib
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, NameOID

from pki.errors import CsrRejected
from pki.keys import check_key_strength, spki_of
from pki.orders import looks_like_address
from pki.plans import Issuer, Plan
from pki.profiles import KeyUse, Profile
from pki.strict_der import elements, inside, parts, whole_octets


class Specimen:
    """A certificate that is about to be signed, as the checks see it.

    `cryptography` reads it; names and keys are compared in the octets as they stand (`pki.strict_der` cuts them out).
    """

    def __init__(self, certificate: x509.Certificate) -> None:
        self.read = certificate
        self.size = len(octets := certificate.tbs_certificate_bytes)
        self.extensions: dict[x509.ObjectIdentifier, x509.Extension[Any]] = {
            extension.oid: extension for extension in certificate.extensions
        }
        # RFC 5280 §4.1: the fields without a tag of their own, which nothing optional stands between.
        fields = [whole for tag, _, whole in elements(inside(octets, 0x30)) if tag < 0x80]
        _, _, self.issuer, _, _, self.key = fields

    def extension(self, kind: type[x509.ExtensionType]) -> x509.Extension[Any]:
        """Raises ExtensionNotFound."""
        try:
            return self.extensions[kind.oid]
        except KeyError:
            raise x509.ExtensionNotFound("missing", kind.oid) from None


Check = Callable[[Specimen, Plan], str | None]


def lint(certificate: x509.Certificate, plan: Plan) -> tuple[str, ...]:
    """Every clause that the certificate would break, as sentences. Empty when it may be signed."""
    specimen = Specimen(certificate)
    findings = []
    for check in CHECKS:
        try:
            broken = check(specimen, plan)
        except x509.ExtensionNotFound as missing:
            broken = f"an extension is missing: {missing.oid.dotted_string}"
        if broken:
            findings.append(f"{check.__name__}: {broken}")
    return tuple(findings)


def version_is_3(specimen: Specimen, _: Plan) -> str | None:
    """RFC 5280 §4.1.2.1: extensions need version 3."""
    return None if specimen.read.version is x509.Version.v3 else "the version is not 3"


def serial_is_random_and_short(specimen: Specimen, _: Plan) -> str | None:
    """RFC 5280 §4.1.2.2: positive, at most 20 octets. Ours also start with a digit from 1 to 7."""
    digits = f"{specimen.read.serial_number:x}"
    if not 31 <= len(digits) <= 40 or len(digits) % 2 or digits[0] not in "1234567":
        return f"the serial number {digits} is not 16 to 20 octets that start with a digit from 1 to 7"
    return None


def signature_suits_issuer(specimen: Specimen, plan: Plan) -> str | None:
    """RFC 5280 §4.1.2.3, RFC 5758 §3.2: the algorithm inside is the one the issuer's key signs with."""
    inside = specimen.read.signature_algorithm_oid.dotted_string
    expected = {
        "ec-p256": "1.2.840.10045.4.3.2",
        "ec-p384": "1.2.840.10045.4.3.3",
    }.get(plan.issuer.algorithm.value, "1.2.840.113549.1.1.11")
    return None if inside == expected else f"the signature algorithm is {inside}, not {expected}"


def issuer_is_the_authority(specimen: Specimen, plan: Plan) -> str | None:
    """RFC 5280 §4.1.2.4: the issuer is the authority's subject, octet by octet."""
    same = specimen.issuer == _issuer_name(plan.issuer)
    return None if same else "the issuer is not the authority's subject"


def validity_is_within_bounds(specimen: Specimen, plan: Plan) -> str | None:
    """RFC 5280 §4.1.2.5, and never outside the issuer's own validity."""
    start, end = specimen.read.not_valid_before_utc, specimen.read.not_valid_after_utc
    if (start, end) != (plan.not_before, plan.not_after):
        return "the validity is not the planned one"
    if not plan.issuer.not_before <= start < end <= plan.issuer.not_after:
        return "the validity is empty or leaves the issuer's"
    if end - start > max(plan.profile.ceiling, plan.profile.validity):
        return f"the validity exceeds {plan.profile.ceiling}"
    return None


def subject_is_name_and_organisation(specimen: Specimen, plan: Plan) -> str | None:
    """A00.FR.509–511, X.520: exactly one O and one CN, as on record, 64 characters at most."""
    found = [(attribute.oid, attribute.value) for attribute in specimen.read.subject]
    expected = [(NameOID.ORGANIZATION_NAME, plan.organisation), (NameOID.COMMON_NAME, plan.common_name)]
    if found != expected:
        return "the subject is not O and CN from our records"
    if any(not 0 < len(value) <= 64 for _, value in found):
        return "O or CN is empty or longer than 64 characters"
    return None


def station_name_is_no_address(_: Specimen, plan: Plan) -> str | None:
    """A00.FR.511: a station's CN is not shaped like a URL or an IP address."""
    wrong = plan.profile.names_station and looks_like_address(plan.common_name)
    return "the station's CN looks like an address" if wrong else None


def key_is_strong_and_planned(specimen: Specimen, plan: Plan) -> str | None:
    """A00.FR.502: it is the key that was asked for; and that has 112 bits of strength at least."""
    if specimen.key != plan.spki:
        return "the key is not the planned one"
    try:
        check_key_strength(plan.public_key)
    except CsrRejected as weak:
        return weak.sentence
    return None


def basic_constraints_suit(specimen: Specimen, plan: Plan) -> str | None:
    """RFC 5280 §4.2.1.9: critical, CA only for authorities, with the path length of the profile."""
    found = specimen.extension(x509.BasicConstraints)
    said = (found.critical, found.value.ca, found.value.path_length)
    expected = (True, plan.profile.is_authority, plan.profile.path_length)
    return None if said == expected else "BasicConstraints are not the profile's"


def key_usage_suits(specimen: Specimen, plan: Plan) -> str | None:
    """RFC 5280 §4.2.1.3, A00.FR.512: present, critical, exactly the profile's bits."""
    found = specimen.extension(x509.KeyUsage)
    bits = {use for use, name in _KEY_USES if getattr(found.value, name)}
    others = found.value.content_commitment or found.value.data_encipherment
    suits = found.critical and not others and bits == plan.profile.key_use(plan.key_family)
    return None if suits else "KeyUsage is not the profile's"


def extended_key_usage_suits(specimen: Specimen, plan: Plan) -> str | None:
    """RFC 5280 §4.2.1.12; none for stations (A00.FR.514)."""
    found = specimen.extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    numbers = [identifier.dotted_string for identifier in found.value] if found else []
    suits = numbers == [use.value for use in plan.profile.extended_use]
    return None if suits else "ExtendedKeyUsage is not the profile's"


def alternative_names_suit(specimen: Specimen, plan: Plan) -> str | None:
    """RFC 6125 §6.4.4: servers repeat the CN among the names. Stations have none (A00.FR.511)."""
    found = specimen.extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    if found is None:
        return "there are no host names" if plan.profile.names_hosts else None
    names = [str(name.value) for name in found.value]
    if names != list(plan.hostnames) or any("*" in name for name in names):
        return "SubjectAltName is not the planned list of host names"
    return None if plan.common_name in names else "the CN is not among the host names"


def key_identifiers_chain(specimen: Specimen, plan: Plan) -> str | None:
    """RFC 5280 §4.2.1.1–2: SHA-1 over the key's bit string, of the issuer's key and of this one."""
    subject = specimen.extension(x509.SubjectKeyIdentifier).value.digest
    issuer = specimen.extension(x509.AuthorityKeyIdentifier).value.key_identifier
    expected = (_key_identifier(specimen.key), _issuer_key_identifier(plan.issuer))
    return None if (subject, issuer) == expected else "the key identifiers do not lead to the issuer"


def pointers_are_ours(specimen: Specimen, plan: Plan) -> str | None:
    """RFC 5280 §4.2.2.1 and §4.2.1.13: OCSP, issuer and CRL shard under the operator's address, or none."""
    if not plan.profile.has_pointers:
        return None
    access = specimen.extension(x509.AuthorityInformationAccess).value
    points = specimen.extension(x509.CRLDistributionPoints).value
    base = plan.addresses.public_url
    shard = specimen.read.serial_number % plan.issuer.crl_shards
    expected = [(AuthorityInformationAccessOID.CA_ISSUERS, f"{base}/pki/{plan.issuer.name}.cer")]
    if plan.addresses.has_ocsp:
        expected.insert(0, (AuthorityInformationAccessOID.OCSP, f"{base}/pki/ocsp"))
    if [(entry.access_method, entry.access_location.value) for entry in access] != expected:
        return "the authority information access is not ours"
    urls = [[name.value for name in point.full_name or ()] for point in points]
    return None if urls == [[f"{base}/pki/crl/{plan.issuer.name}/{shard}.crl"]] else "the CRL address is not ours"


def nothing_else_is_inside(specimen: Specimen, plan: Plan) -> str | None:
    """No extension beyond the profile's (RFC 5280 §4.2); nothing can slip in from a request."""
    expected = _extensions_of(plan.profile)
    odd = ", ".join(sorted(identifier.dotted_string for identifier in specimen.extensions.keys() ^ expected))
    return f"extensions too many or too few: {odd}" if odd else None


def chain_fits_the_station(specimen: Specimen, plan: Plan) -> str | None:
    """OCPP A02: MaxCertificateChainSize is recommended as 5,600; small stations take no more."""
    if plan.profile.chain_limit is None:
        return None
    # The specimen's signature has not the length of a real one.
    grown = specimen.size + _signature_room(plan)
    above = plan.issuer.chain_pem_length if plan.chain_above is None else plan.chain_above
    length = _pem_length(grown) + above
    too_long = length > plan.profile.chain_limit
    return f"the chain has {length} characters, more than {plan.profile.chain_limit}" if too_long else None


_KEY_USES = tuple((use, use.value) for use in KeyUse)
CHECKS: tuple[Check, ...] = (
    version_is_3,
    serial_is_random_and_short,
    signature_suits_issuer,
    issuer_is_the_authority,
    validity_is_within_bounds,
    subject_is_name_and_organisation,
    station_name_is_no_address,
    key_is_strong_and_planned,
    basic_constraints_suit,
    key_usage_suits,
    extended_key_usage_suits,
    alternative_names_suit,
    key_identifiers_chain,
    pointers_are_ours,
    nothing_else_is_inside,
    chain_fits_the_station,
)


@functools.lru_cache(maxsize=256)
def _extensions_of(profile: Profile) -> frozenset[x509.ObjectIdentifier]:
    possible = {
        ExtensionOID.BASIC_CONSTRAINTS: True,
        ExtensionOID.KEY_USAGE: True,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER: True,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: True,
        ExtensionOID.EXTENDED_KEY_USAGE: bool(profile.extended_use),
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME: profile.names_hosts,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS: profile.has_pointers,
        ExtensionOID.CRL_DISTRIBUTION_POINTS: profile.has_pointers,
        ExtensionOID.OCSP_NO_CHECK: profile.no_check,
    }
    return frozenset(identifier for identifier, wanted in possible.items() if wanted)


def _signature_room(plan: Plan) -> int:
    """Octets around the to-be-signed part: outer headers, algorithm, and the longest signature."""
    longest = {"ec-p256": 72, "ec-p384": 104}.get(plan.issuer.algorithm.value)
    return 30 + (longest or int(plan.issuer.algorithm.value.removeprefix("rsa-")) // 8)


def _pem_length(octets: int) -> int:
    """Characters of a certificate of so many octets in PEM (RFC 7468): 64 a line, with a final line end."""
    characters = -(-octets // 3) * 4
    lines = -(-characters // 64)
    return characters + lines + len("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")


def _key_identifier(spki: bytes) -> bytes:
    """SHA-1 over the bit string of a SubjectPublicKeyInfo."""
    _, bits = parts(inside(spki, 0x30), 0x30, 0x03)
    return hashlib.sha1(whole_octets(bits), usedforsecurity=False).digest()


@functools.lru_cache(maxsize=256)
def _issuer_key_identifier(issuer: Issuer) -> bytes:
    return _key_identifier(spki_of(issuer.public_key))


@functools.lru_cache(maxsize=256)
def _issuer_name(issuer: Issuer) -> bytes:
    return issuer.subject.public_bytes()

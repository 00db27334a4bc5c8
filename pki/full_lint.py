"""The full linter: pkilint reads a certificate by a parser of its own and checks the whole of RFC 5280. Pure.

It takes milliseconds, too long for every certificate before it is signed: `pki.shapes` and `pki.relint` say when it
runs.
"""

import functools
import re
from importlib.metadata import version

from asn1crypto import x509 as asn1
from pkilint import loader
from pkilint.pkix import certificate, extension, name
from pkilint.validation import ValidationFindingSeverity, ValidatorContainer

from pki.settings import is_host_name

_URL = re.compile(r"https?://([^/:@?#]+)(?::[0-9]{1,5})?/[A-Za-z0-9/._~-]*")
_WITH_URLS = {"authority_information_access", "crl_distribution_points"}  # asn1crypto trips over IPv6 addresses in URLs
_FIELDS = ("version", "serial_number", "signature", "issuer", "validity", "subject", "subject_public_key_info")
LINTER = f"pkilint {version('pkilint')}"


def full_lint(der: bytes) -> tuple[str, ...]:
    """What speaks against a certificate, as sentences, at warning level or above. Empty when all is well.

    Signatures are not looked at, so that a specimen can be linted before it is signed.
    """
    try:
        document = loader.load_certificate(der, "certificate")
        results = _validator().validate(document.root)
    except ValueError as unreadable:
        return (f"{LINTER} cannot read it: {unreadable}",)
    findings = [
        f"{described.finding.code}: {described.message or described.finding.severity.name.lower()}"
        for result in results
        for described in result.finding_descriptions
        if described.finding.severity <= ValidationFindingSeverity.WARNING  # FATAL is the lowest number
        and not _is_a_short_name(described.finding.code, described.message or "")
    ]
    return tuple(findings) + _reads_back(der)


def _is_a_short_name(code: str, message: str) -> bool:
    """Whether all that pkilint minds is a host name of one label, such as `localhost`, which RFC 1034 §3.5 allows.

    It quotes the name at the end of its message; other bad names and addresses stay findings.
    """
    said = message.partition('"')[2].removesuffix('"')
    if code == "pkix.invalid_domain_name_syntax":
        return "." not in said and is_host_name(said)
    if code != "pkix.invalid_uri_syntax":
        return False
    url = _URL.fullmatch(said)
    return url is not None and "." not in url[1] and is_host_name(url[1])


def _reads_back(der: bytes) -> tuple[str, ...]:
    """A third parser, asn1crypto, takes it apart and puts it together to the same bytes: they are DER, nothing else."""
    try:
        read = asn1.Certificate.load(der, strict=True)
        body = read["tbs_certificate"]
        parts = [body[field] for field in _FIELDS]
        # The parser is lazy: only this reaches what the extensions hold.
        parts += [one["extn_value"].parsed for one in body["extensions"] if one["extn_id"].native not in _WITH_URLS]
        same = all(part.dump() == part.dump(force=True) for part in parts)
        return () if same else ("asn1crypto does not write back the bytes that it read",)
    except (ValueError, TypeError) as unreadable:
        return (f"asn1crypto cannot read it: {unreadable}",)


@functools.cache
def _validator() -> ValidatorContainer:
    """All that pkilint knows of RFC 5280, put together as its `lint_pkix_cert` does."""
    decoding = certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS)
    return certificate.create_pkix_certificate_validator_container(
        decoding,
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )

"""What a revocation list must be before the signer signs it (RFC 5280 §5)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from pki.foreign_certificates import UNREADABLE
from pki.keys import KeyAlgorithm
from pki.signer_process.known import KnownAuthority

_SIGNED_BY = {KeyAlgorithm.EC_P256: "1.2.840.10045.4.3.2", KeyAlgorithm.EC_P384: "1.2.840.10045.4.3.3"}
_RSA_SHA256 = "1.2.840.113549.1.1.11"
_CLOCKS_DIFFER = timedelta(minutes=5)
_FULL = "full"
_KNOWN_EXTENSIONS = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.CRL_NUMBER,
    ExtensionOID.ISSUING_DISTRIBUTION_POINT,
}


@dataclass(frozen=True, slots=True)
class ListCase:
    """One list to be. `longest` is how long a list may be good."""

    to_be_signed: bytes
    specimen: x509.CertificateRevocationList
    authority: KnownAuthority
    longest: timedelta
    now: datetime


ListRule = Callable[[ListCase], str | None]


def nothing_is_left_over(case: ListCase) -> str | None:
    """What was parsed is the whole of what would be signed."""
    return None if case.specimen.tbs_certlist_bytes == case.to_be_signed else "octets are left over"


def signature_algorithm_is_the_keys(case: ListCase) -> str | None:
    """RFC 5280 §5.1.2.2."""
    inside = case.specimen.signature_algorithm_oid.dotted_string
    suits = inside == _SIGNED_BY.get(case.authority.algorithm, _RSA_SHA256)
    return None if suits else f"the signature algorithm is {inside}"


def issuer_is_the_keys_authority(case: ListCase) -> str | None:
    """RFC 5280 §5.1.2.3, §5.2.1."""
    expected = x509.AuthorityKeyIdentifier.from_issuer_public_key(case.authority.public_key).key_identifier
    found = case.specimen.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    suits = found == expected and case.specimen.issuer.public_bytes() == case.authority.subject
    return None if suits else "the issuer is another authority"


def times_are_of_now(case: ListCase) -> str | None:
    """RFC 5280 §5.1.2.4–5: it begins now, and is good no longer than the settings say."""
    start, end = case.specimen.last_update_utc, case.specimen.next_update_utc
    if start > case.now + _CLOCKS_DIFFER:
        return "it begins in the future"
    if end is None or not start < end <= start + case.longest + timedelta(seconds=1):
        return "it is good for too long"
    return None


def is_whole_or_a_shard(case: ListCase) -> str | None:
    """RFC 5280 §5.2.5: a shard says so, critically, by the address in its certificates; deltas are not ours."""
    if {extension.oid for extension in case.specimen.extensions} - _KNOWN_EXTENSIONS:
        return "it has extensions that our lists do not have"
    shard = scope_of(case)
    if shard == _FULL:
        return None
    found = re.fullmatch(rf"https?://\S+/pki/crl/{re.escape(case.authority.name)}/([0-9]+)\.crl", shard)
    if found is None or int(found[1]) >= case.authority.crl_shards:
        return "its address is none of this authority's"
    return None


LIST_RULES: tuple[ListRule, ...] = (
    nothing_is_left_over,
    signature_algorithm_is_the_keys,
    issuer_is_the_keys_authority,
    times_are_of_now,
    is_whole_or_a_shard,
)


def broken_list_rule(case: ListCase) -> tuple[str, str] | None:
    """The first rule that is broken, as `certificate_rules.broken_rule`."""
    for rule in LIST_RULES:
        try:
            sentence = rule(case)
        except x509.ExtensionNotFound as missing:
            sentence = f"an extension is missing: {missing.oid.dotted_string}"
        except UNREADABLE:
            sentence = "it cannot be read"
        if sentence:
            return rule.__name__.replace("_", "-"), sentence
    return None


def scope_of(case: ListCase) -> str:
    """What the list covers: `full`, or the address of its shard. Numbers rise within a scope."""
    try:
        point = case.specimen.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    except x509.ExtensionNotFound:
        return _FULL
    names = list(point.value.full_name or ())
    return str(names[0].value) if point.critical and len(names) == 1 else ""


def number_of(case: ListCase) -> int:
    """The list's number (RFC 5280 §5.2.3). Raises x509.ExtensionNotFound."""
    return case.specimen.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

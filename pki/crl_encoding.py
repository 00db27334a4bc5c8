"""The octets of a revocation list (RFC 5280 §5), written directly.

`cryptography`'s builder copies all entries for each one that is added and wants the private key itself; asn1crypto
takes 0.4 ms per entry. What is written here is read back by `cryptography` before anybody gets it.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from pki import der
from pki.errors import MisSigned
from pki.keys import Signer, assemble
from pki.plans import Issuer
from pki.revocation import RevocationReason

_VERSION_2 = der.integer(1)
_CRITICAL = b"\x01\x01\xff"
_AUTHORITY_KEY = bytes.fromhex("0603551d23")  # 2.5.29.35
_CRL_NUMBER = bytes.fromhex("0603551d14")  # 2.5.29.20
_ISSUING_POINT = bytes.fromhex("0603551d1c")  # 2.5.29.28
_REASON = bytes.fromhex("0603551d15")  # 2.5.29.21


@dataclass(frozen=True, slots=True)
class ListHead:
    """What a list says about itself. `address` is the distribution point of a shard; a full list has none."""

    number: int
    this_update: datetime
    next_update: datetime
    address: str | None


class Entries:
    """Encoded entries: about 40 octets each, so that 100,000 are 4 MB."""

    def __init__(self) -> None:
        self._encoded = bytearray()
        self.count = 0

    def add(self, serial: str, revoked_at: datetime, reason: str) -> None:
        """One entry; `serial` is hex. Its reason is left out when it is `unspecified` (RFC 5280 §5.3.1)."""
        self._encoded += der.sequence(der.integer(int(serial, 16)), _date(revoked_at), _reason(reason))
        self.count += 1

    def encoded(self) -> bytes:
        """The field revokedCertificates, which must be absent when nothing is revoked (RFC 5280 §5.1.2.6)."""
        return der.tlv(0x30, bytes(self._encoded)) if self.count else b""


def build_crl(issuer: Issuer, signer: Signer, head: ListHead, entries: Entries) -> bytes:
    """A signed CRL in DER. Raises SignerUnavailable, MisSigned."""
    body = der.sequence(
        _VERSION_2,
        issuer.algorithm.identifier,
        issuer.subject.public_bytes(),
        der.time(head.this_update),
        der.time(head.next_update),
        entries.encoded(),
        der.tlv(0xA0, der.sequence(*_extensions(issuer, head))),
    )
    encoded = assemble(body, issuer.algorithm, signer.sign(body))
    _check(encoded, issuer, head.number, entries.count)
    return encoded


def _extensions(issuer: Issuer, head: ListHead) -> Iterable[bytes]:
    """The address ties a list to its shard (RFC 5280 §5.2.5). A list without one is about all that was issued."""
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key)
    yield der.sequence(_AUTHORITY_KEY, der.octet_string(authority.public_bytes()))
    yield der.sequence(_CRL_NUMBER, der.octet_string(der.integer(head.number)))
    if head.address is not None:
        yield der.sequence(_ISSUING_POINT, _CRITICAL, der.octet_string(_issuing_point(head.address)))


def _issuing_point(address: str) -> bytes:
    point = x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(address)],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    return point.public_bytes()


@functools.lru_cache(maxsize=4096)  # many are revoked in the same second
def _date(moment: datetime) -> bytes:
    return der.time(moment)


@functools.cache
def _reason(reason: str) -> bytes:
    """crlEntryExtensions with the reasonCode, an ENUMERATED."""
    number = RevocationReason(reason).number
    if number == 0:
        return b""
    return der.sequence(der.sequence(_REASON, der.octet_string(der.tlv(0x0A, bytes((number,))))))


def _check(encoded: bytes, issuer: Issuer, number: int, entries: int) -> None:
    """Read our own list by another implementation before anybody gets it."""
    published = x509.load_der_x509_crl(encoded)
    found = published.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    is_fine = published.is_signature_valid(issuer.public_key) and published.issuer == issuer.subject
    if not is_fine or found != number or len(published) != entries:
        raise MisSigned(f"the revocation list {number} of {issuer.name} came back wrong")

"""OCSP responses out (RFC 6960 §4.2), encoded directly: one signature is most of what an answer costs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from pki import der
from pki.keys import Signer
from pki.revocation import RevocationReason
from pki.to_be_signed import key_identifier

_BASIC_RESPONSE = bytes.fromhex("06092b0601050507300101")  # id-pkix-ocsp-basic
_NONCE = bytes.fromhex("06092b0601050507300102")
_EXTENDED_REVOKE = bytes.fromhex("06092b0601050507300109")
_NULL = b"\x05\x00"


def _time(moment: datetime) -> bytes:
    """GeneralizedTime, whichever the year (RFC 6960 §4.2.2.1)."""
    return der.tlv(0x18, f"{moment:%Y%m%d%H%M%SZ}".encode())


class Failure(IntEnum):
    """An answer without a signature (OCSPResponseStatus, RFC 6960 §4.2.1)."""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    UNAUTHORIZED = 6


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of one certificate; use GOOD, UNKNOWN, NEVER_ISSUED or `revoked`."""

    encoded: bytes  # CertStatus
    is_extended: bool = False


def revoked(at: datetime, reason: RevocationReason, *, is_extended: bool = False) -> Status:
    """RevokedInfo; the reason is left out when it is `unspecified`."""
    parts = [_time(at)]
    if reason is not RevocationReason.UNSPECIFIED:
        parts.append(der.tlv(0xA0, der.tlv(0x0A, bytes((reason.number,)))))
    return Status(der.tlv(0xA1, b"".join(parts)), is_extended)


GOOD = Status(b"\x80\x00")
UNKNOWN = Status(b"\x82\x00")
# RFC 6960 §2.2: a serial number that the authority never used, so that whoever shows it has a forgery.
NEVER_ISSUED = revoked(datetime(1970, 1, 1, tzinfo=UTC), RevocationReason.CERTIFICATE_HOLD, is_extended=True)


@dataclass(frozen=True, slots=True)
class Responder:
    """Who signs the answers of one authority."""

    certificate: bytes  # DER
    spki: bytes  # SubjectPublicKeyInfo, DER
    serial: str
    signer: Signer
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Single:
    """The answer about one certificate. `cert_id` is DER, as it was asked."""

    cert_id: bytes
    status: Status


def failure(status: Failure) -> bytes:
    """An OCSPResponse that says only what went wrong."""
    return der.sequence(der.tlv(0x0A, bytes((status,))))


def response(
    responder: Responder, singles: Sequence[Single], nonce: bytes | None, this_update: datetime, next_update: datetime
) -> bytes:
    """A signed OCSPResponse in DER. Raises SignerUnavailable."""
    times = _time(this_update) + der.tlv(0xA0, _time(next_update))
    answers = [der.sequence(single.cert_id, single.status.encoded, times) for single in singles]
    body = der.sequence(
        der.tlv(0xA2, der.octet_string(key_identifier(responder.spki))),
        _time(this_update),  # producedAt
        der.sequence(*answers),
        _extensions(singles, nonce),
    )
    basic = der.sequence(
        body,
        responder.signer.algorithm.identifier,
        der.bit_string(responder.signer.sign(body)),
        der.tlv(0xA0, der.sequence(responder.certificate)),
    )
    successful = der.tlv(0x0A, b"\x00")
    return der.sequence(successful, der.tlv(0xA0, der.sequence(_BASIC_RESPONSE, der.octet_string(basic))))


def _extensions(singles: Iterable[Single], nonce: bytes | None) -> bytes:
    """responseExtensions: the nonce (RFC 9654 §2.1), and that `revoked` may mean never issued (§4.4.8)."""
    found = []
    if nonce is not None:
        found.append(der.sequence(_NONCE, der.octet_string(der.octet_string(nonce))))
    if any(single.status.is_extended for single in singles):
        found.append(der.sequence(_EXTENDED_REVOKE, der.octet_string(_NULL)))
    return der.tlv(0xA1, der.sequence(*found)) if found else b""

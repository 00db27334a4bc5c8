"""Online certificate status (RFC 6960), answered by a delegated responder per authority.

A request may ask for several certificates of one authority. What an authority of ours never issued is `revoked` with
the extended meaning (§2.2): a client that got `unknown` would ask a revocation list next, and that knows no forgeries.
An intent that is still open is `unknown`, since it may come true. A request about nobody of ours is `unauthorized`,
which costs no signature (RFC 5019 §2.2.3).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from asn1crypto import x509 as asn1_x509
from sqlalchemy import select
from sqlmodel import Session, col

from pki.errors import PkiError, SignerUnavailable
from pki.hierarchy import AuthorityInfo
from pki.ocsp_encoding import (
    GOOD,
    NEVER_ISSUED,
    UNKNOWN,
    Failure,
    Responder,
    Single,
    Status,
    failure,
    response,
    revoked,
)
from pki.ocsp_request import MalformedRequestError, Question, StatusRequest, read_status_request
from pki.revocation import RevocationReason
from pki.store import Store
from pki.tables import CertificateRow, CrossCertificateRow, IntentRow, RevokedRow, SerialRow

log = structlog.get_logger()

_HASHES = ("sha1", "sha256", "sha384", "sha512")  # OCPP's CertificateHashDataType has the last three
_RESPONDER_KEPT = timedelta(seconds=60)
_REST_AFTER_FAILURE = timedelta(seconds=5)
_AUTHORITIES_KEPT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, eq=False)
class StatusAnswer:
    """An OCSPResponse in DER. What may be kept and given out again says until when, and what it depends on."""

    der: bytes
    this_update: datetime | None = None
    next_update: datetime | None = None
    serials: frozenset[str] = frozenset()  # the certificate's and the responder's, when it may be kept
    shards: frozenset[tuple[str, int]] = frozenset()  # authority and shard of both

    def is_fresh(self, now: datetime) -> bool:
        """Whether it may be given out again: in the first half of its life."""
        if not self.serials or self.this_update is None or self.next_update is None:
            return False
        return self.this_update <= now < self.this_update + (self.next_update - self.this_update) / 2


class OcspResponder:
    """Answers requests. `authorities` lists ours; `responder` finds who signs for one."""

    def __init__(
        self,
        store: Store,
        authorities: Callable[[], list[AuthorityInfo]],
        responder: Callable[[str, datetime], Responder],
        validity: timedelta,
    ) -> None:
        self._store = store
        self._authorities = authorities
        self._find_responder = responder
        self._validity = validity
        self._responders: dict[str, tuple[Responder, datetime]] = {}
        self._failed: dict[str, datetime] = {}
        self._issuers: dict[tuple[str, bytes, bytes], AuthorityInfo] = {}
        self._issuers_read: datetime | None = None

    def answer(self, der: bytes, now: datetime) -> StatusAnswer:
        """An OCSPResponse, whatever came in; never raises."""
        try:
            return self._answer(read_status_request(der), now.replace(microsecond=0))
        except MalformedRequestError:
            return StatusAnswer(failure(Failure.MALFORMED_REQUEST))
        except SignerUnavailable:
            log.warning("ocsp_signer_unavailable")
            return StatusAnswer(failure(Failure.TRY_LATER))
        except Exception:
            log.exception("ocsp_failed")
            return StatusAnswer(failure(Failure.INTERNAL_ERROR))

    def forget_responders(self) -> None:
        """Look again who signs, with the next answer: one of them may have been revoked."""
        self._responders.clear()

    def _answer(self, request: StatusRequest, now: datetime) -> StatusAnswer:
        named = [self._authority(question, now) for question in request.questions]
        # One response has one signer. What belongs to other authorities is answered `unknown`, RFC 6960 §2.2.
        signing = next((info for info in named if info is not None), None)
        if signing is None:
            return StatusAnswer(failure(Failure.UNAUTHORIZED))
        with self._store.reading() as session:
            found = [
                _status(session, question.serial, signing.name)
                if info is not None and info.name == signing.name
                else (UNKNOWN, None)
                for question, info in zip(request.questions, named, strict=True)
            ]
        return self._signed(request, signing, found, now)

    def _signed(
        self,
        request: StatusRequest,
        signing: AuthorityInfo,
        found: Sequence[tuple[Status, int | None]],
        now: datetime,
    ) -> StatusAnswer:
        responder = self._responder(signing.name, now)
        next_update = min(now + self._validity, responder.not_after)
        singles = [
            Single(question.cert_id, status) for question, (status, _) in zip(request.questions, found, strict=True)
        ]
        der = response(responder, singles, request.nonce, now, next_update)
        shard = found[0][1]
        if request.nonce is not None or len(found) > 1 or shard is None:
            return StatusAnswer(der)
        responder_shard = int(responder.serial, 16) % signing.crl_shards
        return StatusAnswer(
            der,
            now,
            next_update,
            frozenset({request.questions[0].serial, responder.serial}),
            frozenset({(signing.name, shard), (signing.name, responder_shard)}),
        )

    def _responder(self, authority: str, now: datetime) -> Responder:
        """Who signs; not looked for with every request, least of all after that went wrong."""
        kept = self._responders.get(authority)
        if kept is not None and kept[1] <= now < kept[1] + _RESPONDER_KEPT:
            return kept[0]
        failed = self._failed.get(authority)
        if failed is not None and failed <= now < failed + _REST_AFTER_FAILURE:
            raise SignerUnavailable(f"ocsp-{authority}", "it could not just now")
        try:
            responder = self._find_responder(authority, now)
        except PkiError:
            self._failed[authority] = now
            raise
        self._responders[authority] = (responder, now)
        return responder

    def _authority(self, question: Question, now: datetime) -> AuthorityInfo | None:
        """Which authority of ours the CertID names (RFC 6960 §4.1.1)."""
        named = (question.algorithm, question.name_hash, question.key_hash)
        if named not in self._issuers and not self._knows_all(now):
            self._issuers = {
                (algorithm, *_issuer_hashes(info.der, algorithm)): info
                for info in self._authorities()
                for algorithm in _HASHES
            }
            self._issuers_read = now
        return self._issuers.get(named)

    def _knows_all(self, now: datetime) -> bool:
        """Whether the authorities were read just now; strangers must not have them read all the time."""
        return self._issuers_read is not None and self._issuers_read <= now < self._issuers_read + _AUTHORITIES_KEPT


def _status(session: Session, serial: str, authority: str) -> tuple[Status, int | None]:
    """The status, and for a certificate on record its CRL shard.

    Revoked rows count first: they also name serial numbers whose certificate was never recorded.
    """
    row = session.get(RevokedRow, serial)
    if row is not None and row.authority == authority:
        return revoked(row.revoked_at, RevocationReason(row.reason)), row.shard
    ours = (col(CertificateRow.serial) == serial, col(CertificateRow.authority) == authority)
    shard = session.execute(select(col(CertificateRow.crl_shard)).where(*ours)).scalar()
    if shard is not None:
        return GOOD, shard
    return _unrecorded(session, serial, authority), None


def _unrecorded(session: Session, serial: str, authority: str) -> Status:
    cross = session.get(CrossCertificateRow, serial)
    if cross is not None and cross.issuer == authority:
        return GOOD
    intended = (
        select(col(IntentRow.serial))
        .join(SerialRow, col(SerialRow.serial) == col(IntentRow.serial))
        .where(col(IntentRow.serial) == serial, col(SerialRow.authority) == authority)
    )
    return NEVER_ISSUED if session.execute(intended).first() is None else UNKNOWN


def _issuer_hashes(der: bytes, algorithm: str) -> tuple[bytes, bytes]:
    """The hashes of an issuer's name (whole DER) and key (bit string without its first octet)."""
    certificate = asn1_x509.Certificate.load(der)
    parts = (certificate.subject.dump(), certificate.public_key["public_key"].contents[1:])
    name, key = (hashlib.new(algorithm, part, usedforsecurity=False).digest() for part in parts)
    return name, key

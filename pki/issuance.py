"""The order of issuing, as types. Each step takes the token of the step before and spends it.

    reserve_serials → Reserved → Linted → record_intents → Intended → sign → Signed → record_outcomes

A certificate cannot be signed without a committed intent, an intent cannot be recorded without a lint, nothing
can be linted without a committed serial number, and no step can be taken twice. A crash at any point leaves
rows that tell how far it came; `pki.unfinished` closes them by revoking what may have been signed.
The recording steps take several tokens at once: one transaction can serve a whole batch.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asn1crypto import x509 as second_opinion
from cryptography import x509
from sqlalchemy import select, update
from sqlmodel import Session, col

from pki.audit import AuditTrail, PkiAct
from pki.errors import CsrRejected, LintFailed, MisSigned, TokenSpent
from pki.keys import Signer, assemble, verify_signature
from pki.lint import lint
from pki.plans import Plan
from pki.store import Store, hold_lock
from pki.tables import AuthorityRow, CertificateRow, IntentRow, RevokedRow, SerialRow
from pki.to_be_signed import build_specimen, new_serial

KIND = "certificate"


@dataclass(frozen=True, slots=True)
class Warrant:
    """On whose word a certificate is made, and what was remarkable about the request."""

    plan: Plan
    by: str
    remarks: Mapping[str, str] = field(default_factory=dict)


class _SingleUse:
    """Something that may be spent once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent = False

    def spend(self) -> None:
        """Raises TokenSpent the second time."""
        with self._lock:
            if self._spent:
                raise TokenSpent(f"this {type(self).__name__} step was taken already")
            self._spent = True


class _Committed:
    """Proof that a row is committed. Made only by the functions of this file that commit one."""


class Reserved(_SingleUse):
    """A serial number that is ours, committed."""

    def __init__(self, warrant: Warrant, serial: str, _proof: _Committed) -> None:
        super().__init__()
        self.warrant = warrant
        self.serial = serial


class Linted(_SingleUse):
    """To-be-signed bytes that break no clause. Raises LintFailed, TokenSpent."""

    def __init__(self, reserved: Reserved) -> None:
        super().__init__()
        reserved.spend()
        self.warrant = reserved.warrant
        self.serial = reserved.serial
        specimen = build_specimen(self.warrant.plan, self.serial)
        if findings := lint(specimen, self.warrant.plan):
            raise LintFailed(findings)
        self.to_be_signed = specimen.tbs_certificate_bytes


class Intended(_SingleUse):
    """To-be-signed bytes whose intent is committed: the only thing that `sign` signs."""

    def __init__(self, linted: Linted, _proof: _Committed) -> None:
        super().__init__()
        self.warrant = linted.warrant
        self.serial = linted.serial
        self.to_be_signed = linted.to_be_signed


class Signed(_SingleUse):
    """A certificate that was signed and checked, and is not recorded yet: nobody may have it."""

    def __init__(self, intended: Intended, der: bytes) -> None:
        super().__init__()
        self.warrant = intended.warrant
        self.serial = intended.serial
        self.der = der


def reserve_serials(store: Store, trail: AuditTrail, warrants: Sequence[Warrant], now: datetime) -> list[Reserved]:
    """Claim a serial number for each warrant, in one transaction with the audit record.

    Raises CsrRejected for a key that is not the requester's alone; then none is claimed.
    """
    serials = [new_serial() for _ in warrants]
    claims = list(zip(warrants, serials, strict=True))
    with store.writing() as session:
        for key in sorted({warrant.plan.spki_sha256 for warrant in warrants}):
            hold_lock(session, f"key:{key}")
        for warrant, serial in claims:
            check_key_is_free(session, warrant.plan)
            session.add(_serial_row(warrant, serial, now))
            session.flush()
        for warrant, serial in claims:
            details = {"spki_sha256": warrant.plan.spki_sha256, **warrant.remarks}
            _audit(session, trail, PkiAct.CERTIFICATE_REQUESTED, warrant, serial, details, now)
    return [Reserved(warrant, serial, _Committed()) for warrant, serial in claims]


def record_intents(store: Store, trail: AuditTrail, linted: Sequence[Linted], now: datetime) -> list[Intended]:
    """Put on record what is about to be signed, before a key is touched. Raises TokenSpent."""
    for token in linted:
        token.spend()
    with store.writing() as session:
        session.add_all(_intent_row(token, now) for token in linted)
        session.flush()
        for token in linted:
            details = {"tbs_sha256": hashlib.sha256(token.to_be_signed).hexdigest()}
            details["profile_hash"] = token.warrant.plan.profile.fingerprint()
            _audit(session, trail, PkiAct.CERTIFICATE_INTENDED, token.warrant, token.serial, details, now)
    return [Intended(token, _Committed()) for token in linted]


def sign(intended: Intended, signer: Signer) -> Signed:
    """Sign exactly the intended bytes, then read the result with two other eyes.

    Raises SignerUnavailable, MisSigned, TokenSpent.
    """
    intended.spend()
    signature = signer.sign(intended.to_be_signed)
    der = assemble(intended.to_be_signed, signer.algorithm, signature)
    _check_signed(intended, der)
    return Signed(intended, der)


def record_outcomes(
    store: Store,
    trail: AuditTrail,
    signed: Sequence[Signed],
    now: datetime,
    beside: Callable[[Session, Sequence[CertificateRow]], None] | None = None,
) -> list[CertificateRow]:
    """Record the finished certificates with their audit records. Only now may anybody get them.

    `beside` may add rows of its own to the same transaction. Raises MisSigned when an intent was settled
    meanwhile, TokenSpent.
    """
    for token in signed:
        token.spend()
    with store.writing() as session:
        rows = [_record_outcome(session, token, now) for token in signed]
        if beside:
            beside(session, rows)
        for token, row in zip(signed, rows, strict=True):
            details = {"sha256": row.sha256, "subject": row.subject, "authority": row.authority}
            _audit(session, trail, PkiAct.CERTIFICATE_ISSUED, token.warrant, token.serial, details, now)
    return rows


def record_failure(store: Store, trail: AuditTrail, reserved: Reserved, fault: Exception, now: datetime) -> None:
    """Put on record that issuing stopped after the reservation, and why."""
    with store.writing() as session:
        details = {"fault": type(fault).__name__, "sentence": str(fault)}
        _audit(session, trail, PkiAct.CERTIFICATE_FAILED, reserved.warrant, reserved.serial, details, now)


def _record_outcome(session: Session, token: Signed, now: datetime) -> CertificateRow:
    open_intent = (col(IntentRow.serial) == token.serial, col(IntentRow.settled).is_(None))
    settled = session.execute(update(IntentRow).where(*open_intent).values(settled="issued"))
    if settled.rowcount != 1:  # type: ignore[attr-defined]
        raise MisSigned(f"the intent for {token.serial} was given up before its certificate was ready")
    row = _certificate_row(token, now)
    session.add(row)
    session.flush()
    return row


def _audit(
    session: Session,
    trail: AuditTrail,
    act: PkiAct,
    warrant: Warrant,
    serial: str,
    details: dict[str, str],
    now: datetime,
) -> None:
    plan = warrant.plan
    named = {"profile": plan.profile.name, "common_name": plan.common_name}
    if plan.station is not None:
        named["station"] = plan.station
    trail.record(session, act, by=warrant.by, kind=KIND, thing=serial, details=named | details, now=now)


def check_key_is_free(session: Session, plan: Plan) -> None:
    """A key belongs to one station. Seen at another, it was copied: the alarm that finds cloned stations."""
    key = plan.spki_sha256
    own = select(col(AuthorityRow.name)).where(col(AuthorityRow.spki_sha256) == key)
    if session.execute(own).first():
        raise CsrRejected("key-of-an-authority", "the key is one of an authority's own")
    elsewhere = select(col(SerialRow.station)).where(
        col(SerialRow.spki_sha256) == key, col(SerialRow.station).is_distinct_from(plan.station)
    )
    if (seen := session.execute(elsewhere).first()) is not None:
        where = f"at the station {seen[0]!r}" if seen[0] else "in a certificate that is no station's"
        raise CsrRejected(
            "key-used-elsewhere",
            f"the key was seen before {where}",
            "OCPP 2.0.1 edition 3 A00.FR.427",
            "Find out which of the two has the key by right, and have the other make a new one.",
        )
    compromised = (
        select(col(RevokedRow.serial))
        .join(CertificateRow, col(CertificateRow.serial) == col(RevokedRow.serial))
        .where(col(CertificateRow.spki_sha256) == key, col(RevokedRow.reason) == "keyCompromise")
    )
    if session.execute(compromised).first():
        raise CsrRejected("key-compromised", "a certificate with this key was revoked for key compromise")


def _check_signed(intended: Intended, der: bytes) -> None:
    """The signature is good, the signed bytes are the intended ones, and asn1crypto reads the same facts."""
    plan = intended.warrant.plan
    certificate = x509.load_der_x509_certificate(der)
    opinion = second_opinion.Certificate.load(der, strict=True)
    body = opinion["tbs_certificate"]
    checks = {
        "the signed bytes are not the intended ones": certificate.tbs_certificate_bytes == intended.to_be_signed
        and body.dump() == intended.to_be_signed,
        "the signature does not verify": verify_signature(
            plan.issuer.public_key, certificate.signature, certificate.tbs_certificate_bytes
        ),
        "the serial number differs": opinion.serial_number == int(intended.serial, 16),
        "the names differ": opinion.subject.dump() == plan.subject.public_bytes()
        and opinion.issuer.dump() == plan.issuer.subject.public_bytes(),
        "the signature algorithms differ": opinion["signature_algorithm"].dump() == body["signature"].dump(),
        "it is an authority against its profile": bool(opinion.ca) is plan.profile.is_authority,
    }
    if wrong := [sentence for sentence, is_fine in checks.items() if not is_fine]:
        raise MisSigned(f"the certificate {intended.serial} came back wrong: {'; '.join(wrong)}")


def _serial_row(warrant: Warrant, serial: str, now: datetime) -> SerialRow:
    plan = warrant.plan
    return SerialRow(
        serial=serial,
        authority=plan.issuer.name,
        profile=plan.profile.name,
        station=plan.station,
        spki_sha256=plan.spki_sha256,
        requested_by=warrant.by,
        created_at=now,
    )


def _intent_row(token: Linted, now: datetime) -> IntentRow:
    plan = token.warrant.plan
    return IntentRow(
        serial=token.serial,
        profile=plan.profile.name,
        profile_hash=plan.profile.fingerprint(),
        to_be_signed=token.to_be_signed,
        not_after=plan.not_after,
        crl_shard=plan.issuer.shard_of(token.serial),
        created_at=now,
    )


def _certificate_row(token: Signed, now: datetime) -> CertificateRow:
    plan = token.warrant.plan
    return CertificateRow(
        serial=token.serial,
        sha256=hashlib.sha256(token.der).hexdigest(),
        spki_sha256=plan.spki_sha256,
        subject=plan.subject.rfc4514_string(),
        common_name=plan.common_name,
        station=plan.station,
        authority=plan.issuer.name,
        profile=plan.profile.name,
        not_before=plan.not_before,
        not_after=plan.not_after,
        crl_shard=plan.issuer.shard_of(token.serial),
        created_at=now,
        der=token.der,
    )

"""The order of issuing, as types. Each step takes the token of the step before and spends it.

    reserve_serials → Reserved → Linted → record_intents → Intended → sign → Signed → record_outcomes

A certificate cannot be signed without a committed intent, an intent cannot be recorded without a lint, nothing
can be linted without a committed serial number, and no step can be taken twice. A crash at any point leaves
rows that tell how far it came; `pki.unfinished` closes them by revoking what may have been signed.
The recording steps take several tokens at once: one transaction serves a whole batch, which `pki.issuing_desk`
gathers from all who ask at the same time.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from cryptography import x509
from sqlalchemy import bindparam, update
from sqlmodel import Session, SQLModel, col

from pki.audit import AuditTrail, Entry, PkiAct
from pki.errors import CsrRejected, LintFailed, MadeAlready, MisSigned, PkiError, RequestAtWork, TokenSpent
from pki.key_rights import why_not_free
from pki.keys import Signer, assemble, verify_signature
from pki.lint import lint
from pki.many_rows import ManyRows
from pki.only_once import Once, why_not_again
from pki.plans import Plan
from pki.shapes import ShapeBook
from pki.store import Store, hold_lock
from pki.tables import CertificateRow, IntentRow, SerialRow
from pki.to_be_signed import new_serial, specimen_of, to_be_signed

KIND = "certificate"


@dataclass(frozen=True, slots=True)
class Warrant:
    """On whose word a certificate is made, what was remarkable about the request, and whether it may be made again."""

    plan: Plan
    by: str
    remarks: Mapping[str, str] = field(default_factory=dict)
    once: Once | None = None


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
    """To-be-signed bytes that break no clause, of a shape that the full linter has passed.

    Raises LintFailed, TokenSpent.
    """

    def __init__(self, reserved: Reserved, shapes: ShapeBook, now: datetime) -> None:
        super().__init__()
        reserved.spend()
        self.warrant = reserved.warrant
        self.serial = reserved.serial
        plan = self.warrant.plan
        self.to_be_signed = to_be_signed(plan, self.serial)
        specimen = specimen_of(self.to_be_signed, plan.issuer.algorithm)
        if findings := lint(specimen, plan) or shapes.findings(plan, specimen, now):
            raise LintFailed(findings)


class Intended(_SingleUse):
    """To-be-signed bytes whose intent is committed: the only thing that `sign` signs."""

    def __init__(self, linted: Linted, _proof: _Committed) -> None:
        super().__init__()
        self.warrant = linted.warrant
        self.serial = linted.serial
        self.to_be_signed = linted.to_be_signed


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as it goes on record: the columns of CertificateRow, in the same words."""

    serial: str
    sha256: str
    spki_sha256: str
    subject: str
    common_name: str
    station: str | None
    authority: str
    profile: str
    not_before: datetime
    not_after: datetime
    crl_shard: int
    created_at: datetime
    der: bytes = field(repr=False)


class Signed(_SingleUse):
    """A certificate that was signed and checked, and is not recorded yet: nobody may have it."""

    def __init__(self, intended: Intended, der: bytes) -> None:
        super().__init__()
        self.warrant = intended.warrant
        self.serial = intended.serial
        self.der = der


Beside: TypeAlias = Callable[[Session, Sequence[Issued]], None]


def reserve_serials(
    store: Store, trail: AuditTrail, warrants: Sequence[Warrant], now: datetime
) -> list[Reserved | CsrRejected | MadeAlready | RequestAtWork]:
    """Claim a serial number for each warrant, in one transaction with the audit records.

    A warrant whose key is not the requester's alone gets its refusal instead, and claims nothing; so does one that is
    to be carried out once, and was or is being carried out.
    """
    with store.writing() as session:
        for key in sorted({warrant.plan.spki_sha256 for warrant in warrants}):
            hold_lock(session, f"key:{key}")
        taken = why_not_free(session, [warrant.plan for warrant in warrants])
        again = why_not_again(session, [(warrant.plan, warrant.once) for warrant in warrants], now)
        refusals = [refusal or other for refusal, other in zip(taken, again, strict=True)]
        serials = [None if refusal else new_serial() for refusal in refusals]
        claims = [(warrant, serial) for warrant, serial in zip(warrants, serials, strict=True) if serial]
        _CLAIMS.add(session, [_serial_values(*claim, now) for claim in claims])
        trail.record_all(session, [_requested(*claim) for claim in claims], now)
    return [
        refusal if refusal is not None else Reserved(warrant, serial or "", _Committed())
        for warrant, serial, refusal in zip(warrants, serials, refusals, strict=True)
    ]


def record_intents(store: Store, trail: AuditTrail, linted: Sequence[Linted], now: datetime) -> list[Intended]:
    """Put on record what is about to be signed, before a key is touched. Raises TokenSpent."""
    for token in linted:
        token.spend()
    with store.writing() as session:
        _INTENTS.add(session, [_intent_values(token, now) for token in linted])
        trail.record_all(session, [_intended(token) for token in linted], now)
    return [Intended(token, _Committed()) for token in linted]


def sign(intended: Intended, signer: Signer) -> Signed:
    """Sign exactly the intended bytes, then check what came back.

    Raises SignerUnavailable, SignerRefused, MisSigned, TokenSpent.
    """
    outcome = sign_each([intended], signer)[0]
    if isinstance(outcome, Signed):
        return outcome
    raise outcome


def sign_each(intended: Sequence[Intended], signer: Signer) -> list[Signed | PkiError]:
    """`sign` for each of them, all by one key: what was signed, or what `sign` would have raised. Raises TokenSpent."""
    for token in intended:
        token.spend()
    signatures = signer.sign_each([token.to_be_signed for token in intended])
    return [_signed(*pair, signer) for pair in zip(intended, signatures, strict=True)]


def _signed(intended: Intended, signature: bytes | PkiError, signer: Signer) -> Signed | PkiError:
    if isinstance(signature, PkiError):
        return signature
    der = assemble(intended.to_be_signed, signer.algorithm, signature)
    try:
        _check_signed(intended, der)
    except MisSigned as fault:
        return fault
    return Signed(intended, der)


def record_outcomes(
    store: Store, trail: AuditTrail, signed: Sequence[Signed], now: datetime, beside: Beside | None = None
) -> list[Issued]:
    """Record the finished certificates with their audit records. Only now may anybody get them.

    `beside` may add rows of its own to the same transaction. Raises MisSigned when an intent was settled
    meanwhile (then nothing of the batch is recorded), TokenSpent.
    """
    for token in signed:
        token.spend()
    issued = [_issued(token, now) for token in signed]
    with store.writing() as session:
        settled = session.connection().execute(_SETTLE, [{"of": token.serial} for token in signed])
        if settled.rowcount != len(signed):
            serials = ", ".join(token.serial for token in signed)
            raise MisSigned(f"an intent was given up before its certificate was ready, among {serials}")
        _CERTIFICATES.add(session, [_certificate_values(one) for one in issued])
        if beside:
            beside(session, issued)
        trail.record_all(session, [_entry_of_issue(*pair) for pair in zip(signed, issued, strict=True)], now)
    return issued


def record_failures(
    store: Store, trail: AuditTrail, failed: Sequence[tuple[Reserved, PkiError]], now: datetime
) -> None:
    """Put on record that issuing stopped after the reservation, and why."""
    with store.writing() as session:
        trail.record_all(session, [_failed(claim, fault) for claim, fault in failed], now)


def _failed(claim: Reserved, fault: PkiError) -> Entry:
    details = {"fault": type(fault).__name__, "sentence": fault.sentence}
    return _entry(PkiAct.CERTIFICATE_FAILED, claim.warrant, claim.serial, details)


def _check_signed(intended: Intended, der: bytes) -> None:
    """The signed bytes are the intended ones (which were linted), and the issuer's key signed them.

    The parser that reads them here is not the writer that put them together.
    """
    certificate = x509.load_der_x509_certificate(der)
    found = certificate.tbs_certificate_bytes
    if found != intended.to_be_signed:
        raise MisSigned(
            f"the certificate {intended.serial} came back wrong: the signed bytes are not the intended ones"
        )
    if not verify_signature(intended.warrant.plan.issuer.public_key, certificate.signature, found):
        raise MisSigned(f"the certificate {intended.serial} came back wrong: the signature does not verify")


# Made once: building statements, and rows as objects, costs more than running them.
_CLAIMS = ManyRows(SerialRow, "serial", "authority", "profile", "station", "spki_sha256", "requested_by", "created_at")
_INTENTS = ManyRows(
    IntentRow, "serial", "profile", "profile_hash", "to_be_signed", "not_after", "crl_shard", "created_at", "settled"
)
_CERTIFICATES = ManyRows(CertificateRow, *Issued.__slots__)
_SETTLE = (
    update(SQLModel.metadata.tables[str(IntentRow.__tablename__)])
    .where(col(IntentRow.serial) == bindparam("of"), col(IntentRow.settled).is_(None))
    .values(settled="issued")
)


def _requested(warrant: Warrant, serial: str) -> Entry:
    details = {"spki_sha256": warrant.plan.spki_sha256, **warrant.remarks}
    return _entry(PkiAct.CERTIFICATE_REQUESTED, warrant, serial, details)


def _intended(token: Linted) -> Entry:
    details = {"tbs_sha256": hashlib.sha256(token.to_be_signed).hexdigest()}
    details["profile_hash"] = token.warrant.plan.profile.fingerprint
    return _entry(PkiAct.CERTIFICATE_INTENDED, token.warrant, token.serial, details)


def _entry_of_issue(token: Signed, issued: Issued) -> Entry:
    details = {"sha256": issued.sha256, "subject": issued.subject, "authority": issued.authority}
    return _entry(PkiAct.CERTIFICATE_ISSUED, token.warrant, token.serial, details)


def _entry(act: PkiAct, warrant: Warrant, serial: str, details: Mapping[str, str]) -> Entry:
    plan = warrant.plan
    named = {"profile": plan.profile.name, "common_name": plan.common_name}
    if plan.station is not None:
        named["station"] = plan.station
    return Entry(act, warrant.by, KIND, serial, details=named | dict(details))


def _serial_values(warrant: Warrant, serial: str, now: datetime) -> dict[str, object]:
    plan = warrant.plan
    return {
        "serial": serial,
        "authority": plan.issuer.name,
        "profile": plan.profile.name,
        "station": plan.station,
        "spki_sha256": plan.spki_sha256,
        "requested_by": warrant.by,
        "created_at": now,
    }


def _intent_values(token: Linted, now: datetime) -> dict[str, object]:
    plan = token.warrant.plan
    return {
        "serial": token.serial,
        "profile": plan.profile.name,
        "profile_hash": plan.profile.fingerprint,
        "to_be_signed": token.to_be_signed,
        "not_after": plan.not_after,
        "crl_shard": plan.issuer.shard_of(token.serial),
        "created_at": now,
        "settled": None,
    }


def _issued(token: Signed, now: datetime) -> Issued:
    plan = token.warrant.plan
    return Issued(
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


def _certificate_values(issued: Issued) -> dict[str, object]:
    return {name: getattr(issued, name) for name in Issued.__slots__}

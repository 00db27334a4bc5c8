"""Firmware signatures (OCPP use case L01): ordered by digest, approved by rule, made under the manufacturer root.

The scheme is part of the order and never inferred from the key, since stations differ: EVerest and open-ocpp
verify ECDSA and PKCS#1 v1.5, the specification recommends RSA-PSS.

An order is pending while people are asked, approved once they agreed (or nobody had to), and signed. Whoever asked
never approves, neither with a token of one's own.
"""

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from cryptography import x509
from sqlalchemy import select
from sqlmodel import Session, col

from pki.audit import JSON, AuditTrail, PkiAct
from pki.certificates import pem_of
from pki.credentials import Credential, Credentials
from pki.errors import ApproverRefused, FirmwareNotPending, FirmwareRefused, MisSigned, PkiError, UnknownFirmware
from pki.firmware_book import FirmwareBook, FirmwareState, Origin, SignedFirmware, approvals_of, files_of
from pki.firmware_check import check_lengths, verify_firmware
from pki.firmware_entries import Attached, entry_of
from pki.firmware_intake import Asking, Brought, check_against_releases, revoked_reason, standing_order, take_in
from pki.firmware_log import FirmwareLog
from pki.firmware_orders import FirmwareOrder, check_order
from pki.firmware_rules import FirmwareRules, Requirement, is_known, missing, of_json, requirements
from pki.firmware_stamps import FirmwareStamps
from pki.firmware_tables import FirmwareRow, FirmwareVoteRow
from pki.foreign_certificates import UNREADABLE
from pki.keys import SignatureScheme
from pki.revocation import RevocationReason
from pki.settings import PkiSettings
from pki.store import Store, hold_lock

__all__ = ["FirmwareDesk", "FirmwareOrder", "FirmwareState", "SignedFirmware"]

log = structlog.get_logger()
_AT_ONCE = 20  # orders in one round


@dataclass(frozen=True, slots=True)
class Signing:
    """What signing takes: `credential` finds the signer for a scheme, `roots` are those that a brought one needs."""

    credentials: Credentials
    credential: Callable[[SignatureScheme, datetime], Credential]
    roots: Callable[[], Sequence[x509.Certificate]]
    log: FirmwareLog
    stamps: FirmwareStamps


class FirmwareDesk:
    """Takes orders, lets people decide, and signs."""

    def __init__(
        self, store: Store, trail: AuditTrail, signing: Signing, rules: FirmwareRules, settings: PkiSettings
    ) -> None:
        self._store = store
        self._trail = trail
        self._signing = signing
        self._rules = rules
        self._settings = settings
        self.book = FirmwareBook(store)

    def sign(self, order: FirmwareOrder, by: str, now: datetime, person: str = "") -> SignedFirmware:
        """Sign, or wait for approval, or give what came of the same order before.

        The order is on record before the key is touched. `person` is who stands behind a token. Raises FirmwareRefused,
        SignerUnavailable.
        """
        return self._take(order, None, by, person or by, now)

    def bring(
        self, order: FirmwareOrder, signature: str, certificate_pem: str, by: str, now: datetime, person: str = ""
    ) -> SignedFirmware:
        """Take in a signature (base64) that the manufacturer made, under the same rules. Raises FirmwareRefused."""
        try:
            brought = self._checked(order, signature, certificate_pem, now)
        except FirmwareRefused as refusal:
            self._record_refusal(order, refusal, by, now)
            raise
        return self._take(order, brought, by, person or by, now)

    def approve(
        self, firmware_id: str, by: str, now: datetime, person: str = "", note: str = "", passkey: str = ""
    ) -> SignedFirmware:
        """Agree. With the last approval that was wanting it is signed.

        `passkey` is the evidence that the person signed with one, checked by the caller; empty when there is none.
        Raises UnknownFirmware, FirmwareNotPending, ApproverRefused, SignerUnavailable (then it stays approved).
        """
        person = person or by
        with self._store.writing() as session:
            row = _locked(session, firmware_id)
            if row.state == FirmwareState.PENDING and not self._expire(session, row, now):
                self._count(session, row, FirmwareVoteRow(
                    firmware_id=row.id, person=person, by=by, note=note, at=now, passkey=passkey,
                ))  # fmt: skip
        if row.state not in (FirmwareState.PENDING, FirmwareState.APPROVED):
            raise FirmwareNotPending(firmware_id, row.ended_reason or row.state)
        if row.state == FirmwareState.APPROVED:
            self._finish(row, now)
        return self.book.find(firmware_id)

    def refuse(self, firmware_id: str, reason: str, by: str, now: datetime) -> SignedFirmware:
        """Say no for good; a new order may be placed. Raises UnknownFirmware, FirmwareNotPending."""
        with self._store.writing() as session:
            row = _locked(session, firmware_id)
            if row.state not in (FirmwareState.PENDING, FirmwareState.APPROVED):
                raise FirmwareNotPending(firmware_id, row.state)
            self._end(session, row, PkiAct.FIRMWARE_REFUSED, reason, by, now)
        return self.book.find(firmware_id)

    def keep(self, now: datetime) -> None:
        """To be called every few seconds: ends what waited too long, and signs what a signer was away for."""
        overdue = (col(FirmwareRow.state) == FirmwareState.PENDING.value, col(FirmwareRow.expires_at) <= now)
        for firmware_id in self._ids(*overdue):
            with self._store.writing() as session:
                self._expire(session, _locked(session, firmware_id), now)
        for firmware_id in self._ids(col(FirmwareRow.state) == FirmwareState.APPROVED.value):
            with self._store.reading() as session:
                row = session.get_one(FirmwareRow, firmware_id)
            try:
                self._finish(row, now)
            except PkiError as fault:
                log.warning("firmware_not_signed", firmware=firmware_id, fault=fault.sentence)

    # --- an order

    def _take(
        self, order: FirmwareOrder, brought: Brought | None, by: str, person: str, now: datetime
    ) -> SignedFirmware:
        try:
            check_order(order, self._settings.firmware_attachment_limit)
            row = self._register(order, brought, by, person, now)
        except FirmwareRefused as refusal:
            self._record_refusal(order, refusal, by, now)
            raise
        if row.state == FirmwareState.APPROVED:
            self._finish(row, now)
        elif row.state == FirmwareState.SIGNED and row.log_number is None:
            self._log_late(row.id, by, now)
        return self.book.find(row.id)

    def _register(
        self, order: FirmwareOrder, brought: Brought | None, by: str, person: str, now: datetime
    ) -> FirmwareRow:
        rules = self._rules.all()
        if self._settings.firmware_only_by_rule and not is_known(rules, order.vendor, order.model):
            hint = "Add one: voltward firmware rule add --vendor V --model M --approvals N"
            raise FirmwareRefused("model", f"no firmware rule is about {order.vendor} {order.model}", hint)
        asked = requirements(rules, order.vendor, order.model)
        with self._store.writing() as session:
            hold_lock(session, f"firmware:{order.vendor}/{order.model}/{order.version}")
            found = standing_order(session, order)
            if found is not None and not self._makes_room(session, found, now):
                return found
            check_against_releases(session, order)
            who = Asking(by, person, now, now + self._settings.firmware_request_life, asked)
            row = take_in(session, order, who, brought)
            details: dict[str, JSON] = {"for": person, "asked": [one.rule for one in asked], "origin": row.origin}
            details |= {"attachments": [one.sha256 for one in order.attachments]}
            self._audit(session, PkiAct.FIRMWARE_ORDERED, row, by, details, now)
            return row

    def _makes_room(self, session: Session, row: FirmwareRow, now: datetime) -> bool:
        """Whether what stands is over: it waited too long, or its certificate was revoked for good."""
        if row.state == FirmwareState.PENDING:
            return self._expire(session, row, now)
        revoked = revoked_reason(session, row)
        if revoked is None:
            return False
        if revoked == RevocationReason.CERTIFICATE_HOLD:
            raise FirmwareRefused("firmware", f"the certificate that signed {row.id} is on hold")
        row.state, row.ended_reason = FirmwareState.REVOKED.value, "the signing certificate was revoked"
        session.add(row)
        session.flush()
        return True

    def _checked(self, order: FirmwareOrder, signature: str, certificate_pem: str, now: datetime) -> Brought:
        check_lengths(signature, certificate_pem)
        try:
            octets = base64.b64decode(signature, validate=True)
        except ValueError:
            raise FirmwareRefused("signature", "the signature is not base64") from None
        try:
            serial = f"{x509.load_pem_x509_certificate(certificate_pem.encode()).serial_number:x}"
        except UNREADABLE:
            raise FirmwareRefused("signing_certificate", "the certificate is not PEM that can be read") from None
        roots = self._signing.roots()
        if not roots:
            hint = "Add the manufacturer's root: voltward anchor add --use firmware FILE"
            raise FirmwareRefused("signing_certificate", "no manufacturer root for firmware is known here", hint)
        found = verify_firmware(order.digest, octets, certificate_pem, order.scheme, roots, now)
        if not found.genuine:
            raise FirmwareRefused("signature", "; ".join(found.faults))
        return Brought(signature, certificate_pem, serial)

    # --- deciding

    def _count(self, session: Session, row: FirmwareRow, vote: FirmwareVoteRow) -> None:
        asked = of_json(row.requirements)
        _check_voter(row, vote, asked)
        people = [one.person for one in approvals_of(session, [row.id]).get(row.id, ())]
        if vote.person in people:
            return
        session.add(vote)
        wanting = max(0, missing(asked, [*people, vote.person]))
        if not wanting:
            row.state, row.decided_at = FirmwareState.APPROVED.value, vote.at
            session.add(row)
        session.flush()
        details: dict[str, JSON] = {"person": vote.person, "missing": wanting, "passkey": bool(vote.passkey)}
        self._audit(session, PkiAct.FIRMWARE_APPROVED, row, vote.by, details, vote.at, reason=vote.note)

    def _expire(self, session: Session, row: FirmwareRow, now: datetime) -> bool:
        if row.state != FirmwareState.PENDING or row.expires_at is None or now < row.expires_at:
            return False
        self._end(session, row, PkiAct.FIRMWARE_EXPIRED, "nobody approved it in time", "service", now)
        return True

    def _end(self, session: Session, row: FirmwareRow, act: PkiAct, reason: str, by: str, now: datetime) -> None:
        row.state, row.ended_reason, row.decided_at = FirmwareState.REFUSED.value, reason, now
        session.add(row)
        session.flush()
        self._audit(session, act, row, by, {}, now, reason=reason)

    # --- signing

    def _finish(self, row: FirmwareRow, now: datetime) -> None:
        """Make the signature, unless it was brought, and record and log it."""
        if row.origin == Origin.BROUGHT:
            self._conclude(row.id, None, None, now)
            return
        scheme, digest = SignatureScheme(row.scheme), bytes.fromhex(row.digest)
        credential = self._signing.credential(scheme, now)
        signature = self._signing.credentials.signer(credential).sign_digest(digest, scheme)
        pem = pem_of(credential.der)
        verdict = verify_firmware(digest, signature, pem, scheme, now=now)
        if not verdict.genuine:
            raise MisSigned(f"the firmware signature came back wrong: {'; '.join(verdict.faults)}")
        encoded = base64.b64encode(signature).decode()
        check_lengths(encoded, pem)
        self._conclude(row.id, Brought(encoded, pem, credential.serial), self._signing.stamps.stamped(signature), now)

    def _conclude(self, firmware_id: str, made: Brought | None, stamp: bytes | None, now: datetime) -> None:
        with self._store.writing() as session:
            row = _locked(session, firmware_id)
            if row.state != FirmwareState.APPROVED:  # somebody else was faster; one order, one signature
                return
            row.state, row.signed_at = FirmwareState.SIGNED.value, now
            if made is not None:
                row.signature, row.signing_certificate = made.signature, made.certificate_pem
                row.signing_serial, row.stamp = made.serial, stamp
            details: dict[str, JSON] = {"signing_serial": row.signing_serial, **self._enter(session, row, now)}
            act = PkiAct.FIRMWARE_SIGNED if made is not None else PkiAct.FIRMWARE_BROUGHT
            self._audit(session, act, row, row.requested_by, details, now)

    def _enter(self, session: Session, row: FirmwareRow, now: datetime) -> dict[str, JSON]:
        """The entry in the transparency log, in the same transaction; what the trail is to say of it."""
        row.names_salt = secrets.token_hex(16)
        people = [one.person for one in approvals_of(session, [row.id]).get(row.id, ())]
        bound = [Attached(one.kind, one.name, one.sha256) for one in files_of(session, [row.id]).get(row.id, ())]
        entered = self._signing.log.append(session, row.id, entry_of(row, bound, people, now), now)
        row.log_number = entered.number
        session.add(row)
        session.flush()
        return {"log_number": entered.number, "leaf": entered.leaf}

    def _log_late(self, firmware_id: str, by: str, now: datetime) -> None:
        """What was signed before there was a log is entered when somebody asks for it again."""
        with self._store.writing() as session:
            row = _locked(session, firmware_id)
            if row.state == FirmwareState.SIGNED and row.log_number is None:
                self._audit(session, PkiAct.FIRMWARE_LOGGED, row, by, self._enter(session, row, now), now)

    # --- the trail

    def _record_refusal(self, order: FirmwareOrder, refusal: FirmwareRefused, by: str, now: datetime) -> None:
        details: dict[str, JSON] = {"vendor": order.vendor, "model": order.model, "version": order.version}
        details |= {"digest": order.digest.hex(), "scheme": order.scheme.value, "sentence": refusal.sentence}
        name, act = f"{order.vendor}/{order.model}/{order.version}", PkiAct.FIRMWARE_REFUSED
        with self._store.writing() as session:
            self._trail.record(session, act, by=by, kind="firmware", thing=name, details=details, now=now)

    def _audit(
        self, session: Session, act: PkiAct, row: FirmwareRow, by: str, details: dict[str, JSON], now: datetime,
        reason: str = "",
    ) -> None:  # fmt: skip
        named: dict[str, JSON] = {"vendor": row.vendor, "model": row.model, "version": row.version}
        named |= {"digest": row.digest, "scheme": row.scheme}
        self._trail.record(
            session, act, by=by, kind="firmware", thing=row.id, reason=reason, details=named | details, now=now
        )

    def _ids(self, *conditions: object) -> list[str]:
        query = select(col(FirmwareRow.id)).where(*conditions).limit(_AT_ONCE)  # type: ignore[arg-type]
        with self._store.reading() as session:
            return list(session.execute(query).scalars())


def _locked(session: Session, firmware_id: str) -> FirmwareRow:
    row = session.get(FirmwareRow, firmware_id, populate_existing=True, with_for_update=True)
    if row is None:
        raise UnknownFirmware(firmware_id)
    return row


def _check_voter(row: FirmwareRow, vote: FirmwareVoteRow, asked: Sequence[Requirement]) -> None:
    if {vote.by, vote.person} & {row.requested_by, row.requested_for}:
        raise ApproverRefused("whoever asked for a signature never approves it", "Somebody else must.")
    counting = [one for one in asked if one.counts(vote.person)]
    if not counting:
        raise ApproverRefused(f"{vote.person} is not among those whose approval the rule asks for")
    if not vote.passkey and any(one.passkey for one in counting):
        hint = f"Approve in the console, at /firmware/{row.id}/show, with a passkey of your own."
        raise ApproverRefused("the rule asks for approval with a passkey", hint)

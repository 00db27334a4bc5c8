"""Firmware signatures (OCPP use case L01): ordered by digest, made by a signer directly under the manufacturer root.

The scheme is part of the order and never inferred from the key, since stations differ: EVerest and open-ocpp
verify ECDSA and PKCS#1 v1.5, the specification recommends RSA-PSS.
"""

import base64
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select
from sqlmodel import Session, col

from pki.audit import JSON, AuditTrail, PkiAct
from pki.certificates import pem_of
from pki.credentials import Credential, Credentials
from pki.errors import FirmwareRefused, MisSigned, UnknownFirmware
from pki.firmware_check import check_lengths, verify_firmware
from pki.firmware_entries import entry_of
from pki.firmware_log import FirmwareLog
from pki.firmware_stamps import FirmwareStamps
from pki.firmware_tables import FirmwareRow
from pki.keys import SignatureScheme
from pki.store import Store, hold_lock

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


class FirmwareState(StrEnum):
    """How far an order is."""

    PENDING = "pending"
    APPROVED = "approved"
    SIGNED = "signed"
    REFUSED = "refused"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class FirmwareOrder:
    """An image to be signed, named by its SHA-256 `digest` (32 raw bytes)."""

    vendor: str
    model: str
    version: str
    digest: bytes
    scheme: SignatureScheme = SignatureScheme.ECDSA_SHA256


@dataclass(frozen=True, slots=True)
class SignedFirmware:
    """An order and its signature. `digest` is hex, `signature` base64, `signing_certificate` PEM."""

    id: str
    vendor: str
    model: str
    version: str
    digest: str
    scheme: SignatureScheme
    state: FirmwareState
    signature: str | None = field(repr=False)
    signing_certificate: str | None = field(repr=False)
    signing_serial: str | None
    requested_by: str
    at: datetime
    signed_at: datetime | None = None
    log_number: int | None = None
    stamp: bytes | None = field(default=None, repr=False)


class FirmwareDesk:
    """Signs firmware orders. `credential` finds the firmware signer for a scheme."""

    def __init__(
        self,
        store: Store,
        trail: AuditTrail,
        credentials: Credentials,
        credential: Callable[[SignatureScheme, datetime], Credential],
        log: FirmwareLog,
        stamps: FirmwareStamps,
    ) -> None:
        self._store = store
        self._trail = trail
        self._credentials = credentials
        self._credential = credential
        self._log = log
        self._stamps = stamps

    def sign(self, order: FirmwareOrder, by: str, now: datetime) -> SignedFirmware:
        """Sign, or give the signature that was made before for the same order.

        The order is on record before the key is touched. Raises FirmwareRefused, SignerUnavailable.
        """
        _check(order)
        try:
            firmware_id, is_signed = self._register(order, by, now)
        except FirmwareRefused as refusal:
            self._record_refusal(order, refusal, by, now)
            raise
        if not is_signed:
            self._finish(firmware_id, order, by, now)
        self._log_late(firmware_id, by, now)
        return self.find(firmware_id)

    def find(self, firmware_id: str) -> SignedFirmware:
        """Raises UnknownFirmware."""
        with self._store.reading() as session:
            row = session.get(FirmwareRow, firmware_id)
        if row is None:
            raise UnknownFirmware(firmware_id)
        return _firmware_of(row)

    def page(self, after: str | None = None, limit: int = 100) -> list[SignedFirmware]:
        """The newest first; `after` is the last id of the page before. Raises UnknownFirmware."""
        created, key = col(FirmwareRow.created_at), col(FirmwareRow.id)
        query = select(FirmwareRow).order_by(created.desc(), key.desc()).limit(limit)
        if after is not None:
            last = self.find(after)
            query = query.where(or_(created < last.at, (created == last.at) & (key < after)))
        with self._store.reading() as session:
            return [_firmware_of(row) for row in session.execute(query).scalars()]

    def _register(self, order: FirmwareOrder, by: str, now: datetime) -> tuple[str, bool]:
        """The id of this order's row, new or old, and whether it is signed already."""
        with self._store.writing() as session:
            hold_lock(session, f"firmware:{order.vendor}/{order.model}/{order.version}")
            rows = _same_release(session, order)
            if any(row.digest != order.digest.hex() for row in rows):
                what = f"{order.vendor} {order.model} {order.version}"
                raise FirmwareRefused(
                    "digest",
                    f"{what} is registered with another digest",
                    "A released version never changes; give the new image a new version.",
                )
            for row in rows:
                if row.scheme == order.scheme:
                    return row.id, row.state == FirmwareState.SIGNED
            row = _new_row(order, by, now)
            session.add(row)
            session.flush()
            self._audit(session, PkiAct.FIRMWARE_ORDERED, row.id, order, by, {}, now)
            return row.id, False

    def _finish(self, firmware_id: str, order: FirmwareOrder, by: str, now: datetime) -> None:
        credential = self._credential(order.scheme, now)
        signature = self._credentials.signer(credential).sign_digest(order.digest, order.scheme)
        pem = pem_of(credential.der)
        encoded = base64.b64encode(signature).decode()
        verdict = verify_firmware(order.digest, signature, pem, order.scheme, now=now)
        if not verdict.genuine:
            raise MisSigned(f"the firmware signature came back wrong: {'; '.join(verdict.faults)}")
        check_lengths(encoded, pem)
        stamp = self._stamps.stamped(signature)
        with self._store.writing() as session:
            row = session.get_one(FirmwareRow, firmware_id, populate_existing=True, with_for_update=True)
            if row.state == FirmwareState.SIGNED:  # somebody else was faster; one order, one signature
                return
            row.state, row.signature, row.signed_at = FirmwareState.SIGNED.value, encoded, now
            row.signing_serial, row.signing_certificate, row.stamp = credential.serial, pem, stamp
            details: dict[str, JSON] = {"signing_serial": credential.serial, **self._enter(session, row, now)}
            self._audit(session, PkiAct.FIRMWARE_SIGNED, firmware_id, order, by, details, now)

    def _enter(self, session: Session, row: FirmwareRow, now: datetime) -> dict[str, JSON]:
        """The entry in the transparency log, in the same transaction; what the trail is to say of it."""
        row.names_salt = secrets.token_hex(16)
        entered = self._log.append(session, row.id, entry_of(row, (), (), now), now)
        row.log_number = entered.number
        session.add(row)
        session.flush()
        return {"log_number": entered.number, "leaf": entered.leaf}

    def _log_late(self, firmware_id: str, by: str, now: datetime) -> None:
        """What was signed before there was a log is entered when somebody asks for it again."""
        if self.find(firmware_id).log_number is not None:
            return
        with self._store.writing() as session:
            row = session.get_one(FirmwareRow, firmware_id, populate_existing=True, with_for_update=True)
            if row.state == FirmwareState.SIGNED and row.log_number is None:
                details = self._enter(session, row, now)
                self._audit(session, PkiAct.FIRMWARE_LOGGED, firmware_id, _order_of(row), by, details, now)

    def _record_refusal(self, order: FirmwareOrder, refusal: FirmwareRefused, by: str, now: datetime) -> None:
        with self._store.writing() as session:
            details: dict[str, JSON] = {"sentence": refusal.sentence}
            name = f"{order.vendor}/{order.model}/{order.version}"
            self._audit(session, PkiAct.FIRMWARE_REFUSED, name, order, by, details, now)

    def _audit(
        self,
        session: Session,
        act: PkiAct,
        thing: str,
        order: FirmwareOrder,
        by: str,
        details: dict[str, JSON],
        now: datetime,
    ) -> None:
        named: dict[str, JSON] = {"vendor": order.vendor, "model": order.model, "version": order.version}
        named |= {"digest": order.digest.hex(), "scheme": order.scheme.value}
        self._trail.record(session, act, by=by, kind="firmware", thing=thing, details=named | details, now=now)


def _check(order: FirmwareOrder) -> None:
    for name in ("vendor", "model", "version"):
        if not _NAME.fullmatch(getattr(order, name)):
            raise FirmwareRefused(name, f"the {name} must be 1 to 100 printable characters")
    if len(order.digest) != 32:
        raise FirmwareRefused("digest", f"a SHA-256 digest has 32 bytes, this one has {len(order.digest)}")


def _same_release(session: Session, order: FirmwareOrder) -> Sequence[FirmwareRow]:
    release = (
        col(FirmwareRow.vendor) == order.vendor,
        col(FirmwareRow.model) == order.model,
        col(FirmwareRow.version) == order.version,
    )
    rows: Sequence[FirmwareRow] = session.execute(select(FirmwareRow).where(*release)).scalars().all()
    return rows


def _new_row(order: FirmwareOrder, by: str, now: datetime) -> FirmwareRow:
    return FirmwareRow(
        id=secrets.token_hex(8),
        vendor=order.vendor,
        model=order.model,
        version=order.version,
        digest=order.digest.hex(),
        scheme=order.scheme.value,
        state=FirmwareState.APPROVED.value,
        requested_by=by,
        created_at=now,
    )


def _order_of(row: FirmwareRow) -> FirmwareOrder:
    digest = bytes.fromhex(row.digest)
    return FirmwareOrder(row.vendor, row.model, row.version, digest, SignatureScheme(row.scheme))


def _firmware_of(row: FirmwareRow) -> SignedFirmware:
    return SignedFirmware(
        id=row.id,
        vendor=row.vendor,
        model=row.model,
        version=row.version,
        digest=row.digest,
        scheme=SignatureScheme(row.scheme),
        state=FirmwareState(row.state),
        signature=row.signature,
        signing_certificate=row.signing_certificate,
        signing_serial=row.signing_serial,
        requested_by=row.requested_by,
        at=row.created_at,
        signed_at=row.signed_at,
        log_number=row.log_number,
        stamp=row.stamp,
    )

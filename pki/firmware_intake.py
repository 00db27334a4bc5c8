"""Taking an order for a firmware signature in: what exists of the release, and whether the two go together."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from pki.errors import FirmwareRefused
from pki.firmware_book import OVER, FirmwareState, Origin, files_of
from pki.firmware_orders import FirmwareOrder, check_floor
from pki.firmware_rules import Requirement, as_json
from pki.firmware_tables import FirmwareAttachmentRow, FirmwareRow
from pki.tables import RevokedRow


@dataclass(frozen=True, slots=True)
class Asking:
    """Who orders, for whom (the person behind a token), when, until when it may wait, and what the rules ask."""

    by: str
    person: str
    now: datetime
    expires_at: datetime
    asked: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Brought:
    """A signature that the manufacturer made already: base64, and its certificate in PEM."""

    signature: str
    certificate_pem: str
    serial: str


def standing_order(session: Session, order: FirmwareOrder) -> FirmwareRow | None:
    """The order of this release and scheme that stands, which must say the same. Raises FirmwareRefused."""
    rows = _same_release(session, order)
    signed_once = [row for row in rows if row.state not in OVER or row.signature is not None]
    if any(row.digest != order.digest.hex() for row in signed_once):
        hint = "A released version never changes; give the new image a new version."
        raise FirmwareRefused("digest", f"{order.release} is registered with another digest", hint)
    standing = [row for row in rows if row.state not in OVER]
    for row in standing:
        _check_same(session, row, order)
    return next((row for row in standing if row.scheme == order.scheme), None)


def check_against_releases(session: Session, order: FirmwareOrder) -> None:
    """The counters against what was signed before. Raises FirmwareRefused."""
    is_one = (col(FirmwareRow.vendor) == order.vendor, col(FirmwareRow.model) == order.model)
    is_good = col(FirmwareRow.state) == FirmwareState.SIGNED.value
    floor = session.execute(select(func.max(FirmwareRow.minimum_counter)).where(*is_one, is_good)).scalar()
    check_floor(order, floor)


def revoked_reason(session: Session, row: FirmwareRow) -> str | None:
    """Why the certificate that signed this was revoked; None when it is good."""
    found = session.get(RevokedRow, row.signing_serial) if row.signing_serial else None
    return found.reason if found else None


def take_in(session: Session, order: FirmwareOrder, who: Asking, brought: Brought | None = None) -> FirmwareRow:
    """A new row, with the files that it binds."""
    row = FirmwareRow(
        id=secrets.token_hex(8),
        vendor=order.vendor,
        model=order.model,
        version=order.version,
        digest=order.digest.hex(),
        scheme=order.scheme.value,
        state=(FirmwareState.PENDING if who.asked else FirmwareState.APPROVED).value,
        requested_by=who.by,
        requested_for=who.person,
        created_at=who.now,
        release_counter=order.release_counter,
        minimum_counter=order.minimum_counter,
        hardware=order.hardware_json,
        requirements=as_json(who.asked),
        expires_at=who.expires_at if who.asked else None,
    )
    if brought is not None:
        row.origin, row.signature = Origin.BROUGHT.value, brought.signature
        row.signing_certificate, row.signing_serial = brought.certificate_pem, brought.serial
    session.add(row)
    session.flush()
    session.add_all(_attached(row.id, order))
    session.flush()
    return row


def _attached(firmware_id: str, order: FirmwareOrder) -> list[FirmwareAttachmentRow]:
    return [
        FirmwareAttachmentRow(
            firmware_id=firmware_id, sha256=one.sha256, kind=one.kind.value, name=one.name, form=one.form,
            size=len(one.content), content=one.content,
        )
        for one in order.attachments
    ]  # fmt: skip


def _check_same(session: Session, row: FirmwareRow, order: FirmwareOrder) -> None:
    """One release has one set of facts, whatever the scheme. Raises FirmwareRefused."""
    hint = f"See it with: voltward firmware show {row.id}"
    for name, ours in (
        ("release_counter", order.release_counter),
        ("minimum_counter", order.minimum_counter),
        ("hardware", order.hardware_json),
    ):
        if getattr(row, name) != ours:
            words = name.replace("_", " ")
            raise FirmwareRefused(name, f"{order.release} is registered with another {words}", hint)
    bound = {one.sha256 for one in files_of(session, [row.id]).get(row.id, ())}
    if bound != {one.sha256 for one in order.attachments}:
        raise FirmwareRefused("attachments", f"{order.release} is registered with other files", hint)


def _same_release(session: Session, order: FirmwareOrder) -> Sequence[FirmwareRow]:
    release = (
        col(FirmwareRow.vendor) == order.vendor,
        col(FirmwareRow.model) == order.model,
        col(FirmwareRow.version) == order.version,
    )
    rows: Sequence[FirmwareRow] = session.execute(select(FirmwareRow).where(*release)).scalars().all()
    return rows

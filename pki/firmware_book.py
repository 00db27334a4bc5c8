"""Firmware as it stands: orders and signatures with who asked, who approved and what is bound."""

import json
from base64 import b64decode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from pki.errors import UnknownAttachment, UnknownFirmware
from pki.firmware_rules import Requirement, missing, of_json
from pki.firmware_tables import FirmwareAttachmentRow, FirmwareRow, FirmwareVoteRow
from pki.keys import SignatureScheme
from pki.store import Store
from pki.tables import RevokedRow


class FirmwareState(StrEnum):
    """How far an order is."""

    PENDING = "pending"
    APPROVED = "approved"
    SIGNED = "signed"
    REFUSED = "refused"
    REVOKED = "revoked"


OVER = (FirmwareState.REFUSED.value, FirmwareState.REVOKED.value)
"""An order in one of these states leaves room for another of the same release."""


class Origin(StrEnum):
    """Who made the signature."""

    HERE = "here"
    BROUGHT = "brought"


@dataclass(frozen=True, slots=True)
class Approval:
    """That a person agreed. `by` is what the person came with: a session or a token.

    `passkey` is the evidence in JSON (see `docs/firmware.md`), empty when it was given without one.
    """

    person: str
    by: str
    note: str
    at: datetime
    passkey: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BoundFile:
    """A file that an order binds; its octets are asked for by themselves."""

    kind: str
    name: str
    form: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class SignedFirmware:
    """An order and its signature. `digest` is hex, `signature` base64, `signing_certificate` PEM.

    `missing` is how many approvals are wanting at least; `reason` why it was refused.
    """

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
    origin: Origin = Origin.HERE
    requested_for: str = ""
    release_counter: int | None = None
    minimum_counter: int | None = None
    hardware: tuple[str, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    approvals: tuple[Approval, ...] = ()
    missing: int = 0
    attachments: tuple[BoundFile, ...] = ()
    expires_at: datetime | None = None
    decided_at: datetime | None = None
    reason: str = ""
    names_salt: str = ""

    @property
    def signature_octets(self) -> bytes:
        """The signature as it verifies; empty while there is none."""
        return b64decode(self.signature or "")

    @property
    def moved_at(self) -> datetime:
        """When something last happened to it."""
        times = (self.at, self.decided_at, self.signed_at, *(one.at for one in self.approvals))
        return max(time for time in times if time is not None)


_Of: TypeAlias = Mapping[str, Sequence[Approval]]
_Bound: TypeAlias = Mapping[str, Sequence[BoundFile]]


class FirmwareBook:
    """Reads orders. A signature whose certificate was revoked shows as revoked, from that moment on."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, firmware_id: str) -> SignedFirmware:
        """Raises UnknownFirmware."""
        with self._store.reading() as session:
            row = session.get(FirmwareRow, firmware_id)
            if row is None:
                raise UnknownFirmware(firmware_id)
            return self._told(session, [row])[0]

    def page(
        self, after: str | None = None, limit: int = 100, state: FirmwareState | None = None, serial: str | None = None
    ) -> list[SignedFirmware]:
        """The newest first; `after` is the last id of the page before. Raises UnknownFirmware.

        `serial` keeps those that this certificate signed.
        """
        created, key = col(FirmwareRow.created_at), col(FirmwareRow.id)
        query = select(FirmwareRow).order_by(created.desc(), key.desc()).limit(limit)
        if after is not None:
            last = self.find(after)
            query = query.where(or_(created < last.at, (created == last.at) & (key < after)))
        if serial is not None:
            query = query.where(col(FirmwareRow.signing_serial) == serial)
        if state is not None:
            revoked = select(col(RevokedRow.serial))
            is_revoked = col(FirmwareRow.signing_serial).in_(revoked) & (col(FirmwareRow.state) == "signed")
            shown = (col(FirmwareRow.state) == state.value) & ~is_revoked.is_(True)
            query = query.where(or_(shown, is_revoked) if state is FirmwareState.REVOKED else shown)
        with self._store.reading() as session:
            return self._told(session, session.execute(query).scalars().all())

    def release(self, vendor: str, model: str, version: str) -> list[SignedFirmware]:
        """The standing orders of one release, one for each scheme; the newest first."""
        query = select(FirmwareRow).where(
            col(FirmwareRow.vendor) == vendor, col(FirmwareRow.model) == model, col(FirmwareRow.version) == version,
            col(FirmwareRow.state).not_in(OVER),
        )  # fmt: skip
        with self._store.reading() as session:
            rows = session.execute(query.order_by(col(FirmwareRow.created_at).desc())).scalars().all()
            return self._told(session, rows)

    def for_model(self, vendor: str, model: str, limit: int) -> list[SignedFirmware]:
        """What is signed for stations that tell this vendor and model, in any case; the newest first."""
        query = select(FirmwareRow).where(
            func.lower(FirmwareRow.vendor) == vendor.strip().lower(),
            func.lower(FirmwareRow.model) == model.strip().lower(),
            col(FirmwareRow.state) == FirmwareState.SIGNED.value,
        )
        query = query.order_by(col(FirmwareRow.created_at).desc()).limit(limit)
        with self._store.reading() as session:
            found = self._told(session, session.execute(query).scalars().all())
        return [one for one in found if one.state is FirmwareState.SIGNED]

    def moved_since(self, since: datetime, limit: int) -> list[SignedFirmware]:
        """What was ordered, approved, decided or signed after `since`."""
        voted = select(col(FirmwareVoteRow.firmware_id)).where(col(FirmwareVoteRow.at) > since)
        moved = or_(
            col(FirmwareRow.created_at) > since,
            col(FirmwareRow.decided_at) > since,
            col(FirmwareRow.signed_at) > since,
            col(FirmwareRow.id).in_(voted),
        )
        with self._store.reading() as session:
            rows = session.execute(select(FirmwareRow).where(moved).order_by(col(FirmwareRow.id)).limit(limit))
            found = rows.scalars().all()
            return self._told(session, found) if found else []

    def attachment(self, firmware_id: str, sha256: str) -> tuple[BoundFile, bytes]:
        """A bound file with its octets. Raises UnknownAttachment."""
        with self._store.reading() as session:
            row = session.get(FirmwareAttachmentRow, (firmware_id, sha256))
        if row is None:
            raise UnknownAttachment(sha256)
        return BoundFile(row.kind, row.name, row.form, row.sha256, row.size), row.content

    def _told(self, session: Session, rows: Sequence[FirmwareRow]) -> list[SignedFirmware]:
        ids = [row.id for row in rows]
        serials = [row.signing_serial for row in rows if row.signing_serial]
        revoked = set(
            session.execute(select(col(RevokedRow.serial)).where(col(RevokedRow.serial).in_(serials))).scalars()
        )
        votes, files = approvals_of(session, ids), files_of(session, ids)
        return [_firmware_of(row, votes, files, revoked=row.signing_serial in revoked) for row in rows]


def approvals_of(session: Session, ids: Sequence[str]) -> _Of:
    """Who agreed to each of these orders, in the order of time."""
    found: dict[str, list[Approval]] = defaultdict(list)
    query = select(FirmwareVoteRow).where(col(FirmwareVoteRow.firmware_id).in_(ids))
    for row in session.execute(query.order_by(col(FirmwareVoteRow.at), col(FirmwareVoteRow.person))).scalars():
        found[row.firmware_id].append(Approval(row.person, row.by, row.note, row.at, row.passkey))
    return found


def files_of(session: Session, ids: Sequence[str]) -> _Bound:
    """What each of these orders binds, without the octets."""
    columns = (
        FirmwareAttachmentRow.firmware_id, FirmwareAttachmentRow.kind, FirmwareAttachmentRow.name,
        FirmwareAttachmentRow.form, FirmwareAttachmentRow.sha256, FirmwareAttachmentRow.size,
    )  # fmt: skip
    found: dict[str, list[BoundFile]] = defaultdict(list)
    query = select(*map(col, columns)).where(col(FirmwareAttachmentRow.firmware_id).in_(ids))
    for row in session.execute(query.order_by(col(FirmwareAttachmentRow.kind), col(FirmwareAttachmentRow.sha256))):
        found[row.firmware_id].append(BoundFile(row.kind, row.name, row.form, row.sha256, row.size))
    return found


def _firmware_of(row: FirmwareRow, votes: _Of, files: _Bound, *, revoked: bool) -> SignedFirmware:
    asked, agreed = of_json(row.requirements), tuple(votes.get(row.id, ()))
    state = FirmwareState(row.state)
    return SignedFirmware(
        id=row.id,
        vendor=row.vendor,
        model=row.model,
        version=row.version,
        digest=row.digest,
        scheme=SignatureScheme(row.scheme),
        state=FirmwareState.REVOKED if revoked and state is FirmwareState.SIGNED else state,
        signature=row.signature,
        signing_certificate=row.signing_certificate,
        signing_serial=row.signing_serial,
        requested_by=row.requested_by,
        at=row.created_at,
        signed_at=row.signed_at,
        log_number=row.log_number,
        stamp=row.stamp,
        origin=Origin(row.origin),
        requested_for=row.requested_for,
        release_counter=row.release_counter,
        minimum_counter=row.minimum_counter,
        hardware=tuple(json.loads(row.hardware)),
        requirements=asked,
        approvals=agreed,
        missing=max(0, missing(asked, [one.person for one in agreed])),
        attachments=tuple(files.get(row.id, ())),
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        reason=row.ended_reason,
        names_salt=row.names_salt,
    )

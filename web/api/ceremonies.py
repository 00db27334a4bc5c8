"""/api/v1/ceremonies: look at what a ceremony file would make, agree, have it made; and the signed records."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from pki.ceremony_file import LONGEST
from pki.ceremony_preview import CeremonyPreview
from pki.ceremony_records import CeremonyRecord
from web.api.asked import Doors
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/ceremonies", tags=["authorities"])


class CeremonyFileIn(In):
    """A ceremony file."""

    file: str = Field(max_length=LONGEST, description="TOML, see docs/operations.md")


class CeremonyIn(CeremonyFileIn):
    """A ceremony file, and the `agreement` of the preview that was looked at."""

    agreement: str = Field(pattern="^[0-9a-f]{64}$")


class PlannedAuthorityOut(Out):
    """One authority of a ceremony. `station_chain` counts the characters of a station's chain below it (PEM)."""

    name: str
    standing: str
    kind: str
    hierarchy: str
    post: str
    status: str
    parent: str | None
    algorithm: str
    common_name: str
    organisation: str
    not_before: datetime
    not_after: datetime
    path_length: int | None
    station_chain: int | None
    remarks: tuple[str, ...]


class PlannedCrossOut(Out):
    """One cross-certificate of a ceremony."""

    authority: str
    issuer: str
    standing: str


class CeremonyPreviewOut(Out):
    """What holding the ceremony would do now."""

    title: str
    has_work: bool
    authorities: list[PlannedAuthorityOut]
    crosses: list[PlannedCrossOut]
    agreement: str

    @classmethod
    def made(cls, preview: CeremonyPreview) -> Self:
        """The wire's shape of a preview."""
        return cls.of(preview)


class SignatureOut(Out):
    """One signature below a record: base64, the X.509 kind, over the octets of `record`."""

    authority: str
    signature: str


class CeremonyRecordOut(Out):
    """A signed record. `record` is the JSON text exactly as it was signed."""

    id: str
    title: str
    held_by: str
    held_at: datetime
    record: str
    signatures: list[SignatureOut]

    @classmethod
    def made(cls, record: CeremonyRecord) -> Self:
        """The wire's shape of a record."""
        return cls(
            id=record.id,
            title=record.title,
            held_by=record.held_by,
            held_at=record.held_at,
            record=record.statement,
            signatures=[SignatureOut.of(one) for one in record.signatures],
        )


class CeremonyOut(Out):
    """What came of a ceremony: its record, or null when everything was there already."""

    record: CeremonyRecordOut | None


@router.get("")
def list_ceremonies(
    doors: Doors, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> Page[CeremonyRecordOut]:
    """The signed records, newest first."""
    return Page(items=[CeremonyRecordOut.made(one) for one in doors.authority.ceremonies()], next=None)


@router.post("/preview")
def preview_ceremony(
    doors: Doors, body: CeremonyFileIn, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_CHANGE))
) -> CeremonyPreviewOut:
    """What the ceremony would make, and what is there. Nothing is made."""
    return CeremonyPreviewOut.made(doors.authority.preview_ceremony(body.file))


@router.post("", status_code=201)
def hold_ceremony(
    doors: Doors,
    body: CeremonyIn,
    response: Response,
    caller: Principal = Depends(Needs(Permission.AUTHORITIES_CHANGE)),
) -> CeremonyOut:
    """Make what is missing, all or nothing. Held again, it does nothing (200) or goes on where it was broken off."""
    record = doors.authority.hold_ceremony(body.file, caller.name, body.agreement)
    if record is None:
        response.status_code = 200
    return CeremonyOut(record=CeremonyRecordOut.made(record) if record is not None else None)


@router.get("/{ceremony_id}")
def show_ceremony(
    doors: Doors, ceremony_id: str, _caller: Principal = Depends(Needs(Permission.AUTHORITIES_READ))
) -> CeremonyRecordOut:
    """One signed record."""
    return CeremonyRecordOut.made(doors.authority.ceremony(ceremony_id))

"""/api/v1/stations/{id}/recovery and …/bootstrap, /api/v1/recoveries: stations that are let back in."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from csms_bridge.recovery.door import Asked
from csms_bridge.recovery.words import Ask, Loss, Proof, RecoveryState
from csms_bridge.station import Station
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import In, Out, Page, ReasonIn, StationOut
from web.auth import Needs
from web.certificate_queries import span_of
from web.permissions import Permission, Principal

router = APIRouter(tags=["stations"])


class RecoveryIn(In):
    """What a station lost, what it will show when it comes back, for how long it is let in, and why.

    `proof` follows from the loss when it is left out: its expired certificate, or a password that is made for this.
    """

    loss: Loss = Loss.EXPIRED
    proof: Proof | None = None
    maker: str = Field(default="", max_length=100, description="whose certificate counts, as its anchor names it")
    new_serial: str = Field(default="", max_length=64, description="of the new board, when the board was swapped")
    then_walk: int | None = Field(default=None, ge=2, le=3, description="walk it up to this profile once it is back")
    valid_for: str = Field(default="24h", max_length=20, description="48h, 7d, 4w")
    reason: str = Field(min_length=1, max_length=500)

    def ask_for(self, station: str) -> Ask:
        """As the door has it."""
        life = span_of("valid_for", self.valid_for)
        return Ask(
            station, self.loss, life, self.reason, self.proof, self.maker, self.new_serial, self.then_walk
        )  # fmt: skip


class ApprovalOut(Out):
    """That a person agreed."""

    person: str
    by: str
    note: str
    at: datetime


class RecoveryOut(Out):
    """A way back. `state`: waiting, open, done, ended, over, refused or lapsed. `says` tells what it means, or meant.

    `missing`: how many more people must approve. `until`: how long it is open. `came_at`: when somebody came by it.
    """

    id: str
    station: str
    loss: Loss
    proof: Proof
    state: RecoveryState
    reason: str
    maker: str
    old_serial: str
    new_serial: str
    then_walk: int | None
    asked_by: str
    asked_at: datetime
    approvals_wanted: int
    approvals: list[ApprovalOut]
    missing: int
    opened_at: datetime | None
    until: datetime | None
    came_at: datetime | None
    came_from: str
    ended_at: datetime | None
    ended_by: str
    ended_why: str
    revoked: list[str]
    walk: str
    says: list[str]


class RecoveredOut(StationOut):
    """The station, its way back, and the password that was made for that, which is shown this once."""

    recovery: RecoveryOut
    password: str | None

    @classmethod
    def made(cls, station: Station, asked: Asked) -> Self:
        """What came of asking."""
        password = asked.password.text() if asked.password else None
        told = RecoveryOut.of(asked.recovery)
        return cls(**StationOut.of(station).model_dump(), recovery=told, password=password)


class PreviewOut(Out):
    """What opening a way back would mean, in sentences."""

    says: list[str]


class BootstrapIn(In):
    """The maker whose certificate alone lets a station in until it has one of ours; empty: nobody's."""

    vendor: str = Field(max_length=100)
    reason: str = Field(min_length=1, max_length=500)


class NoteIn(In):
    """What the approver has to say."""

    note: str = Field(default="", max_length=500)


@router.post("/stations/{station_id}/recovery")
def open_recovery(
    doors: Doors, station_id: str, body: RecoveryIn, caller: Principal = Depends(Needs(Permission.STATIONS_RECOVER))
) -> RecoveredOut:
    """Let a station back in that lost what proved it, for a time; or ask for it, where others must approve.

    It is let in as Pending, or told Accepted and held to the same, for certificate work alone (A00.FR.429, .805).
    """
    asked = doors.fleet.recoveries.ask(body.ask_for(station_id), caller.name, caller.person)
    return RecoveredOut.made(doors.fleet.station(station_id), asked)


@router.post("/stations/{station_id}/recovery/preview")
def preview_recovery(
    doors: Doors, station_id: str, body: RecoveryIn, _caller: Principal = Depends(Needs(Permission.STATIONS_RECOVER))
) -> PreviewOut:
    """What that would let in, for how long, and what it would revoke; nothing is done."""
    return PreviewOut(says=list(doors.fleet.recoveries.preview(body.ask_for(station_id))))


@router.post("/stations/{station_id}/recovery/end")
def end_recovery(
    doors: Doors, station_id: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.STATIONS_RECOVER))
) -> StationOut:
    """Close a station's way back, or ask for it no more; a line that it let in is closed."""
    doors.fleet.recoveries.end(station_id, body.reason, caller.name)
    return StationOut.of(doors.fleet.station(station_id))


@router.get("/recoveries")
def list_recoveries(
    doors: Doors,
    station: str | None = None,
    state: Annotated[RecoveryState | None, Query()] = None,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.STATIONS_READ)),
) -> Page[RecoveryOut]:
    """Ways back, the newest first."""
    found = doors.fleet.recoveries.book.page(station=station, state=state, after=after, limit=limit + 1)
    return page(found, limit, RecoveryOut.of, lambda one: one.id)


@router.get("/recoveries/{recovery_id}")
def show_recovery(
    doors: Doors, recovery_id: str, _caller: Principal = Depends(Needs(Permission.STATIONS_READ))
) -> RecoveryOut:
    """One way back."""
    return RecoveryOut.of(doors.fleet.recoveries.book.find(recovery_id))


@router.post("/recoveries/{recovery_id}/approve")
def approve_recovery(
    doors: Doors, recovery_id: str, body: NoteIn, caller: Principal = Depends(Needs(Permission.STATIONS_APPROVE))
) -> RecoveryOut:
    """Agree to a way back. Whoever asked never approves; with the last approval that was wanting it is open."""
    return RecoveryOut.of(doors.fleet.recoveries.approve(recovery_id, caller.name, caller.person, body.note))


@router.post("/recoveries/{recovery_id}/refuse")
def refuse_recovery(
    doors: Doors, recovery_id: str, body: ReasonIn, caller: Principal = Depends(Needs(Permission.STATIONS_APPROVE))
) -> RecoveryOut:
    """Say no for good; it may be asked for anew."""
    return RecoveryOut.of(doors.fleet.recoveries.refuse(recovery_id, body.reason, caller.name))


@router.post("/stations/{station_id}/bootstrap")
def allow_bootstrap(
    doors: Doors, station_id: str, body: BootstrapIn, caller: Principal = Depends(Needs(Permission.STATIONS_CHANGE))
) -> StationOut:
    """Let a station begin with its maker's certificate alone, as Pending, until it has used one of ours."""
    return StationOut.of(doors.fleet.allow_bootstrap(station_id, body.vendor, caller.name, body.reason))

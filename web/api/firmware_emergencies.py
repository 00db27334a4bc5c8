"""/api/v1/firmware/{id}/emergencies: ways back to older releases, which two people must agree to."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Depends
from pydantic import Field

from web.api.asked import After, Doors, Limit, number_cursor, page
from web.api.shapes import In, Out, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(tags=["firmware"])


class EmergencyIn(In):
    """Why, and for how long."""

    reason: str = Field(min_length=1, max_length=500)
    hours: int = Field(default=24, ge=1, le=168)


class WithdrawIn(In):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


class EmergencyOut(Out):
    """A way back. `state`: asked, open, over or withdrawn; `missing` says how many approvals are wanting."""

    id: int
    firmware: str
    vendor: str
    model: str
    version: str
    reason: str
    state: str
    approvals: list[str]
    missing: int
    asked_by: str
    asked_at: datetime
    until: datetime


@router.post("/firmware/{firmware_id}/emergencies", status_code=201)
def ask_for_emergency(
    doors: Doors,
    firmware_id: str,
    body: EmergencyIn,
    caller: Principal = Depends(Needs(Permission.FIRMWARE_INSTALL)),
) -> EmergencyOut:
    """Ask for a way back to a release; it opens when two others agree."""
    life = timedelta(hours=body.hours)
    return EmergencyOut.of(doors.fleet.emergencies.ask(firmware_id, body.reason, life, caller.name, caller.person))


@router.get("/firmware-emergencies")
def list_emergencies(
    doors: Doors,
    limit: Limit = 100,
    after: After = None,
    firmware: str | None = None,
    _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ)),
) -> Page[EmergencyOut]:
    """Ways back, newest first."""
    found = doors.fleet.emergencies.page(firmware, number_cursor(after), limit + 1)
    return page(found, limit, EmergencyOut.of, lambda emergency: emergency.id)


@router.post("/firmware-emergencies/{emergency_id}/approve")
def approve_emergency(
    doors: Doors, emergency_id: int, caller: Principal = Depends(Needs(Permission.FIRMWARE_APPROVE))
) -> EmergencyOut:
    """Agree to a way back. Whoever asked never does."""
    return EmergencyOut.of(doors.fleet.emergencies.approve(emergency_id, caller.name, caller.person))


@router.post("/firmware-emergencies/{emergency_id}/withdraw")
def withdraw_emergency(
    doors: Doors,
    emergency_id: int,
    body: WithdrawIn,
    caller: Principal = Depends(Needs(Permission.FIRMWARE_INSTALL)),
) -> EmergencyOut:
    """Close a way back before its time."""
    return EmergencyOut.of(doors.fleet.emergencies.withdraw(emergency_id, body.reason, caller.name))

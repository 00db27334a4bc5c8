"""/api/v1/firmware-rules: who must approve which firmware before it is signed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from web.api.asked import Doors
from web.api.firmware_shapes import FirmwareRuleOut
from web.api.shapes import In, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/firmware-rules", tags=["firmware"])


class FirmwareRuleIn(In):
    """Patterns with * and ?; `people` are named like user:anna, nobody named means everybody who may approve."""

    vendor: str = Field(min_length=1, max_length=100)
    model: str = Field(default="*", min_length=1, max_length=100)
    approvals: int = Field(ge=0, le=100)
    people: list[str] = Field(default=[], max_length=100)
    passkey: bool = False


@router.get("")
def list_rules(doors: Doors, _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ))) -> Page[FirmwareRuleOut]:
    """All rules. Every one that fits must be satisfied; where none fits, firmware is signed at once."""
    return Page(items=[FirmwareRuleOut.of(rule) for rule in doors.authority.firmware_rules.all()], next=None)


@router.post("", status_code=201)
def add_rule(
    doors: Doors, body: FirmwareRuleIn, caller: Principal = Depends(Needs(Permission.FIRMWARE_RULES))
) -> FirmwareRuleOut:
    """Ask for approvals from now on; orders under way keep what was asked of them."""
    rules = doors.authority.firmware_rules
    made = rules.add(body.vendor, body.model, body.approvals, body.people, caller.name, body.passkey)
    return FirmwareRuleOut.of(made)


@router.delete("/{rule_id}", status_code=204)
def remove_rule(
    doors: Doors,
    rule_id: str,
    reason: Annotated[str, Query(max_length=500)] = "",
    caller: Principal = Depends(Needs(Permission.FIRMWARE_RULES)),
) -> None:
    """Ask no more, of orders to come."""
    doors.authority.firmware_rules.remove(rule_id, reason, caller.name)

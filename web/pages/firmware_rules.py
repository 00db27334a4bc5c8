"""/firmware/rules: the forms by which an admin says who must approve which firmware."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from web.api.asked import Doors
from web.pages.visitor import Submitted, Visitor
from web.permissions import Permission

router = APIRouter(prefix="/firmware/rules", include_in_schema=False)
Pattern = Annotated[str, Form(min_length=1, max_length=100)]


@router.post("")
def add(
    doors: Doors,
    vendor: Pattern,
    model: Pattern,
    approvals: Annotated[int, Form(ge=0, le=100)],
    people: Annotated[str, Form(max_length=6500)] = "",
    passkey: Annotated[bool, Form()] = False,
    visitor: Visitor = Depends(Submitted(Permission.FIRMWARE_RULES)),
) -> Response:
    """Ask for approvals from now on. `people` are names to sign in with, with blanks or commas between them."""
    named = [f"user:{name.removeprefix('user:')}" for name in people.replace(",", " ").split()]
    doors.authority.firmware_rules.add(vendor, model, approvals, named, visitor.name, passkey)
    return RedirectResponse("/firmware", status_code=303)


@router.post("/{rule_id}/remove")
def remove(
    doors: Doors,
    rule_id: str,
    reason: Annotated[str, Form(min_length=1, max_length=500)],
    visitor: Visitor = Depends(Submitted(Permission.FIRMWARE_RULES)),
) -> Response:
    """Ask no more, of orders to come."""
    doors.authority.firmware_rules.remove(rule_id, reason, visitor.name)
    return RedirectResponse("/firmware", status_code=303)

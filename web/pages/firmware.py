"""/firmware: what waits for approval, what is signed, and one version with who asked, who agreed and what is bound."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pki.firmware_book import FirmwareState
from web.api.asked import Doors
from web.firmware_approvals import approve_firmware, begin_approval
from web.firmware_reports import report_of
from web.pages.rendering import render
from web.pages.visitor import Seen, Submitted, Visitor
from web.passkeys import LONGEST_ANSWER
from web.permissions import Permission

router = APIRouter(prefix="/firmware", include_in_schema=False)
_AT_ONCE = 50
_EMERGENCIES = 5
Text = Annotated[str, Form(max_length=500)]
Needed = Annotated[str, Form(min_length=1, max_length=500)]


@router.get("")
def show_list(
    doors: Doors,
    state: FirmwareState | None = None,
    after: str | None = None,
    visitor: Visitor = Depends(Seen(Permission.FIRMWARE_READ)),
) -> HTMLResponse:
    """The newest first, and the rules."""
    found = doors.authority.firmware_book.page(after, _AT_ONCE + 1, state)
    return render(
        "firmware.html",
        visitor,
        firmware=found[:_AT_ONCE],
        next=found[_AT_ONCE - 1].id if len(found) > _AT_ONCE else None,
        after=after,
        state=state,
        states=list(FirmwareState),
        rules=doors.authority.firmware_rules.all(),
        head=doors.authority.firmware_log.head(),
    )


@router.get("/{firmware_id}/show")
def show_one(
    doors: Doors, firmware_id: str, visitor: Visitor = Depends(Seen(Permission.FIRMWARE_READ))
) -> HTMLResponse:
    """Who asked, what is bound, who agreed; with the buttons to decide."""
    report = report_of(doors, firmware_id)
    one = doors.authority.firmware(firmware_id)
    asked = {one.requested_by, one.requested_for}
    has_agreed = visitor.principal.person in [approval.person for approval in one.approvals]
    is_open = one.state is FirmwareState.PENDING
    return render(
        "firmware_one.html",
        visitor,
        one=one,
        report=report,
        emergencies=doors.fleet.emergencies.page(firmware_id, limit=_EMERGENCIES),
        image=doors.fleet.images.state(firmware_id),
        acts=report.acts,
        asked_by_visitor=bool({visitor.name, visitor.principal.person} & asked),
        needs_passkey=any(asked.passkey and asked.counts(visitor.principal.person) for asked in one.requirements),
        may_decide=is_open and not has_agreed and visitor.may(Permission.FIRMWARE_APPROVE),
        may_refuse=one.state in (FirmwareState.PENDING, FirmwareState.APPROVED)
        and visitor.may(Permission.FIRMWARE_APPROVE),
    )


@router.get("/{firmware_id}/files/{sha256}")
def show_file(
    doors: Doors, firmware_id: str, sha256: str, _visitor: Visitor = Depends(Seen(Permission.FIRMWARE_READ))
) -> Response:
    """A bound file, as a download."""
    _, content = doors.authority.firmware_book.attachment(firmware_id, sha256)
    return Response(content, media_type="application/octet-stream", headers={"Content-Disposition": "attachment"})


@router.post("/{firmware_id}/approve/options")
def begin_approving(
    doors: Doors, firmware_id: str, visitor: Visitor = Depends(Submitted(Permission.FIRMWARE_APPROVE))
) -> dict[str, Any]:
    """What the browser needs to have the approval signed with a passkey."""
    return begin_approval(doors, visitor.principal, firmware_id)


@router.post("/{firmware_id}/approve")
def approve(
    doors: Doors,
    firmware_id: str,
    note: Text = "",
    answer: Annotated[str, Form(max_length=LONGEST_ANSWER)] = "",
    visitor: Visitor = Depends(Submitted(Permission.FIRMWARE_APPROVE)),
) -> Response:
    """Agree."""
    approve_firmware(doors, visitor.principal, firmware_id, note, answer)
    return _back(firmware_id)


@router.post("/{firmware_id}/refuse")
def refuse(
    doors: Doors,
    firmware_id: str,
    reason: Needed,
    visitor: Visitor = Depends(Submitted(Permission.FIRMWARE_APPROVE)),
) -> Response:
    """Say no for good."""
    doors.authority.refuse_firmware(firmware_id, reason, visitor.name)
    return _back(firmware_id)


@router.post("/{firmware_id}/emergency")
def ask_for_emergency(
    doors: Doors,
    firmware_id: str,
    reason: Needed,
    visitor: Visitor = Depends(Submitted(Permission.FIRMWARE_INSTALL)),
) -> Response:
    """Ask for a way back to the release, for a day."""
    life = timedelta(days=1)
    doors.fleet.emergencies.ask(firmware_id, reason, life, visitor.name, visitor.principal.person)
    return _back(firmware_id)


@router.post("/{firmware_id}/emergency/{emergency_id}/approve")
def approve_emergency(
    doors: Doors,
    firmware_id: str,
    emergency_id: int,
    visitor: Visitor = Depends(Submitted(Permission.FIRMWARE_APPROVE)),
) -> Response:
    """Agree to it."""
    doors.fleet.emergencies.approve(emergency_id, visitor.name, visitor.principal.person)
    return _back(firmware_id)


def _back(firmware_id: str) -> Response:
    return RedirectResponse(f"/firmware/{firmware_id}/show", status_code=303)

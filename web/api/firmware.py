"""/api/v1/firmware: order signatures, decide on orders, and make the OCPP request that sends a station to an image."""

import secrets
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from csms_bridge.station import OcppVersion
from pki.authority import SignedFirmware
from pki.firmware_book import FirmwareState
from pki.firmware_bundle import bundle_fields
from web.api.asked import After, Doors, Limit, page
from web.api.firmware_orders import BODIES, BroughtIn, read_form, read_json, validated
from web.api.firmware_shapes import FirmwareOut, FirmwareReportOut
from web.api.shapes import In, Page
from web.auth import Needs
from web.errors import RequestRefused
from web.firmware_approvals import approve_firmware, begin_approval
from web.firmware_reports import report_of
from web.passkeys import LONGEST_ANSWER
from web.permissions import Permission, Principal

router = APIRouter(prefix="/firmware", tags=["firmware"])
_LONGEST_LOCATION = {OcppVersion.V16: 512, OcppVersion.V201: 512, OcppVersion.V21: 2000}


class ApproveIn(In):
    """Something to remember, if anything."""

    note: str = Field(default="", max_length=500)
    passkey: str = Field(default="", max_length=LONGEST_ANSWER, description="`AuthenticationResponseJSON`, as text")


class RefuseIn(In):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


@router.post("", status_code=201, openapi_extra=BODIES)
async def sign_firmware(
    doors: Doors, request: Request, caller: Principal = Depends(Needs(Permission.FIRMWARE_SIGN))
) -> FirmwareOut:
    """Sign a digest (JSON) or an image (multipart form; it is hashed as it comes and not kept).

    Where a rule asks for approvals the answer is the order as it waits.
    """
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    order = await (read_form(request) if is_form else read_json(request))
    caller.require_release(order.vendor, order.model)
    if caller.use is not None:
        await run_in_threadpool(doors.oidc.claim, caller.use, order)
    signed = await run_in_threadpool(doors.authority.sign_firmware, order, caller.name, caller.person)
    return FirmwareOut.of(signed)


@router.post("/brought", status_code=201)
def bring_firmware(
    doors: Doors, body: BroughtIn, caller: Principal = Depends(Needs(Permission.FIRMWARE_SIGN))
) -> FirmwareOut:
    """Take in a signature that the manufacturer made; it must hold under a root that is an anchor for firmware."""
    order = validated(body.without_signature())
    caller.require_release(order.vendor, order.model)
    if caller.use is not None:
        doors.oidc.claim(caller.use, order)
    signature, certificate = body.signature, body.signing_certificate
    return FirmwareOut.of(doors.authority.bring_firmware(order, signature, certificate, caller.name, caller.person))


@router.get("")
def list_firmware(
    doors: Doors,
    limit: Limit = 100,
    after: After = None,
    state: FirmwareState | None = None,
    signing_serial: Annotated[str | None, Query(max_length=64, description="signed with this certificate")] = None,
    _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ)),
) -> Page[FirmwareOut]:
    """Firmware, newest first."""
    found = doors.authority.firmware_book.page(after, limit + 1, state, signing_serial)
    return page(found, limit, FirmwareOut.of, lambda firmware: firmware.id)


@router.get("/{firmware_id}")
def show_firmware(
    doors: Doors, firmware_id: str, _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ))
) -> FirmwareOut:
    """One firmware with its signature and signing certificate."""
    return FirmwareOut.of(doors.authority.firmware(firmware_id))


@router.post("/{firmware_id}/approve/options")
def begin_approving(
    doors: Doors, firmware_id: str, caller: Principal = Depends(Needs(Permission.FIRMWARE_APPROVE))
) -> dict[str, Any]:
    """What a browser needs to have an approval signed with the caller's passkey.

    It is a `PublicKeyCredentialRequestOptionsJSON` of WebAuthn, good for five minutes and one answer.
    """
    return begin_approval(doors, caller, firmware_id)


@router.post("/{firmware_id}/approve")
def approve(
    doors: Doors, firmware_id: str, body: ApproveIn, caller: Principal = Depends(Needs(Permission.FIRMWARE_APPROVE))
) -> FirmwareOut:
    """Agree to an order. Whoever asked never approves; with the last approval that was wanting it is signed."""
    return FirmwareOut.of(approve_firmware(doors, caller, firmware_id, body.note, body.passkey))


@router.post("/{firmware_id}/refuse")
def refuse_firmware(
    doors: Doors, firmware_id: str, body: RefuseIn, caller: Principal = Depends(Needs(Permission.FIRMWARE_APPROVE))
) -> FirmwareOut:
    """Say no to an order for good. A new one may be placed."""
    return FirmwareOut.of(doors.authority.refuse_firmware(firmware_id, body.reason, caller.name))


@router.get("/{firmware_id}/report")
def show_report(
    doors: Doors, firmware_id: str, _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ))
) -> FirmwareReportOut:
    """Who asked for a version, approved and signed it, when, and with which files."""
    return report_of(doors, firmware_id)


@router.get("/{firmware_id}/attachments/{sha256}", response_class=Response)
def show_attachment(
    doors: Doors, firmware_id: str, sha256: str, _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ))
) -> Response:
    """A file that the order binds, octet by octet."""
    bound, content = doors.authority.firmware_book.attachment(firmware_id, sha256)
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(bound.name)}"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get("/{firmware_id}/bundle")
def show_bundle(
    doors: Doors, firmware_id: str, _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ))
) -> dict[str, Any]:
    """All that verifying the image offline takes: signature, certificate, time stamp, log entry, proof and head."""
    return bundle_fields(doors.authority.firmware_bundle(firmware_id))


@router.get("/{firmware_id}/payload")
def show_payload(
    doors: Doors,
    firmware_id: str,
    ocpp: OcppVersion,
    location: Annotated[str, Query(min_length=1, description="where the station fetches the image")],
    retrieve_at: Annotated[datetime | None, Query(description="default: now")] = None,
    install_at: datetime | None = None,
    request_id: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ)),
) -> dict[str, Any]:
    """The body of SignedUpdateFirmware (1.6) or UpdateFirmware (2.0.1, 2.1) for this image."""
    if len(location) > _LONGEST_LOCATION[ocpp]:
        why = f"OCPP {ocpp} allows {_LONGEST_LOCATION[ocpp]} characters"
        raise RequestRefused("location", f"location: {why}")
    signed = doors.authority.firmware(firmware_id)
    return {
        "requestId": secrets.randbelow(2**31) if request_id is None else request_id,
        "firmware": _firmware_type(signed, location, retrieve_at or doors.clock(), install_at),
    }


def _firmware_type(
    signed: SignedFirmware, location: str, retrieve_at: datetime, install_at: datetime | None
) -> dict[str, str]:
    """FirmwareType, which 1.6, 2.0.1 and 2.1 spell alike (1.6 white paper edition 3 §6; 2.0.1 Part 2 L01)."""
    if signed.state != FirmwareState.SIGNED or not signed.signature or not signed.signing_certificate:
        raise RequestRefused("firmware", f"the firmware {signed.id} is {signed.state}, not signed")
    fields = {
        "location": location,
        "retrieveDateTime": _ocpp_time("retrieve_at", retrieve_at),
        "signingCertificate": signed.signing_certificate,
        "signature": signed.signature,
    }
    if install_at is not None:
        fields["installDateTime"] = _ocpp_time("install_at", install_at)
    return fields


def _ocpp_time(field: str, moment: datetime) -> str:
    if moment.tzinfo is None:
        raise RequestRefused(field, f"{field}: the time needs a zone, for example 2026-01-31T12:00:00Z")
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")

"""/api/v1/firmware: sign images (or their digests), and make the OCPP request that sends a station to one."""

import hashlib
import secrets
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from starlette.datastructures import UploadFile

from csms_bridge.station import OcppVersion
from pki.authority import FirmwareOrder, SignedFirmware
from pki.firmware_bundle import bundle_fields
from pki.keys import SignatureScheme
from web.api.asked import After, Doors, Limit, page
from web.api.shapes import FirmwareOut, In, Page
from web.auth import Needs
from web.errors import RequestRefused
from web.permissions import Permission, Principal

router = APIRouter(prefix="/firmware", tags=["firmware"])
_CHUNK = 1024 * 1024
_LONGEST_LOCATION = {OcppVersion.V16: 512, OcppVersion.V201: 512, OcppVersion.V21: 2000}


class FirmwareNamesIn(In):
    """What an image is, and how it is to be signed."""

    vendor: str = Field(min_length=1, max_length=50)
    model: str = Field(min_length=1, max_length=50)
    version: str = Field(min_length=1, max_length=50)
    scheme: SignatureScheme = SignatureScheme.ECDSA_SHA256


class FirmwareIn(FirmwareNamesIn):
    """The same with the image's SHA-256, when the image itself stays where it was built."""

    digest: str = Field(pattern="^[0-9a-fA-F]{64}$", description="SHA-256 of the image, hex")


_BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": FirmwareIn.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image", "vendor", "model", "version"],
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        **FirmwareNamesIn.model_json_schema()["properties"],
                    },
                }
            },
        },
    }
}


@router.post("", status_code=201, openapi_extra=_BODIES)
async def sign_firmware(
    doors: Doors, request: Request, caller: Principal = Depends(Needs(Permission.FIRMWARE_SIGN))
) -> FirmwareOut:
    """Sign a digest (JSON) or an image (multipart form; it is hashed as it comes and not kept)."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        asked = await _hash_upload(request)
    else:
        asked = await _read_json(request)
    order = FirmwareOrder(asked.vendor, asked.model, asked.version, bytes.fromhex(asked.digest), asked.scheme)
    return FirmwareOut.of(await run_in_threadpool(doors.authority.sign_firmware, order, caller.name))


@router.get("")
def list_firmware(
    doors: Doors,
    limit: Limit = 100,
    after: After = None,
    _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ)),
) -> Page[FirmwareOut]:
    """Firmware, newest first."""
    found = doors.authority.firmwares(after=after, limit=limit + 1)
    return page(found, limit, FirmwareOut.of, lambda firmware: firmware.id)


@router.get("/{firmware_id}")
def show_firmware(
    doors: Doors, firmware_id: str, _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ))
) -> FirmwareOut:
    """One firmware with its signature and signing certificate."""
    return FirmwareOut.of(doors.authority.firmware(firmware_id))


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
    if signed.signature is None or signed.signing_certificate is None:
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


async def _hash_upload(request: Request) -> FirmwareIn:
    async with request.form(max_files=1, max_fields=10) as form:
        image = form.get("image")
        if not isinstance(image, UploadFile):
            raise RequestRefused("image", "the form has no file called `image`")
        digest = hashlib.sha256()
        while chunk := await image.read(_CHUNK):
            digest.update(chunk)
        named = {name: value for name, value in form.items() if name != "image"}
    return _validated({**named, "digest": digest.hexdigest()})


async def _read_json(request: Request) -> FirmwareIn:
    try:
        body = await request.json()
    except ValueError:
        raise RequestRefused("body", "the body is neither JSON nor a multipart form") from None
    return _validated(body)


def _validated(body: object) -> FirmwareIn:
    try:
        return FirmwareIn.model_validate(body)
    except ValidationError as wrong:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in wrong.errors()]
        raise RequestValidationError(errors) from None

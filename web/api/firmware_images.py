"""/api/v1/firmware/{id}/image: the image of an order, uploaded in parts that resume, looked at, and removed."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from csms_bridge.firmware.images import PART, ImageState
from web.api.asked import Doors
from web.api.shapes import In, Out
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/firmware", tags=["firmware"])
_PIECE = 256 * 1024  # octets written to the disk at a time


class ImageIn(In):
    """How many octets the image has."""

    size: int = Field(ge=0, le=2**53)


class ImageOut(Out):
    """How much of an image is here. `kept`: all of it, and verified; else go on at `received`, in parts of `part`."""

    firmware: str
    digest: str
    received: int
    size: int | None
    kept: bool
    store: str
    node: str
    kept_at: datetime | None
    kept_by: str
    part: int = PART

    @classmethod
    def made(cls, state: ImageState) -> "ImageOut":
        """The wire's shape of an image."""
        return cls.of(state)


@router.get("/{firmware_id}/image")
def show_image(
    doors: Doors, firmware_id: str, _caller: Principal = Depends(Needs(Permission.FIRMWARE_READ))
) -> ImageOut:
    """How much of the image is here."""
    return ImageOut.made(doors.fleet.images.state(firmware_id))


@router.post("/{firmware_id}/image", status_code=201)
def announce_image(
    doors: Doors, firmware_id: str, body: ImageIn, caller: Principal = Depends(Needs(Permission.FIRMWARE_SIGN))
) -> ImageOut:
    """Begin an upload, or find out where one broke off."""
    return ImageOut.made(doors.fleet.images.announce(firmware_id, body.size, caller.name))


@router.patch("/{firmware_id}/image")
async def upload_image(
    doors: Doors,
    request: Request,
    firmware_id: str,
    size: Annotated[int, Query(ge=1, description="octets of the whole image")],
    upload_offset: Annotated[int, Header(ge=0, description="octets that are here already")],
    caller: Principal = Depends(Needs(Permission.FIRMWARE_SIGN)),
) -> ImageOut:
    """The next part, raw. With the last one the image is verified by its hash and kept, or nothing is left of it."""
    images = doors.fleet.images
    order = await run_in_threadpool(images.taken, firmware_id, size)
    caller.require_release(order.vendor, order.model)
    state = await run_in_threadpool(images.state, firmware_id)
    if state.kept:
        return ImageOut.made(state)
    with images.parts.writing(order.digest, upload_offset, size) as part:
        pieces = bytearray()
        try:
            async for piece in request.stream():
                pieces += piece
                if len(pieces) >= _PIECE:
                    await run_in_threadpool(part.write, bytes(pieces))
                    pieces.clear()
        except ClientDisconnect:
            raise HTTPException(400, "the upload broke off") from None
        finally:
            await run_in_threadpool(part.write, bytes(pieces))
        is_whole = part.at == size
    if is_whole:
        return ImageOut.made(await run_in_threadpool(images.finish, firmware_id, size, caller.name))
    return ImageOut.made(await run_in_threadpool(images.state, firmware_id))


@router.delete("/{firmware_id}/image", status_code=204)
def remove_image(
    doors: Doors,
    firmware_id: str,
    reason: Annotated[str, Query(min_length=1, max_length=500)],
    caller: Principal = Depends(Needs(Permission.FIRMWARE_INSTALL)),
) -> Response:
    """Delete an image that no update needs, or what is there of an upload."""
    if doors.fleet.images.state(firmware_id).kept:
        doors.fleet.images.remove(firmware_id, caller.name, reason)
    else:
        doors.fleet.images.abandon(firmware_id)
    return Response(status_code=204)

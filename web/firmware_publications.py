"""The firmware log's heads for everybody: whoever remembers one sees it when the log is taken back.

Heads and proofs of growth tell how many signatures there are and nothing about them; entries need a permission.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from web.api.asked import Doors
from web.api.firmware_shapes import ConsistencyOut
from web.auth import open_to_anyone

router = APIRouter(prefix="/pki/firmware-log", tags=["publications"], dependencies=[Depends(open_to_anyone)])
_NOTE = "text/plain; charset=utf-8"
_MOST = 2**31 - 1


@router.get("/head", response_class=Response)
def newest_head(doors: Doors) -> Response:
    """The newest signed tree head of the firmware log, a signed note (C2SP tlog-checkpoint)."""
    head = doors.authority.firmware_log.head()
    return Response(head.head, media_type=_NOTE, headers={"Cache-Control": "no-cache"})


@router.get("/heads/{size}", response_class=Response)
def earlier_head(doors: Doors, size: int) -> Response:
    """The signed tree head of an earlier size."""
    return Response(doors.authority.firmware_log.head(min(size, _MOST)).head, media_type=_NOTE)


@router.get("/consistency")
def growth(doors: Doors, old: Annotated[int, Query(ge=1, le=_MOST)]) -> ConsistencyOut:
    """That the log only grew since it had `old` entries (RFC 9162 §2.1.4)."""
    return ConsistencyOut.made(doors.authority.firmware_log.prove_growth(old))


@router.get("/key.pem", response_class=Response)
def key(doors: Doors) -> Response:
    """The log's public key in PEM."""
    return Response(doors.authority.firmware_log.key.pem, media_type="application/x-pem-file")

"""/api/v1/blocked-keys: public keys that are never certified again."""

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from web.api.asked import Doors
from web.api.shapes import BlockedKeyOut, In, Page
from web.auth import Needs
from web.permissions import Permission, Principal

router = APIRouter(prefix="/blocked-keys", tags=["certificates"])


class BlockingIn(In):
    """A key, by the SHA-256 of its SubjectPublicKeyInfo in hex, and why."""

    spki_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    note: str = Field(min_length=1, max_length=500)


@router.get("")
def list_blocked_keys(
    doors: Doors, _caller: Principal = Depends(Needs(Permission.CERTIFICATES_READ))
) -> Page[BlockedKeyOut]:
    """Blocked keys, newest first."""
    return Page(items=[BlockedKeyOut.of(one) for one in doors.authority.blocked_keys()], next=None)


@router.post("", status_code=201)
def block_key(
    doors: Doors, body: BlockingIn, caller: Principal = Depends(Needs(Permission.KEYS_BLOCK))
) -> BlockedKeyOut:
    """Never certify this key again. Certificates that it has already are revoked separately."""
    return BlockedKeyOut.of(doors.authority.block_key(body.spki_sha256, caller.name, body.note))


@router.delete("/{spki_sha256}", status_code=204)
def unblock_key(
    doors: Doors, spki_sha256: str, note: str = "", caller: Principal = Depends(Needs(Permission.KEYS_BLOCK))
) -> Response:
    """Let the key be certified again."""
    doors.authority.unblock_key(spki_sha256, caller.name, note)
    return Response(status_code=204)

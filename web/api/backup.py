"""/api/v1/backup: everything there is, in one encrypted file."""

from collections.abc import Iterator
from typing import IO

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, SecretStr

from pki.secret_text import Secret
from web.api.asked import Doors
from web.auth import Needs
from web.backup import make_backup
from web.permissions import Permission, Principal

router = APIRouter(prefix="/backup", tags=["backup"])
_PIECE = 256 * 1024


class BackupIn(BaseModel):
    """What the backup is encrypted under."""

    passphrase: SecretStr = Field(max_length=1024)


@router.post("", response_class=StreamingResponse)
def make(doors: Doors, body: BackupIn, caller: Principal = Depends(Needs(Permission.BACKUP_MAKE))) -> StreamingResponse:
    """A backup made now, while the service runs: database, keys, settings, checkpoints. Restore it on the machine."""
    file = make_backup(doors, Secret.of(body.passphrase.get_secret_value()), caller.name)
    size = file.seek(0, 2)
    file.seek(0)
    return StreamingResponse(
        _pieces(file), media_type="application/octet-stream", headers={"Content-Length": str(size)}
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(_PIECE), b"")

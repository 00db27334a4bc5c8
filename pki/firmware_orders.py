"""An order for a firmware signature: what it says, and what must be true of it before anybody is asked. Pure."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pki.errors import FirmwareRefused
from pki.firmware_attachments import Attachment
from pki.keys import SignatureScheme

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_EMPTY = hashlib.sha256(b"").digest()
_MOST_COUNT = 2**31 - 1
_MOST_HARDWARE = 100
_MOST_ATTACHMENTS = 10


@dataclass(frozen=True, slots=True)
class FirmwareOrder:
    """An image to be signed, named by its SHA-256 `digest` (32 raw bytes).

    `release_counter` grows with each release; stations shall never run one below `minimum_counter`. `hardware` names
    the board revisions that the image is for; none means all of the model.
    """

    vendor: str
    model: str
    version: str
    digest: bytes
    scheme: SignatureScheme = SignatureScheme.ECDSA_SHA256
    release_counter: int | None = None
    minimum_counter: int | None = None
    hardware: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @property
    def release(self) -> str:
        """What it is called."""
        return f"{self.vendor} {self.model} {self.version}"

    @property
    def hardware_json(self) -> str:
        """As the row has it."""
        return json.dumps(sorted(self.hardware))


def check_order(order: FirmwareOrder, attachment_limit: int) -> None:
    """What is wrong with an order by itself. Raises FirmwareRefused."""
    for name in ("vendor", "model", "version"):
        if not _NAME.fullmatch(getattr(order, name)):
            raise FirmwareRefused(name, f"the {name} must be 1 to 100 printable characters")
    if len(order.digest) != 32:
        raise FirmwareRefused("digest", f"a SHA-256 digest has 32 bytes, this one has {len(order.digest)}")
    if order.digest == _EMPTY:
        raise FirmwareRefused("digest", "this is the digest of an empty file", "Look at what the build made.")
    _check_counters(order)
    _check_hardware(order.hardware)
    _check_attachments(order.attachments, order.digest, attachment_limit)


def check_floor(order: FirmwareOrder, floor: int | None) -> None:
    """Against the highest minimum counter signed so far for vendor and model. Raises FirmwareRefused."""
    if floor is None:
        return
    if order.release_counter is None:
        why = f"{order.vendor} {order.model} has a minimum counter of {floor}, so a release needs its counter"
        raise FirmwareRefused("release_counter", why)
    if order.release_counter < floor:
        why = f"the release counter {order.release_counter} is below the minimum {floor} of a release signed before"
        raise FirmwareRefused("release_counter", why, "An older image must not come back with a fresh signature.")


def _check_counters(order: FirmwareOrder) -> None:
    for name in ("release_counter", "minimum_counter"):
        value = getattr(order, name)
        if value is not None and not 0 <= value <= _MOST_COUNT:
            raise FirmwareRefused(name, f"the {name.replace('_', ' ')} must be 0 to {_MOST_COUNT}")
    if order.minimum_counter is None:
        return
    if order.release_counter is None or order.minimum_counter > order.release_counter:
        raise FirmwareRefused("minimum_counter", "the minimum counter is above the release's own counter")


def _check_hardware(hardware: Sequence[str]) -> None:
    if len(hardware) > _MOST_HARDWARE or len(set(hardware)) != len(hardware):
        raise FirmwareRefused("hardware", f"hardware is a list of up to {_MOST_HARDWARE} names, each once")
    if not all(_NAME.fullmatch(name) for name in hardware):
        raise FirmwareRefused("hardware", "each hardware name must be 1 to 100 printable characters")


def _check_attachments(attachments: Sequence[Attachment], digest: bytes, limit: int) -> None:
    if len(attachments) > _MOST_ATTACHMENTS:
        raise FirmwareRefused("attachments", f"an order binds {_MOST_ATTACHMENTS} files at most")
    if len({one.sha256 for one in attachments}) != len(attachments):
        raise FirmwareRefused("attachments", "the same file is attached twice")
    for one in attachments:
        if not _NAME.fullmatch(one.name) or "/" in one.name or "\\" in one.name:
            raise FirmwareRefused("attachments", "a file's name must be 1 to 100 printable characters without slashes")
        if len(one.content) > limit:
            raise FirmwareRefused("attachments", f"{one.name} has {len(one.content)} bytes, and {limit} are allowed")
        one.check_digest(digest)

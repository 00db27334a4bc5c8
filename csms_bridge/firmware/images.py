"""The door to images: uploaded in parts, verified, kept, served, and removed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session, col, select

from csms_bridge.acts import FleetAct
from csms_bridge.errors import FirmwareNotNow, ImageElsewhere, ImageRefused, UnknownImage
from csms_bridge.firmware.book import OPEN_STATES
from csms_bridge.firmware.image_store import ImageStore, check_room, is_whole
from csms_bridge.firmware.parts import Parts
from csms_bridge.firmware.rows import FirmwareImageRow, FirmwareUpdateRow
from pki.audit import JSON, AuditTrail
from pki.authority import Authority
from pki.clock import Clock
from pki.firmware_book import FirmwareState, SignedFirmware
from pki.store import Store

PART = 8 * 1024 * 1024
"""Octets of a part that uploaders are advised to send."""
_TRUSTED_FOR = timedelta(minutes=10)
"""How long a verified image is believed before it is hashed again."""
_TAKEN = (FirmwareState.PENDING, FirmwareState.APPROVED, FirmwareState.SIGNED)


@dataclass(frozen=True, slots=True)
class ImageState:
    """An image of an order: how much of it is here, and where it is kept. `size` is None until it is announced."""

    firmware: str
    digest: str
    received: int
    size: int | None
    kept: bool
    store: str
    node: str
    kept_at: datetime | None
    kept_by: str


class FirmwareImages:
    """Images of orders. `folder` is for uploads under way; `node` is this process."""

    def __init__(
        self, store: Store, trail: AuditTrail, authority: Authority, images: ImageStore, folder: Path, clock: Clock,
        *, limit: int, node: str,
    ) -> None:  # fmt: skip
        self._store = store
        self._trail = trail
        self._authority = authority
        self.images = images
        self.parts = Parts(folder)
        self._clock = clock
        self.limit = limit
        self._node = node
        self._verified: dict[str, datetime] = {}

    # --- looking

    def state(self, firmware: str) -> ImageState:
        """How far the image of an order is. Raises UnknownFirmware."""
        order = self._authority.firmware(firmware)
        with self._store.reading() as session:
            row = session.get(FirmwareImageRow, order.digest)
        return self._state(order, row)

    def kept_in(self, session: Session, digest: str) -> FirmwareImageRow | None:
        """The row of an image that is here whole."""
        return session.get(FirmwareImageRow, digest)

    # --- uploading

    def announce(self, firmware: str, size: int, by: str) -> ImageState:
        """An upload is to come. Raises UnknownFirmware, ImageRefused, ImageNoRoom."""
        order = self._taken(firmware)
        if not 0 < size <= self.limit:
            words = "the image is empty" if size <= 0 else f"the image has {size} octets, and {self.limit} are taken"
            raise ImageRefused("size", words, "The limit is VOLTWARD_FIRMWARE_IMAGE_LIMIT.")
        self._forget_lost(order)
        state = self.state(firmware)
        if not state.kept:
            check_room(self.parts.folder, size - state.received)
        if state.received > size:
            self.parts.drop(order.digest)
        return self.state(firmware)

    def taken(self, firmware: str, size: int) -> SignedFirmware:
        """The order whose image comes. Raises UnknownFirmware, ImageRefused."""
        if not 0 < size <= self.limit:
            raise ImageRefused("size", f"an image has 1 to {self.limit} octets")
        return self._taken(firmware)

    def finish(self, firmware: str, size: int, by: str) -> ImageState:
        """All octets are here: verified by hash, kept, and on record. Raises ImageRefused, ImageUnreachable."""
        order = self._taken(firmware)
        path = self.parts.finished(order.digest)
        self.images.keep(path, order.digest)
        now = self._clock()
        with self._store.writing() as session:
            if session.get(FirmwareImageRow, order.digest) is None:
                kept = FirmwareImageRow(
                    digest=order.digest, size=size, store=self.images.name, node=self._node, kept_by=by, kept_at=now
                )
                session.add(kept)
                self._record(session, FleetAct.IMAGE_KEPT, order, by, "", {"size": size, "store": self.images.name})
        return self.state(firmware)

    def abandon(self, firmware: str) -> None:
        """Leave nothing of an upload under way. Raises UnknownFirmware."""
        self.parts.drop(self._authority.firmware(firmware).digest)

    def remove(self, firmware: str, by: str, reason: str) -> None:
        """Delete an image. Raises UnknownFirmware, UnknownImage, FirmwareNotNow while an update needs it."""
        order = self._authority.firmware(firmware)
        with self._store.writing() as session:
            row = session.get(FirmwareImageRow, order.digest)
            if row is None:
                raise UnknownImage(firmware)
            needed = select(FirmwareUpdateRow.id).where(
                FirmwareUpdateRow.digest == order.digest, FirmwareUpdateRow.location == "",
                col(FirmwareUpdateRow.state).in_(OPEN_STATES),
            )  # fmt: skip
            if (update := session.exec(needed.limit(1)).first()) is not None:
                raise FirmwareNotNow("under-way", f"update {update} needs the image")
            session.delete(row)
            self._record(session, FleetAct.IMAGE_REMOVED, order, by, reason, {})
        self.images.forget(order.digest)
        self._verified.pop(order.digest, None)

    # --- publishing

    def check_whole(self, digest: str, *, again: bool = False) -> int:
        """The octets of an image that is here and is what its name says; `again`: hashed whenever it was before.

        Raises UnknownImage, ImageRefused, ImageElsewhere, ImageUnreachable.
        """
        with self._store.reading() as session:
            row = session.get(FirmwareImageRow, digest)
        if row is None:
            raise UnknownImage(digest)
        size = self.images.size(digest)
        if size is None and row.store == "folder" and row.node != self._node:
            raise ImageElsewhere(row.node)
        known = self._verified.get(digest)
        if again or known is None or known < self._clock() - _TRUSTED_FOR:
            if not is_whole(self.images, digest):
                raise ImageRefused("damaged", f"the image {digest[:16]}… is not what it was when it was uploaded")
            self._verified[digest] = self._clock()
        return size or 0

    def sweep(self, older_than: timedelta) -> None:
        """Delete uploads that nobody went on with."""
        self.parts.sweep(older_than.total_seconds())

    # --- inside

    def _forget_lost(self, order: SignedFirmware) -> None:
        """One whose file is gone from where it was kept is to be uploaded again."""
        with self._store.reading() as session:
            row = session.get(FirmwareImageRow, order.digest)
        is_ours = (
            row is not None and row.store == self.images.name and (row.store != "folder" or row.node == self._node)
        )
        if row is None or not is_ours or self.images.size(order.digest) == row.size:
            return
        with self._store.writing() as session:
            lost = session.get(FirmwareImageRow, order.digest)
            if lost is not None:
                session.delete(lost)
                self._record(session, FleetAct.IMAGE_REMOVED, order, "service", "its file is gone", {})

    def _taken(self, firmware: str) -> SignedFirmware:
        order = self._authority.firmware(firmware)
        if order.state not in _TAKEN:
            raise ImageRefused("order", f"the order {firmware} is {order.state}: its image is not wanted")
        return order

    def _state(self, order: SignedFirmware, row: FirmwareImageRow | None) -> ImageState:
        received = row.size if row is not None else self.parts.received(order.digest)
        return ImageState(
            firmware=order.id, digest=order.digest, received=received, size=row.size if row is not None else None,
            kept=row is not None, store=row.store if row is not None else "",
            node=row.node if row is not None else self._node, kept_at=row.kept_at if row is not None else None,
            kept_by=row.kept_by if row is not None else "",
        )  # fmt: skip

    def _record(
        self, session: Session, act: FleetAct, order: SignedFirmware, by: str, reason: str, details: dict[str, JSON]
    ) -> None:
        named: dict[str, JSON] = {"vendor": order.vendor, "model": order.model, "version": order.version}
        named |= {"digest": order.digest}
        self._trail.record(
            session, act, by=by, kind="firmware", thing=order.id, reason=reason, details=named | details,
            now=self._clock(),
        )  # fmt: skip

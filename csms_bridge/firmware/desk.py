"""The parts of this room put together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from csms_bridge.errands import Errand, ErrandRunner
from csms_bridge.firmware.asking import Asking
from csms_bridge.firmware.emergencies import Emergencies
from csms_bridge.firmware.errand import CancelErrand, Stores, UpdateErrand
from csms_bridge.firmware.image_store import FolderImages, ImageStore
from csms_bridge.firmware.images import FirmwareImages
from csms_bridge.firmware.links import Bases, ImageLinks
from csms_bridge.firmware.releases import Releases
from csms_bridge.firmware.s3_images import S3Images
from csms_bridge.firmware.states import Patience
from csms_bridge.firmware.updates import FirmwareUpdates
from csms_bridge.firmware.versions import Versions
from csms_bridge.orders import Orders
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.sealed_payloads import PayloadSeal
from csms_bridge.settings import BridgeSettings
from csms_bridge.station_roots.door import StationRoots
from pki.audit import AuditTrail
from pki.authority import Authority
from pki.clock import Clock
from pki.store import Store


@dataclass(frozen=True, slots=True)
class FirmwareRoom:
    """What the fleet's door takes from here."""

    updates: FirmwareUpdates
    asking: Asking
    releases: Releases
    images: FirmwareImages
    links: ImageLinks
    emergencies: Emergencies
    versions: Versions
    errands: Mapping[str, ErrandRunner]


def open_firmware(
    store: Store, trail: AuditTrail, authority: Authority, orders: Orders, roots: StationRoots, quirks: StationQuirks,
    seal: PayloadSeal, settings: BridgeSettings, clock: Clock, *, public_url: str,
    folder: Path, node: str,
) -> FirmwareRoom:  # fmt: skip
    """The room over the other doors."""
    releases = Releases(authority, clock)
    images = FirmwareImages(
        store, trail, authority, _image_store(settings, folder), folder / "parts", clock,
        limit=settings.firmware_image_limit, node=node,
    )  # fmt: skip
    bases = Bases(settings.firmware_url or public_url, settings.firmware_plain_url)
    links = ImageLinks(
        store, authority, images, bases, clock, life=settings.firmware_link_life, once=settings.firmware_link_once
    )
    emergencies = Emergencies(store, trail, authority, clock)
    asking = Asking(
        trail, orders, roots, quirks.in_session, seal, clock, signed_only=settings.firmware_signed_only,
        publisher=links, emergencies=emergencies,
    )  # fmt: skip
    updates = FirmwareUpdates(store, trail, orders, releases, asking, quirks, _patience(settings), clock)
    stores = Stores(store, orders, releases, quirks, seal, links, clock)
    return FirmwareRoom(
        updates,
        asking,
        releases,
        images,
        links,
        emergencies,
        Versions(store),
        {
            Errand.UPDATE_FIRMWARE: UpdateErrand(updates, stores),
            Errand.CANCEL_UPDATE: CancelErrand(updates, stores),
        },
    )


def _image_store(settings: BridgeSettings, folder: Path) -> ImageStore:
    if settings.firmware_store:
        return S3Images(settings.firmware_store, settings.firmware_s3_endpoint, settings.firmware_s3_region)
    return FolderImages(folder)


def _patience(settings: BridgeSettings) -> Patience:
    return Patience(
        settings.firmware_steady, settings.firmware_silence, settings.firmware_version_within,
        settings.firmware_return_within, settings.firmware_end_within,
    )  # fmt: skip

"""The parts of this room put together."""

from collections.abc import Mapping
from dataclasses import dataclass

from csms_bridge.errands import Errand, ErrandRunner
from csms_bridge.firmware.asking import Asking
from csms_bridge.firmware.errand import CancelErrand, Stores, UpdateErrand
from csms_bridge.firmware.releases import Releases
from csms_bridge.firmware.states import Patience
from csms_bridge.firmware.updates import FirmwareUpdates
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
    errands: Mapping[Errand, ErrandRunner]


def open_firmware(
    store: Store, trail: AuditTrail, authority: Authority, orders: Orders, roots: StationRoots, quirks: StationQuirks,
    seal: PayloadSeal, settings: BridgeSettings, clock: Clock, *, public_url: str,
) -> FirmwareRoom:  # fmt: skip
    """The room over the other doors."""
    releases = Releases(authority, clock)
    asking = Asking(trail, orders, roots, quirks.in_session, seal, clock, signed_only=settings.firmware_signed_only)
    updates = FirmwareUpdates(store, trail, orders, releases, asking, quirks, _patience(settings), clock)
    stores = Stores(store, orders, releases, quirks, seal, clock)
    nowhere = f"{public_url.rstrip('/')}/firmware/none/none.bin"
    return FirmwareRoom(
        updates,
        {
            Errand.UPDATE_FIRMWARE: UpdateErrand(updates, stores),
            Errand.CANCEL_UPDATE: CancelErrand(updates, stores, lambda: nowhere),
        },
    )


def _patience(settings: BridgeSettings) -> Patience:
    return Patience(
        settings.firmware_steady, settings.firmware_silence, settings.firmware_version_within,
        settings.firmware_return_within, settings.firmware_end_within,
    )  # fmt: skip

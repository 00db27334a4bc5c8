"""Asking a station to install an image, on its line (L01, L02); and ending an update by a second request."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime

from csms_bridge import commands as c
from csms_bridge.errands import Caller
from csms_bridge.errors import BridgeError
from csms_bridge.firmware.book import of_cancel_command, of_command
from csms_bridge.firmware.links import ImageLinks
from csms_bridge.firmware.releases import Releases, protocols_of
from csms_bridge.firmware.rows import FirmwareUpdateRow
from csms_bridge.firmware.updates import FirmwareUpdates
from csms_bridge.migration.preparing import is_being_prepared, why_no_firmware
from csms_bridge.orders import Ending, Orders
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.quirks.firmware import in_form, misfit
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.sealed_payloads import PayloadSeal, SealBroken
from csms_bridge.station import CommandOrder
from csms_bridge.tables import StationRow
from pki.clock import Clock
from pki.errors import PkiError
from pki.firmware_book import SignedFirmware
from pki.secret_text import Secret
from pki.store import Store

_NO_ANSWER = "no answer came; it may update all the same"


@dataclass(frozen=True, slots=True)
class Stores:
    """What both errands work with."""

    store: Store
    orders: Orders
    releases: Releases
    quirks: StationQuirks
    seal: PayloadSeal
    links: ImageLinks
    clock: Clock


class UpdateErrand:
    """Knows how a station is asked to update."""

    def __init__(self, updates: FirmwareUpdates, stores: Stores) -> None:
        self._updates = updates
        self._stores = stores

    async def carry_out(self, order: CommandOrder, caller: Caller) -> None:
        """Ask; what comes of it is told by statuses and by the version that the station comes back with."""
        orders = self._stores.orders
        if await caller.is_charging() or await asyncio.to_thread(self._has_to_wait, order.station):
            await asyncio.to_thread(orders.put_back, order)
            return
        try:
            request = await asyncio.to_thread(self._prepare, order)
        except (BridgeError, PkiError, SealBroken) as refused:
            why = getattr(refused, "sentence", str(refused))
            await asyncio.to_thread(self._updates.refused, order, why)
            await asyncio.to_thread(orders.finish, order, None, why, Ending.UNSENT)
            return
        if request is None:
            await asyncio.to_thread(orders.finish, order, None, "it is not wanted any more", Ending.UNSENT)
            return
        if not await asyncio.to_thread(self._updates.sent, order):
            await asyncio.to_thread(orders.finish, order, None, "another command asks for it", Ending.UNSENT)
            return
        answer = await caller.ask(request)
        await asyncio.to_thread(self._updates.answered, order, answer)
        words = None if answer is None else {"status": answer.words}
        await asyncio.to_thread(orders.finish, order, words, _NO_ANSWER if answer is None else "")

    def _has_to_wait(self, station: str) -> bool:
        """It is being prepared for another version of OCPP; whoever does that wakes it afterwards."""
        with self._stores.store.reading() as session:
            return is_being_prepared(session, station)

    def _prepare(self, order: CommandOrder) -> c.UpdateFirmware | None:
        """The request, its image's signature verified once more. Raises FirmwareNotNow; None: nobody wants it."""
        stores = self._stores
        with stores.store.reading() as session:
            row = of_command(session, order.id)
            unprepared = why_no_firmware(session, order.station, row.campaign) if row is not None else ""
        if row is None or row.state != "queued" or row.cancelling:
            return None
        if unprepared:
            raise BridgeError(unprepared)
        quirks = stores.quirks.of_station(order.station)
        signed = stores.releases.verified(stores.releases.forms(row.firmware), quirks) if row.firmware else None
        now = stores.clock()
        request = in_form(_request(row, self._url(row, signed, quirks), signed, now), quirks)
        if why := misfit(request, signed.scheme if signed else None, quirks, now):
            raise BridgeError(why)
        return request

    def _url(self, row: FirmwareUpdateRow, signed: SignedFirmware | None, quirks: Quirks) -> Secret:
        """The address that somebody named, or one of our own, made now and good for this update alone."""
        stores = self._stores
        if row.sealed is not None:
            return Secret.of(str(stores.seal.open(row.station, row.sealed)["location"]))
        if row.location or signed is None:
            return Secret.of(row.location)
        stores.links.check_whole(signed)
        with stores.store.writing() as session:
            station = session.get_one(StationRow, row.station)
            return stores.links.make(session, row, signed, protocols_of(session, station, quirks))


class CancelErrand:
    """Ends an update: a second request is the only way that OCPP has (L01.FR.24), for an image that is nowhere."""

    def __init__(self, updates: FirmwareUpdates, stores: Stores) -> None:
        self._updates = updates
        self._stores = stores

    async def carry_out(self, order: CommandOrder, caller: Caller) -> None:
        """Ask for what the station cannot download."""
        request = await asyncio.to_thread(self._prepare, order)
        if request is None:
            await asyncio.to_thread(self._stores.orders.finish, order, None, "it has ended", Ending.UNSENT)
            return
        answer = await caller.ask(request)
        await asyncio.to_thread(self._updates.cancel_answered, order, answer)
        words = None if answer is None else {"status": answer.words}
        error = "no answer came" if answer is None else ""
        await asyncio.to_thread(self._stores.orders.finish, order, words, error)

    def _prepare(self, order: CommandOrder) -> c.UpdateFirmware | None:
        stores = self._stores
        with stores.store.reading() as session:
            row = of_cancel_command(session, order.id)
        if row is None or not row.cancelling:
            return None
        forms = stores.releases.forms(row.firmware) if row.firmware else []
        signed = next((one for one in forms if one.signing_serial == row.signing_serial), None)
        url = Secret.of(stores.links.nowhere)
        request = _request(row, url, signed, stores.clock())
        number = secrets.randbelow(2**31 - 1) + 1
        quirks = stores.quirks.of_station(order.station)
        return in_form(_once(request, number, stores.clock()), quirks)


def _request(row: FirmwareUpdateRow, url: Secret, signed: SignedFirmware | None, now: datetime) -> c.UpdateFirmware:
    return c.UpdateFirmware(
        row.request_id, url, row.retrieve_at or now, row.install_at,
        signed.signing_certificate if signed else None, signed.signature if signed else None,
        row.retries, row.retry_interval if row.retries else None,
    )  # fmt: skip


def _once(request: c.UpdateFirmware, number: int, now: datetime) -> c.UpdateFirmware:
    return c.UpdateFirmware(number, request.url, now, None, request.certificate, request.signature, 0, None)

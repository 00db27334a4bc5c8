"""A room with a real authority and the doors to firmware, over one signed release of a made-up station."""

import hashlib

import pytest

from csms_bridge.commands import Answer, Outcome
from csms_bridge.events import Booted, FirmwareStatus, FirmwareStatusTold
from csms_bridge.firmware.desk import open_firmware
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.sealed_payloads import PayloadSeal
from csms_bridge.settings import BridgeSettings
from csms_bridge.station import OcppVersion, SecurityProfile
from pki.firmware_orders import FirmwareOrder
from pki.keys import SignatureScheme
from tests.csms_bridge.room import PASSWORD_KEY

IMAGE = b"version: 2.0.0\n" + b"firmware " * 1000
URL = "https://files.example/Wallbox-2.0.0.bin"


ACCEPTED = Answer(Outcome.ACCEPTED, "Accepted")


class Works:
    """The doors to firmware over a signing room; each method is one thing that happens."""

    def __init__(self, room, settings=None):
        self.room = room
        self.quirks = StationQuirks(room.store, room.trail, room.clock)
        self.settings = settings or BridgeSettings()
        self.open()

    def open(self):
        """As a process does at its start: nothing is remembered but what is on record."""
        room = self.room
        made = open_firmware(
            room.store, room.trail, room.authority, room.orders, room.roots, self.quirks, PayloadSeal(PASSWORD_KEY),
            self.settings, room.clock, public_url="https://csms.example",
            folder=room.folder / "firmware", node="this-node",
        )  # fmt: skip
        self.updates, self.errands, self.images, self.links = made.updates, made.errands, made.images, made.links
        self.made = made

    def sign(self, version="2.0.0", image=IMAGE, scheme=SignatureScheme.ECDSA_SHA256, **more):
        order = FirmwareOrder("Acme", "Wallbox", version, hashlib.sha256(image).digest(), scheme, **more)
        return self.room.authority.sign_firmware(order, "user:anna")

    def station(self, name="CS-1", firmware="1.0.0", version=OcppVersion.V16, **more):
        self.room.add(name, version=version, **more)
        self.room.connect(name, SecurityProfile.BASIC, version=version)
        self.boot(name, firmware)

    def boot(self, name="CS-1", firmware="2.0.0"):
        self.room.clock.advance(seconds=1)
        self.room.sightings.booted(name, Booted("Acme", "Wallbox", firmware, (), "FirmwareUpdate"))

    def tell(self, *statuses, name="CS-1", number=None):
        number = number or self.updates.page(station=name)[0].progress.request_id
        for status in statuses:
            self.updates.told(name, FirmwareStatusTold(FirmwareStatus(status), number))

    async def carry_out(self, line, name="CS-1"):
        """Send what waits for a station."""
        for order in self.room.orders.claim({name}):
            if order.errand:
                await self.errands[order.errand].carry_out(order, line)
            else:
                self.room.orders.finish(order, {"status": "Accepted"})
        return line.asked

    def last(self, name="CS-1"):
        return self.updates.page(station=name)[0]

    def passes(self, **span):
        self.room.clock.advance(**span)
        return self.updates.round()


@pytest.fixture
def works(signing_room):
    works = Works(signing_room)
    works.station()
    return works

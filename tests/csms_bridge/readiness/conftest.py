"""The door over a real database and a real authority."""

import pytest

from csms_bridge.events import Booted
from csms_bridge.posture.desk import open_desk
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.readiness.door import Readiness
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.csms_bridge.room import SigningRoom


class ReadyRoom:
    """A room with stations whose readiness is asked for."""

    def __init__(self, room: SigningRoom) -> None:
        self.room = room
        self.desk = open_desk(
            room.store, room.trail, room.authority, room.settings, room.clock,
            node="this-node", organisation="Acme Charging",
        )  # fmt: skip
        self.model, self.book = self.desk.shelf.model, self.desk.shelf.book
        self.quirks = StationQuirks(room.store, room.trail, room.clock)
        self.readiness = Readiness(
            room.store, room.authority, self.desk, room.roots, self.quirks, room.settings, room.clock,
            organisation="Acme Charging",
        )  # fmt: skip

    def met(
        self, station: str = "CS-1", version: OcppVersion = OcppVersion.V16,
        profile: SecurityProfile = SecurityProfile.BASIC, **more: object,
    ) -> str:  # fmt: skip
        """A station that is registered, has connected and booted."""
        self.room.add(station, version=version, profile=profile, **more)
        self.room.connect(station, profile, version=version)
        self.room.sightings.booted(station, Booted("Acme", "One", "1.0", (f"SN-{station[3:]}",), "PowerUp"))
        return station

    def codes(self, station: str = "CS-1", to: int = 3) -> set[str]:
        """What is found of it now."""
        return {str(code) for code in self.readiness.of(station, SecurityProfile(to)).assessment.codes}


@pytest.fixture
def ready(signing_room):
    return ReadyRoom(signing_room)

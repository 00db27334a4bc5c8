import pytest

from tests.csms_bridge.campaigns.fleet_room import FleetRoom
from tests.csms_bridge.room import Room


@pytest.fixture
def fleet(room: Room) -> FleetRoom:
    return FleetRoom(room)

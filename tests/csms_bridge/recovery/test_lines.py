"""A station in the password lane on its line: what is asked, what waits, what becomes of it when the time is over."""

from datetime import timedelta

import pytest

from csms_bridge.admission import Admitted
from csms_bridge.recovery.words import Loss, RecoveryState
from csms_bridge.service import Bridge
from csms_bridge.standing import Lane
from csms_bridge.station import SecurityProfile
from tests.csms_bridge.recovery.losing import BY, loss, on_profile_3
from tests.csms_bridge.talking import open_fleet, serve, until

IN_LANE = Admitted(SecurityProfile.TLS_BASIC, "ocpp2.0.1", None, lane=Lane.PASSWORD)
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M2", "vendorName": "New Maker", "serialNumber": "SN-1"}}


@pytest.fixture
def fleet(signing_room, tmp_path):
    on_profile_3(signing_room)
    return open_fleet(signing_room, tmp_path, walk_settle=timedelta(0))


async def booted(fleet, room):
    """The line of a station that lost its key, came by the password, and has booted."""
    bridge = Bridge(fleet, room.authority)
    line, serving = serve(bridge, "CS-1", "SN-1", IN_LANE)
    await until(lambda: "CS-1" in bridge._sessions)
    line.tell(2, "b", "BootNotification", BOOT)
    await until(lambda: any(frame[:2] == [3, "b"] for frame in line.sent))
    return bridge, line, serving


async def test_it_is_told_accepted_and_walked_and_what_was_ordered_waits(fleet, signing_room):
    """The password is proof enough to believe what it says of itself, which the walk goes by."""
    fleet.recoveries.ask(loss(Loss.LOST), BY)
    (order,) = fleet.rotations.ask(["CS-1"], BY)
    bridge, line, serving = await booted(fleet, signing_room)
    answer = next(frame for frame in line.sent if frame[:2] == [3, "b"])
    assert answer[2]["status"] == "Accepted"
    assert (fleet.station("CS-1").vendor, fleet.station("CS-1").model) == ("New Maker", "M2")
    fleet.recoveries.round()
    await bridge._tick()
    await until(lambda: line.asked)
    assert line.asked[0] in ("GetVariables", "GetReport")
    assert fleet.desk.orders.claim({"CS-1"}) == []
    assert fleet.rotations.progress(["CS-1"])[0].command == order.command
    line.tell(2, "h", "Heartbeat", {})
    await until(lambda: any(frame[:3] == [4, "h", "SecurityError"] for frame in line.sent))
    line.hang_up()
    await serving


async def test_when_the_time_is_over_in_the_middle_of_its_walk_it_is_dropped(fleet, signing_room):
    asked = fleet.recoveries.ask(loss(Loss.LOST), BY)
    bridge, line, serving = await booted(fleet, signing_room)
    fleet.recoveries.round()
    await bridge._tick()
    signing_room.clock.advance(days=1)
    await bridge._drop_closed_lanes()  # whoever comes first, this or the round that closes it
    await serving
    assert line.closed == "its password lane is closed"
    fleet.recoveries.round()
    assert fleet.recoveries.book.find(asked.recovery.id).state is RecoveryState.OVER
    assert fleet.current_walk("CS-1").state == "cancelled"
    assert signing_room.registry.station("CS-1").floor is SecurityProfile.MUTUAL_TLS

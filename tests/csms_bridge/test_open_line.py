"""What is asked on a line, and what is not, as the station stands there."""

from datetime import timedelta
from pathlib import Path

import pytest

from csms_bridge import commands as c
from csms_bridge.commands import Answer, Outcome
from csms_bridge.fleet import Fleet
from csms_bridge.orders import Closed, Ending
from csms_bridge.service import Bridge
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.csms_bridge.room import SigningRoom
from tests.csms_bridge.talking import open_fleet, serve, until
from tests.csms_bridge.test_service import PROVED

UNASKED = "no answer to Reset: it is not sent to a station that is pending now"


@pytest.fixture
def fleet(signing_room: SigningRoom, tmp_path: Path) -> Fleet:
    signing_room.add(serial="SN-1", profile=SecurityProfile.TLS_BASIC, version=OcppVersion.V201)
    return open_fleet(signing_room, tmp_path, walk_settle=timedelta(0))


async def test_what_may_not_be_asked_is_no_lost_answer(fleet, signing_room):
    """B02.FR.01: nothing went out, so nothing can have happened; a walk must not go on as if it might have."""
    bridge = Bridge(fleet, signing_room.authority)
    line, serving = serve(bridge, "CS-1", "SN-1", PROVED)
    await until(lambda: "CS-1" in bridge._sessions)
    answer = await bridge._sessions["CS-1"].line.ask(c.Restart())
    line.hang_up()
    await serving
    assert answer == Answer(Outcome.FAILED, f"nothing, since it could not be asked: {UNASKED}")
    assert "Reset" not in line.asked


async def test_a_command_that_may_not_be_sent_ends_as_unsent(fleet, signing_room):
    closed: list[Closed] = []
    fleet.desk.orders.subscribe(closed.append)
    bridge = Bridge(fleet, signing_room.authority)
    line, serving = serve(bridge, "CS-1", "SN-1", PROVED)
    await until(lambda: "CS-1" in bridge._sessions)
    fleet.desk.orders.place("CS-1", "Reset", {"type": "Immediate"}, "user:anna", "test")
    await bridge._send_orders()
    await until(lambda: closed)
    line.hang_up()
    await serving
    assert [(one.ending, one.order.error) for one in closed] == [(Ending.UNSENT, UNASKED)]

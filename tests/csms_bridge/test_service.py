"""Lines of one identity that come together, and what reaches a line in a lane."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from csms_bridge.admission import Admitted
from csms_bridge.fleet import Fleet
from csms_bridge.service import Bridge
from csms_bridge.standing import Lane
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.csms_bridge.room import SigningRoom
from tests.csms_bridge.talking import open_fleet, serve, until

PROVED = Admitted(SecurityProfile.TLS_BASIC, "ocpp2.0.1", None)
BOOTSTRAP = Admitted(SecurityProfile.MUTUAL_TLS, "ocpp2.0.1", None, beside="a maker's certificate", lane=Lane.BOOTSTRAP)


@pytest.fixture
def fleet(signing_room: SigningRoom, tmp_path: Path) -> Fleet:
    signing_room.add(serial="SN-1", profile=SecurityProfile.TLS_BASIC, version=OcppVersion.V201)
    return open_fleet(signing_room, tmp_path, walk_settle=timedelta(0))


async def test_of_two_lines_that_come_together_the_one_with_more_proof_stays(fleet, signing_room):
    bridge = Bridge(fleet, signing_room.authority)
    strong, serving_strong = serve(bridge, "CS-1", "SN-1", PROVED)
    weak, serving_weak = serve(bridge, "CS-1", "SN-1", BOOTSTRAP)
    await until(lambda: strong.closed or weak.closed)
    assert (strong.closed, fleet.station("CS-1").lane) == (None, None)
    strong.hang_up()
    await asyncio.gather(serving_strong, serving_weak)

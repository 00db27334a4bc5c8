"""What a station says on its line, answered; and what is done about one that was never accepted."""

from datetime import timedelta
from pathlib import Path

import pytest

from csms_bridge.admission import Admitted
from csms_bridge.events import Booted
from csms_bridge.fleet import Fleet
from csms_bridge.service import Bridge
from csms_bridge.standing import Standing
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.station_calls import is_serial
from tests.csms_bridge.room import SigningRoom
from tests.csms_bridge.talking import open_fleet, serve, until
from tests.csms_bridge.test_service import PROVED


@pytest.fixture
def fleet(signing_room: SigningRoom, tmp_path: Path) -> Fleet:
    signing_room.add(serial="SN-1", profile=SecurityProfile.TLS_BASIC, version=OcppVersion.V201)
    return open_fleet(signing_room, tmp_path, walk_settle=timedelta(0))


def answers(line):
    return [frame for frame in line.sent if frame[0] != 2]


async def test_one_that_speaks_before_it_was_accepted_is_asked_to_boot_once(fleet, signing_room):
    """B01.FR.10 refuses it; a station that came from another CSMS without a restart would never boot by itself."""
    bridge = Bridge(fleet, signing_room.authority)
    line, serving = serve(bridge, "CS-1", "SN-1", PROVED)
    for number in range(3):
        line.tell(2, str(number), "Heartbeat", {})
    await until(lambda: len(answers(line)) == 3 and line.asked)
    line.hang_up()
    await serving
    assert [frame[2] for frame in answers(line)] == ["SecurityError"] * 3
    assert [frame[2:] for frame in line.sent if frame[0] == 2] == [
        ["TriggerMessage", {"requestedMessage": "BootNotification"}]
    ]


async def test_a_quiet_one_is_refused_and_asked_nothing(fleet, signing_room):
    fleet.make_quiet("CS-1", True, "user:anna", "a certification tool")
    bridge = Bridge(fleet, signing_room.authority)
    line, serving = serve(bridge, "CS-1", "SN-1", PROVED)
    line.tell(2, "1", "Heartbeat", {})
    await until(lambda: answers(line))
    line.hang_up()
    await serving
    assert line.asked == []


async def test_who_was_told_pending_in_a_lane_is_asked_to_boot_even_when_quiet(fleet, signing_room):
    """The end of the lane that somebody ordered (see quiet.py): until it boots it may send nothing."""
    fleet.make_quiet("CS-1", True, "user:anna", "a certification tool")
    boot = Booted("Acme", "Wallbox", "1.0", ("SN-1",), "PowerUp")
    fleet.desk.sightings.booted("CS-1", boot, Standing.PENDING, in_lane=True)
    bridge = Bridge(fleet, signing_room.authority)
    line, serving = serve(bridge, "CS-1", "SN-1", PROVED)
    await until(lambda: line.asked)
    line.hang_up()
    await serving
    assert line.asked == ["TriggerMessage"]


async def test_a_walk_begun_before_the_first_boot_is_planned_with_what_that_tells(signing_room, tmp_path):
    """Else a station whose row has a key of its maker's for the address would fall back."""
    signing_room.add(serial="SN-1", profile=SecurityProfile.BASIC, version=OcppVersion.V16)
    fleet = open_fleet(signing_room, tmp_path, walk_settle=timedelta(hours=1))
    row = {"name": "acme", "vendor": "Acme", "quirks": {"url_key": "ConnexionUrl"}, "source": "seen on site"}
    fleet.quirks.put([row], "user:anna")
    walk = fleet.start_walk("CS-1", 2, "user:anna")
    by_password = Admitted(SecurityProfile.BASIC, "ocpp1.6", None)
    line, serving = serve(Bridge(fleet, signing_room.authority), "CS-1", "SN-1", by_password)
    boot = {"chargePointVendor": "Acme", "chargePointModel": "Wallbox", "firmwareVersion": "1.0"}
    line.tell(2, "1", "BootNotification", boot)
    await until(lambda: answers(line))
    line.hang_up()
    await serving
    names = [step.name for step in fleet.walk(walk.id).steps]
    assert len(names) > len(walk.steps)
    assert [name for name in names if "address" in name]


@pytest.mark.parametrize(
    ("registered", "told", "same"),
    [
        ("SN-1", "SN-1", True), ("SN-1", "sn-1", True), ("SN-1", " SN-1  ", True), ("SN-1 ", "SN-1", True),
        ("SN-1", "SN-10", False), ("SN-10", "SN-1", False), ("SN-1", "", False),
        ("S" * 30, "S" * 25, True), ("S" * 30, "S" * 24, False), ("S" * 24 + "TX", "S" * 24 + "U", False),
    ],
)  # fmt: skip
def test_knows_a_serial_number_as_stations_spell_it(registered, told, same):
    """B01.FR.12; the field holds 25 characters."""
    assert is_serial(registered, told) is same

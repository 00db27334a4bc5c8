"""Lines of one identity that come together, and what reaches a line in a lane."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from csms_bridge.admission import Admitted
from csms_bridge.commands import Answer, Outcome
from csms_bridge.fleet import Fleet
from csms_bridge.password_rotations import RotationState
from csms_bridge.service import Bridge
from csms_bridge.standing import Lane
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks import machine
from csms_bridge.walks.steps import Complained, Connected, Disconnected, Issued
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
    weak, serving_weak = serve_in_lane(signing_room, bridge)
    await until(lambda: strong.closed or weak.closed)
    assert (strong.closed, fleet.station("CS-1").lane) == (None, None)
    strong.hang_up()
    await asyncio.gather(serving_strong, serving_weak)


def serve_in_lane(room, bridge):
    room.open_lane(Lane.BOOTSTRAP)
    return serve(bridge, "CS-1", "SN-1", BOOTSTRAP)


async def test_a_new_password_waits_until_the_station_is_out_of_the_lane(fleet, signing_room):
    """Whoever holds the maker's key would get it, and come back with it for good."""
    signing_room.connect("CS-1", SecurityProfile.TLS_BASIC, version=OcppVersion.V201)
    bridge = Bridge(fleet, signing_room.authority)
    line, serving = serve_in_lane(signing_room, bridge)
    await until(lambda: "CS-1" in bridge._sessions)
    (asked,) = fleet.rotations.ask(["CS-1"], "user:anna")
    await bridge._send_orders()
    line.hang_up()
    await serving
    (rotation,) = fleet.rotations.progress(["CS-1"])
    assert (rotation.command, rotation.state) == (asked.command, RotationState.QUEUED)
    assert "station:password-offered" not in signing_room.acts()


async def test_who_is_in_a_lane_is_not_restarted_for_a_new_password(fleet, signing_room):
    signing_room.connect("CS-1", SecurityProfile.TLS_BASIC, version=OcppVersion.V201)
    fleet.rotations.ask(["CS-1"], "user:anna", restart=True)
    (order,) = fleet.desk.orders.claim({"CS-1"})
    fleet.rotations.offered(order, "1")
    fleet.rotations.answered(order, Answer(Outcome.REBOOT_REQUIRED, "RebootRequired"))
    bridge = Bridge(fleet, signing_room.authority)
    line, serving = serve_in_lane(signing_room, bridge)
    await until(lambda: "CS-1" in bridge._sessions)
    await bridge._sessions["CS-1"]._round(sign=True, restart=True)
    assert fleet.rotations.restart_due() == ["CS-1"]
    line.hang_up()
    await serving


async def test_what_happens_in_a_lane_moves_no_walk(fleet, signing_room):
    """ADR 0017: the walk is with the station that proves itself, not with who stands in for it."""
    signing_room.connect("CS-1", SecurityProfile.TLS_BASIC, version=OcppVersion.V201)
    fleet.start_walk("CS-1", 3, "user:anna")
    before = signing_room.ledger.under_way("CS-1").at
    bridge = Bridge(fleet, signing_room.authority)
    line, serving = serve_in_lane(signing_room, bridge)
    await until(lambda: "CS-1" in bridge._sessions)
    await bridge._sessions["CS-1"].walk.feed(Issued("0a", "root"))
    await bridge._sessions["CS-1"].walk.feed(Complained("InvalidCsmsCertificate"))
    line.hang_up()
    await serving
    assert signing_room.ledger.under_way("CS-1").at.facts == before.facts


async def test_who_comes_back_with_nothing_to_do_is_asked_about_once(fleet, signing_room):
    """A fleet comes back at once: its walk, certificates, commands are looked for as its connection is noted."""
    signing_room.connect("CS-1", SecurityProfile.TLS_BASIC, version=OcppVersion.V201)
    bridge = Bridge(fleet, signing_room.authority)
    begun: list[object] = []
    event.listen(signing_room.store.engine, "begin", begun.append)
    line, serving = serve(bridge, "CS-1", "SN-1", PROVED)
    await until(lambda: "CS-1" in bridge._sessions)
    await bridge._sessions["CS-1"].line.finish_work()
    assert len(begun) == 1
    line.hang_up()
    await serving


async def test_a_walk_hears_that_its_station_is_back(fleet, signing_room, monkeypatch):
    signing_room.connect("CS-1", SecurityProfile.TLS_BASIC, version=OcppVersion.V201)
    fleet.start_walk("CS-1", 3, "user:anna")
    heard: list[object] = []
    monkeypatch.setattr(machine, "advance", lambda walk, at, seen, now, pace: heard.append(seen) or (at, ()))
    bridge = Bridge(fleet, signing_room.authority)
    line, serving = serve(bridge, "CS-1", "SN-1", PROVED)
    await until(lambda: Connected(SecurityProfile.TLS_BASIC, None, None) in heard)
    line.hang_up()
    await serving
    assert heard[-1] == Disconnected()
